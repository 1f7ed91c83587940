//! `journalban suggest` on a journal file: which jails would have found something, and what to
//! write to enable them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fields::write_file;

/// sshd is enabled as it ships, gitea is not, and miniflux has nothing to find.
const JAILS: [&str; 3] = ["gitea", "miniflux", "sshd"];

/// The output of `journalban suggest` with these arguments, and its exit code.
fn suggest(root: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_journalban"))
        .arg("--root")
        .arg(root)
        .arg("suggest")
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

/// A root with a few of the shipped jails, which read `journal`.
fn root(journal: &Path) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = root.path().join("usr/lib/journalban");
    let etc = root.path().join("etc/journalban/jail.d");
    fs::create_dir_all(lib.join("jails")).expect("makes directories");
    fs::create_dir_all(&etc).expect("makes directories");
    std::os::unix::fs::symlink(source.join("filters"), lib.join("filters")).expect("links");
    for jail in JAILS {
        let file = format!("{jail}.toml");
        fs::copy(
            source.join("jails").join(&file),
            lib.join("jails").join(&file),
        )
        .expect("copies");
        let text = format!("[{jail}]\njournal_directory = \"{}\"\n", journal.display());
        fs::write(etc.join(file), text).expect("writes");
    }
    root
}

#[test]
fn jails_that_would_have_found_something_are_suggested() {
    let journal = tempfile::tempdir().expect("a directory");
    let ssh = |message| {
        [
            ("_SYSTEMD_UNIT", "ssh.service"),
            ("_UID", "0"),
            ("SYSLOG_IDENTIFIER", "sshd"),
            ("_PID", "4711"),
            ("MESSAGE", message),
        ]
    };
    let gitea = |message| [("_SYSTEMD_UNIT", "gitea.service"), ("MESSAGE", message)];
    let forged = [
        ("_SYSTEMD_UNIT", "user@1000.service"),
        ("_UID", "1000"),
        ("SYSLOG_IDENTIFIER", "sshd"),
        (
            "MESSAGE",
            "Failed password for root from 192.0.2.9 port 1 ssh2",
        ),
    ];
    let written = write_file(
        &journal.path().join("a.journal"),
        &[
            &ssh("Failed password for root from 192.0.2.1 port 1 ssh2"),
            &ssh("Failed password for root from 192.0.2.1 port 1 ssh2"),
            &ssh("Failed password for root from 192.0.2.2 port 1 ssh2"),
            &ssh("Accepted publickey for root from 192.0.2.3 port 1 ssh2: ED25519 SHA256:x"),
            &forged,
            &gitea("Failed authentication attempt for bob from 2001:db8::1"),
            &gitea("Starting new Web server: tcp:0.0.0.0:3000 on PID: 7"),
        ],
    );
    if !written {
        return;
    }
    let root = root(journal.path());
    let since = ["--since", "2023-11-01"];

    let (text, code) = suggest(root.path(), &[&since[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&text).expect("JSON");
    let found: Vec<Value> = found.as_array().expect("a list").clone();
    let told = |it: &Value| json!([it["jail"], it["enabled"], it["failures"], it["addresses"]]);
    let told: Vec<Value> = found.iter().map(told).collect();
    assert_eq!(code, Some(0));
    assert_eq!(
        told,
        [json!(["gitea", false, 1, 1]), json!(["sshd", true, 3, 2])]
    );

    // The drop-in of the one that is not enabled, and of no other.
    let (text, _) = suggest(root.path(), &since);
    assert!(
        text.contains("# /etc/journalban/jail.d/gitea.toml\n[gitea]\nenabled = true\n"),
        "{text}"
    );
    assert!(!text.contains("[sshd]"), "{text}");

    // What is older than it is asked for is not looked at: nothing is found, and that is said.
    let (text, code) = suggest(root.path(), &["--since", "2024-01-01"]);
    assert!(text.contains("none of 3 jails"), "{text}");
    assert_eq!(code, Some(1));
}

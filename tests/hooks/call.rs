//! Calls of hooks below a root of the test's own, as the daemon makes them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A root with the shipped hooks in it, and a directory for what stand-ins store.
pub struct Root(TempDir);

/// What became of a call.
pub struct Called {
    pub report: Value,
    pub code: i32,
    /// What went to the journal.
    pub log: String,
}

impl Root {
    pub fn new() -> Self {
        let root = Self(tempfile::tempdir().expect("a directory"));
        let lib = root.path("usr/lib/journalban");
        fs::create_dir_all(&lib).expect("makes directories");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("units/hooks");
        symlink(shipped, lib.join("hooks")).expect("links");
        root
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub fn write(&self, below: &str, text: &str) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes directories");
        fs::write(&path, text).expect("writes");
        path
    }

    /// A shell script that stands in for a program; `$here` is the root.
    pub fn program(&self, below: &str, script: &str) -> String {
        let here = self.0.path().display();
        let path = self.write(below, &format!("#!/bin/sh\nhere='{here}'\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets the mode");
        path.display().to_string()
    }

    pub fn read(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).expect(below)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_journalban"));
        command
            .arg("--root")
            .arg(self.0.path())
            .arg("hook")
            .env("CREDENTIALS_DIRECTORY", self.path("credentials"));
        command
    }

    /// Calls a hook as the daemon does: over a socket that is standard input.
    pub fn call(&self, hook: &str, parameters: &Value, facts: &Value) -> Called {
        let set = parameters.as_object().expect("parameters").iter();
        // A JSON string is one of TOML as well.
        let set: Vec<String> = set
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect();
        let main = format!("[hook.{hook}]\n{}", set.concat());
        self.write("etc/journalban/journalban.toml", &main);
        let call = json!({ "hook": hook, "facts": facts });
        let (mut daemon, process) = UnixStream::pair().expect("a pair of sockets");
        let child = self
            .command()
            .stdin(Stdio::from(OwnedFd::from(process)))
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        writeln!(daemon, "{call}").expect("writes");
        let mut line = String::new();
        BufReader::new(daemon).read_line(&mut line).expect("reads");
        let output = child.wait_with_output().expect("ends");
        Called {
            report: serde_json::from_str(&line).expect("a report"),
            code: output.status.code().expect("an exit code"),
            log: String::from_utf8(output.stdout).expect("UTF-8"),
        }
    }
}

impl Called {
    pub fn outcome(&self) -> &str {
        self.report["outcome"].as_str().expect("an outcome")
    }

    pub fn message(&self) -> &str {
        self.report["message"].as_str().expect("a message")
    }

    /// Asserts that it was done.
    pub fn done(self) -> Self {
        assert_eq!(self.outcome(), "done", "{:#}", self.report);
        assert_eq!(self.code, 0);
        self
    }

    /// Asserts that there was nothing to do, for a reason that holds `part`.
    pub fn nothing(self, part: &str) -> Self {
        assert_eq!(self.outcome(), "nothing-to-do", "{:#}", self.report);
        assert!(self.message().contains(part), "{}", self.message());
        assert_eq!(self.code, 0);
        self
    }
}

/// The facts of a ban whose texts are an attacker's worst, 8 KiB and more.
pub fn hostile(address: &str) -> Value {
    let worst = "\"'\\; $(touch owned) `touch owned` \r\nBcc: evil@example.net\r\n.\r\n\
                 \u{1b}]0;x\u{7} --config=/etc/passwd @/etc/passwd {credential:secret} {jail} \
                 %0a<script>\u{202e}é\u{0}\n\n";
    let reason = worst.repeat(8 * 1024 / worst.len() + 1);
    json!({
        "action": "ban",
        "jail": "sshd",
        "address": address,
        "time": "2026-11-20T10:00:00Z",
        "until": "2026-11-20T11:00:00Z",
        "failures": 5,
        "offence": 1,
        "cause": "log",
        "reason": reason,
        "lines": [worst, "-t\n-bcc", reason],
    })
}

/// The same facts of its unban.
pub fn unban(address: &str, held_by_others: bool) -> Value {
    json!({
        "action": "unban",
        "jail": "sshd",
        "address": address,
        "time": "2026-11-20T11:00:00Z",
        "cause": "expired",
        "held_by_others": held_by_others,
    })
}

/// Whether curl is there; says so if not.
pub fn has_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    if !found {
        assert!(
            std::env::var_os("JOURNALBAN_NO_SKIP").is_none_or(|value| value != "1"),
            "skipped, though JOURNALBAN_NO_SKIP=1: curl is not installed (make deps)"
        );
        println!("skipped: curl is not installed (make deps)");
    }
    found
}

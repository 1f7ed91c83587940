//! The program below a root of its own, with a daemon that bans nobody (`backend = "dry-run"`), so
//! that no privileges are needed.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Until something counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A root with the shipped filters and jails, and a journal that nobody writes to.
pub fn root() -> TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = root.path().join("usr/lib/journalban");
    fs::create_dir_all(&lib).expect("makes a directory");
    for part in ["filters", "jails"] {
        std::os::unix::fs::symlink(source.join(part), lib.join(part)).expect("links");
    }
    let journal = root.path().join("journal");
    fs::create_dir(&journal).expect("makes a directory");
    write(
        &root,
        "etc/journalban/journalban.toml",
        "backend = \"dry-run\"\n",
    );
    let jail = format!("[sshd]\njournal_directory = \"{}\"\n", journal.display());
    write(&root, "etc/journalban/jail.d/sshd.toml", &jail);
    root
}

pub fn write(root: &TempDir, path: &str, text: &str) {
    let path = root.path().join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("makes directories");
    fs::write(path, text).expect("writes");
}

pub fn program(root: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_journalban"));
    command
        .arg("--root")
        .arg(root.path())
        .env_remove("STATE_DIRECTORY")
        .env("TZ", "UTC");
    command
}

pub fn run(root: &TempDir, arguments: &[&str]) -> Output {
    program(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("runs")
}

/// Runs with `input` on standard input.
pub fn feed(root: &TempDir, arguments: &[&str], input: &str) -> Output {
    let mut child = program(root)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("writes");
    drop(stdin);
    child.wait_with_output().expect("ends")
}

pub fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

pub fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(stdout(output)).unwrap_or_else(|error| panic!("{error}: {errors}"))
}

/// A daemon that ends with the test.
pub struct Daemon(pub Child);

impl Daemon {
    pub fn start(root: &TempDir) -> Self {
        Self::run(root, program(root).arg("daemon"))
    }

    /// Starts it with this command; its log goes to the file `log` below the root.
    pub fn run(root: &TempDir, command: &mut Command) -> Self {
        let log = fs::File::create(root.path().join("log")).expect("makes a file");
        let child = command
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("starts");
        let begun = journalban::clock::steady();
        while code(&run(root, &["ping"])) != 0 {
            assert!(begun.elapsed() < PATIENCE, "the daemon does not answer");
            thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }

    pub fn kill(mut self) {
        self.0.kill().expect("kills");
        self.0.wait().expect("ends");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

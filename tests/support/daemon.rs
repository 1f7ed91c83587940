//! A daemon with a root, a network namespace and a state of its own, started and killed at will.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use journalban::clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::namespace::Namespace;

/// Until a start counts as failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where a daemon lives: its files and its network.
pub struct Place {
    root: TempDir,
    namespace: Namespace,
}

/// A running daemon.
pub struct Daemon<'a> {
    place: &'a Place,
    child: Child,
    /// From the start of the process to READY=1.
    pub ready_after: Duration,
}

impl Place {
    /// A place with one jail that reads the journal namespace `journal` (or an empty directory), and
    /// these further keys; `None` without the privilege.
    pub fn new(journal: Option<&str>, keys: &str) -> Option<Self> {
        let namespace = Namespace::new()?;
        let root = tempfile::tempdir().expect("a directory");
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let lib = root.path().join("usr/lib/journalban");
        fs::create_dir_all(&lib).expect("makes a directory");
        std::os::unix::fs::symlink(source.join("filters"), lib.join("filters")).expect("links");
        let empty = root.path().join("journal");
        fs::create_dir(&empty).expect("makes a directory");
        let source = match journal {
            Some(name) => format!("namespace = \"{name}\""),
            None => format!("journal_directory = \"{}\"", empty.display()),
        };
        let place = Self { root, namespace };
        let jails = place.root.path().join("etc/journalban/jail.d");
        fs::create_dir_all(&jails).expect("makes a directory");
        let jail = format!(
            "[sshd]\nenabled = true\njournalmatch = \"SYSLOG_IDENTIFIER=sshd\"\n\
             bantime = \"1d\"\n{source}\n{keys}"
        );
        fs::write(jails.join("sshd.toml"), jail).expect("writes");
        Some(place)
    }

    /// Where the state is.
    pub fn state(&self) -> PathBuf {
        self.root.path().join("var/lib/journalban")
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub fn start(&self) -> Daemon<'_> {
        let socket = self.root.path().join("notify");
        let _ = fs::remove_file(&socket);
        let notices = UnixDatagram::bind(&socket).expect("a socket");
        notices.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let begun = clock::steady();
        let child = self.namespace.run(|| {
            self.command()
                .arg("daemon")
                .env("NOTIFY_SOCKET", &socket)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("starts")
        });
        let mut notice = [0; 4096];
        loop {
            let length = notices.recv(&mut notice).expect("it says something");
            if notice[..length].windows(7).any(|bytes| bytes == b"READY=1") {
                break;
            }
        }
        Daemon {
            place: self,
            child,
            ready_after: begun.elapsed(),
        }
    }

    /// Where the daemon is asked.
    pub fn socket(&self) -> PathBuf {
        self.root.path().join("run/journalban/io.journalban")
    }

    /// What nft(8) prints in the daemon's network namespace.
    pub fn nft(&self, arguments: &[&str]) -> String {
        let output = self
            .namespace
            .run(|| Command::new("nft").args(arguments).output());
        String::from_utf8(output.expect("nft(8) is there").stdout).expect("text")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_journalban"));
        command
            .arg("--root")
            .arg(self.root.path())
            .env_remove("STATE_DIRECTORY");
        command
    }
}

impl Daemon<'_> {
    /// Ends it as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("our own child");
    }

    /// What a subcommand prints as JSON.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = self
            .place
            .command()
            .args(arguments)
            .arg("--json")
            .output()
            .expect("runs");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// A number of the jail's status.
    pub fn count(&self, key: &str) -> u64 {
        self.ask(&["status"])["jails"][0][key]
            .as_u64()
            .unwrap_or_default()
    }

    /// Resident memory in bytes: now, and at the most (`VmRSS` and `VmHWM` of proc(5)).
    pub fn memory(&self) -> (u64, u64) {
        memory_of(&self.child.id().to_string())
    }

    /// Time on a processor so far.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it lives");
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        // utime and stime are the 14th and 15th field of all, in hundredths of a second.
        let ticks: u64 = behind_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// Resident memory of a process in bytes: now, and at the most.
pub fn memory_of(pid: &str) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let figure = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default() * 1024
    };
    (figure("VmRSS:"), figure("VmHWM:"))
}

//! A private journald: a real one, for a namespace of its own, also where PID 1 is not systemd.
//!
//! `systemd-journald NAME` listens on sockets in `/run/systemd/journal.NAME/` and writes to
//! `/var/log/journal/MACHINE-ID.NAME/` (systemd-journald.service(8)). All that goes with it.

use std::fs;
use std::io::Write;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use journalban::clock;
use rustix::process::{Pid, Signal, kill_process};

use super::skip::skip;

const PROGRAM: &str = "/lib/systemd/systemd-journald";
/// No limit on how much is logged, and nothing from outside.
const CONFIGURATION: &str = "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n\
    RateLimitBurst=0\nForwardToSyslog=no\nForwardToWall=no\nMaxLevelStore=debug\n";

/// A running journald; dropped, it ends and leaves nothing behind.
pub struct Journald {
    name: String,
    child: Child,
    native: UnixDatagram,
}

impl Journald {
    /// Starts one, or says why it cannot.
    pub fn start() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            skip("a private journald needs root");
            return None;
        }
        if !Path::new(PROGRAM).exists() {
            skip(&format!("{PROGRAM} is not installed"));
            return None;
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("jbt{}-{count}", std::process::id());
        fs::create_dir_all(runtime(&name)).expect("creates the runtime directory");
        fs::create_dir_all("/etc/systemd").expect("creates /etc/systemd");
        fs::write(configuration(&name), CONFIGURATION).expect("writes the configuration");
        let child = spawn(&name);
        let native = UnixDatagram::unbound().expect("makes a socket");
        let journald = Self {
            name,
            child,
            native,
        };
        journald.connect();
        Some(journald)
    }

    /// The namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its files are.
    pub fn directory(&self) -> PathBuf {
        directory("/var/log/journal", &self.name)
    }

    /// Logs one entry with any fields by the native protocol
    /// (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>).
    pub fn send(&self, fields: &[(&str, &[u8])]) {
        let mut datagram = Vec::new();
        for (name, value) in fields {
            datagram.extend_from_slice(name.as_bytes());
            datagram.push(b'\n');
            datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
            datagram.extend_from_slice(value);
            datagram.push(b'\n');
        }
        self.native.send(&datagram).expect("sends an entry");
    }

    /// Logs one message of a program named `identifier`.
    pub fn log(&self, identifier: &str, message: &str) {
        self.send(&[
            ("SYSLOG_IDENTIFIER", identifier.as_bytes()),
            ("MESSAGE", message.as_bytes()),
        ]);
    }

    /// Logs one message as syslog(3) does.
    pub fn syslog(&self, line: &str) {
        let socket = UnixDatagram::unbound().expect("makes a socket");
        socket
            .send_to(line.as_bytes(), runtime(&self.name).join("dev-log"))
            .expect("sends a line");
    }

    /// What a unit's standard output is connected to; each line is an entry.
    pub fn stream(&self, identifier: &str) -> UnixStream {
        let mut stream = UnixStream::connect(runtime(&self.name).join("stdout")).expect("connects");
        // identifier, unit, priority, level prefix, forward to syslog, kmsg and console
        stream
            .write_all(format!("{identifier}\n\n6\n0\n0\n0\n0\n").as_bytes())
            .expect("sends the header");
        stream
    }

    /// Begins new files now (SIGUSR2).
    pub fn rotate(&self) {
        kill_process(self.pid(), Signal::USR2).expect("sends a signal");
    }

    /// Ends it and starts it again.
    pub fn restart(&mut self) {
        self.end();
        self.child = spawn(&self.name);
        self.connect();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn end(&mut self) {
        // SIGTERM, so that it writes out and closes its files.
        let _ = kill_process(self.pid(), Signal::TERM);
        let _ = self.child.wait();
    }

    /// Connects to its socket, as soon as it listens and minds signals: it takes them after it has
    /// its sockets, and until then SIGUSR2 would end it.
    fn connect(&self) {
        let socket = runtime(&self.name).join("socket");
        until("journald listens", || self.native.connect(&socket).is_ok());
        let status = format!("/proc/{}/status", self.child.id());
        until("journald minds signals", || {
            let status = fs::read_to_string(&status).expect("journald runs");
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
            let blocked = u64::from_str_radix(blocked.expect("a mask").trim(), 16).expect("hex");
            blocked & 1 << (Signal::USR2.as_raw() - 1) != 0
        });
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_dir_all(runtime(&self.name));
        let _ = fs::remove_dir_all(self.directory());
        let _ = fs::remove_dir_all(directory("/run/log/journal", &self.name));
        let _ = fs::remove_file(configuration(&self.name));
    }
}

/// Waits until `done`, at most ten seconds.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = clock::steady();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn spawn(name: &str) -> Child {
    Command::new(PROGRAM)
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts journald")
}

fn runtime(name: &str) -> PathBuf {
    PathBuf::from(format!("/run/systemd/journal.{name}"))
}

fn directory(root: &str, name: &str) -> PathBuf {
    let id = fs::read_to_string("/etc/machine-id").expect("reads the machine id");
    Path::new(root).join(format!("{}.{name}", id.trim()))
}

fn configuration(name: &str) -> PathBuf {
    PathBuf::from(format!("/etc/systemd/journald@{name}.conf"))
}

/// Whoever takes this file in proves first that it works; so is all of it used everywhere.
#[test]
fn a_private_journald_stores_what_it_is_sent() {
    let Some(mut journald) = Journald::start() else {
        return;
    };
    let namespace = format!("--namespace={}", journald.name());
    let has = |text: &str| {
        let output = Command::new("journalctl")
            .args([&namespace, "-o", "cat"])
            .output();
        let output = output.expect("runs journalctl").stdout;
        String::from_utf8_lossy(&output)
            .lines()
            .any(|line| line == text)
    };
    journald.log("fixture", "by the native protocol");
    journald.syslog("<38>fixture: by syslog");
    writeln!(journald.stream("fixture"), "by a stream").expect("writes");
    for text in ["by the native protocol", "by syslog", "by a stream"] {
        until(text, || has(text));
    }
    let files = || fs::read_dir(journald.directory()).map_or(0, Iterator::count);
    let before = files();
    journald.rotate();
    until("it has rotated", || files() > before);
    journald.restart();
    journald.log("fixture", "after a restart");
    until("it has restarted", || has("after a restart"));
}

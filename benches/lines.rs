//! How many lines a second `journalban test --json` takes of a long log: `cargo bench --bench lines`.
//!
//! A million lines of sshd go to the program's standard input. What counts is the processor's time
//! that the program used, so that others on the machine do not; its largest memory is shown for the
//! first tenth of the lines and for all, for it must not grow with them.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LINES: u32 = 1_000_000;
/// The unit of the times in `/proc/PID/stat` (proc(5), `sysconf(_SC_CLK_TCK)`), a second.
const TICKS: f64 = 100.0;
const RUNS: usize = 3;

const MESSAGES: [&str; 8] = [
    "Failed password for invalid user admin from ADDR port 50273 ssh2",
    "Invalid user oracle from ADDR port 50273",
    "Connection closed by authenticating user root ADDR port 50273 [preauth]",
    "Accepted publickey for git from ADDR port 50273 ssh2: ED25519 SHA256:0123456789",
    "Received disconnect from ADDR port 50273:11: Bye Bye [preauth]",
    "pam_unix(sshd:session): session opened for user git(uid=1000) by (uid=0)",
    "Disconnected from invalid user oracle ADDR port 50273 [preauth]",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=ADDR",
];

fn main() {
    // Also built by `cargo test --all-targets`, which must not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let root = root();
    let log = log();
    for _ in 0..RUNS {
        run(root.path(), &log);
    }
}

/// A root with the filters that ship.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let lib = root.path().join("usr/lib/journalban");
    fs::create_dir_all(&lib).expect("makes a directory");
    for part in ["filters", "jails"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(part);
        std::os::unix::fs::symlink(source, lib.join(part)).expect("links");
    }
    root
}

/// Lines of some ten thousand connections a day, from as many addresses.
fn log() -> Vec<u8> {
    let mut log = Vec::new();
    for at in 0..LINES {
        let second = at / 12;
        let (day, hour) = (1 + second / 86400, second / 3600 % 24);
        let (minute, second) = (second / 60 % 60, second % 60);
        // Scatters the lines over the addresses (Knuth's multiplicative hashing).
        let some = at.wrapping_mul(2_654_435_761) >> 16;
        let addr = format!(
            "198.{}.{}.{}",
            18 + some % 2,
            some / 2 % 64,
            1 + some / 128 % 254
        );
        let message = MESSAGES[some as usize / 7 % MESSAGES.len()].replace("ADDR", &addr);
        let pid = 1000 + at / 3 % 30_000;
        writeln!(
            log,
            "Nov {day:>2} {hour:02}:{minute:02}:{second:02} host sshd[{pid}]: {message}"
        )
        .expect("memory takes it");
    }
    log
}

fn run(root: &Path, log: &[u8]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_journalban"))
        .arg("--root")
        .arg(root)
        .args(["test", "--json", "sshd", "-"])
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let (first, rest) = log.split_at(log.len() / 10);
    stdin.write_all(first).expect("writes");
    let early = memory(&child);
    stdin.write_all(rest).expect("writes");
    let late = memory(&child);
    drop(stdin);
    let took = used(&child);
    assert!(child.wait().expect("ends").success());
    println!(
        "journalban test --json   {:>12.0} lines/s ({early} kB at most for a tenth, {late} kB for all)",
        f64::from(LINES) / took
    );
}

/// The most memory that it had so far, in kB.
fn memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("reads");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|most| most.trim().strip_suffix(" kB"));
    most.and_then(|most| most.parse().ok()).expect("a size")
}

/// The processor's time that it used until its end, in seconds.
fn used(child: &Child) -> f64 {
    loop {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("reads");
        let (_, fields) = stat.rsplit_once(") ").expect("fields");
        let fields: Vec<&str> = fields.split(' ').collect();
        // It has ended and nobody asked how: its times stand still and are still told.
        if fields[0] == "Z" {
            let ticks = |field: &str| field.parse::<f64>().expect("a number");
            return (ticks(fields[11]) + ticks(fields[12])) / TICKS;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

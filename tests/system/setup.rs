//! journalban in the container: installed as an administrator would, and asked as one would.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::container::Container;

/// `MESSAGE_ID` of the entry that tells of a ban (units/journalban.catalog).
pub const BAN_ID: &str = "7f1e705c77ce4bfbb45921c0c41a83f8";
/// `MESSAGE_ID` of the entry that tells of a mistake in the configuration.
pub const MISTAKE_ID: &str = "f7697aff985142bea60bfac67bc11264";

/// Installs journalban, gives it an sshd jail with these further keys, enables and starts it.
pub fn install(container: &Container, keys: &str) {
    container.sh("make --no-print-directory -C /mnt/source install BINARY=/mnt/journalban");
    let jail = format!("[sshd]\nenabled = true\n{keys}");
    container.write("/etc/journalban/jail.d/sshd.toml", &jail);
    container.sh("systemctl enable --now journalban");
}

/// What a command prints as JSON; it must succeed.
fn json(container: &Container, command: &str) -> Value {
    let text = container.sh(command);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command}: {error} in {text}"))
}

/// The sshd jail as `status --json` shows it.
pub fn sshd_status(container: &Container) -> Value {
    json(container, "journalban status sshd --json")["jails"][0].clone()
}

/// A number of the sshd jail's status.
pub fn sshd_count(container: &Container, key: &str) -> u64 {
    let status = sshd_status(container);
    status[key]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {key} in {status}"))
}

/// The prefixes that `list --json` shows, sorted.
pub fn listed(container: &Container) -> Vec<String> {
    let list = json(container, "journalban list --json");
    let bans = list["bans"].as_array().expect("bans");
    let mut prefixes: Vec<String> = bans
        .iter()
        .map(|ban| ban["prefix"].as_str().expect("prefix").to_owned())
        .collect();
    prefixes.sort();
    prefixes
}

/// How many elements the kernel's sets of journalban hold; 0 if the table is gone.
pub fn enforced(container: &Container) -> usize {
    let output = container.run("nft --json list table inet journalban");
    let Ok(ruleset) = serde_json::from_slice::<Value>(&output.stdout) else {
        return 0;
    };
    let objects = ruleset["nftables"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    objects
        .iter()
        .filter_map(|object| object["set"]["elem"].as_array())
        .map(Vec::len)
        .sum()
}

/// Whether one of journalban's sets in the kernel holds exactly this address.
pub fn enforces(container: &Container, address: &str) -> bool {
    container
        .sh("nft list table inet journalban")
        .contains(&format!("{address} "))
}

/// journalban's own entries about bans.
pub fn ban_log(container: &Container) -> Vec<Value> {
    let log = container.sh(&format!(
        "journalctl -u journalban -o json --no-pager MESSAGE_ID={BAN_ID}"
    ));
    log.lines()
        .map(|line| serde_json::from_str(line).expect("journalctl writes JSON"))
        .collect()
}

/// The line that sshd logs for a wrong password.
pub fn failure_line(address: &str, n: usize) -> String {
    format!(
        "Failed password for invalid user u{n} from {address} port {} ssh2",
        1024 + n % 60000
    )
}

/// Writes lines to the container's /dev/log as root and with the identifier `sshd`, which is what
/// an sshd of the same journal would do; returns when journald has taken the last one.
pub fn log_as_sshd(container: &Container, lines: impl IntoIterator<Item = String>) {
    let mut logger = container
        .command("logger")
        .args(["--tag", "sshd", "--priority", "auth.info", "--id=4711"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("nsenter is part of util-linux");
    let mut pipe = std::io::BufWriter::new(logger.stdin.take().expect("piped"));
    for line in lines {
        writeln!(pipe, "{line}").expect("logger reads to the end");
    }
    drop(pipe);
    assert!(
        logger.wait().expect("our own child").success(),
        "logger failed"
    );
}

/// How exposed a unit is, by systemd-analyze(1): 0 to 10.
pub fn exposure(container: &Container, unit: &str) -> f64 {
    let security = container.sh(&format!("systemd-analyze security --no-pager {unit}"));
    let verdict = security
        .lines()
        .rfind(|line| line.contains("exposure level"))
        .expect("verdict");
    println!("{verdict}");
    verdict
        .split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no figure in {verdict}"))
}

//! How long from the write of the deciding line until the kernel keeps the attacker out.
//!
//! `make bench` boots a container (as tests/system does), installs journalban in it, and attacks:
//! first a second apart, then many at once; then the same with Debian's fail2ban. The attacks
//! (`attack.rs`) run as a process of the container, because journald believes `_UID=0` only there.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod attack;
#[path = "../../tests/system/container.rs"]
mod container;

use std::fs;
use std::process::Stdio;

use container::Container;

/// Where this program lies in the container.
const INSIDE: &str = "/usr/local/bin/latency";

/// fail2ban as Debian ships it, on the same journal entries and with the same sets.
const FAIL2BAN: &str = "
[DEFAULT]
backend = systemd
banaction = nftables
banaction_allports = nftables[type=allports]
[sshd]
enabled = true
journalmatch = SYSLOG_IDENTIFIER=sshd
maxretry = 3
findtime = 10m
bantime = 1h
";

const JOURNALBAN: &str = "
[sshd]
enabled = true
maxretry = 3
findtime = \"10m\"
bantime = \"1h\"
";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, rest @ ..] = arguments.as_slice()
        && command == "attack"
    {
        return attack::run(rest);
    }
    let Some(container) = Container::boot("latency") else {
        return;
    };
    let myself = std::env::current_exe().expect("this program");
    fs::copy(myself, container.path(INSIDE)).expect("a copy in the container");

    // `cargo bench -- fail2ban` measures that one alone.
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !named("journalban") && !named("fail2ban");
    if all || named("journalban") {
        println!("\njournalban");
        container.sh("make --no-print-directory -C /mnt/source install BINARY=/mnt/journalban");
        container.write("/etc/journalban/jail.d/sshd.toml", JOURNALBAN);
        container.sh("systemctl start journalban");
        attack(&container, &["apart", "100", "18"]);
        attack(&container, &["burst", "1000", "19"]);
        println!("  {}", used(&container, "journalban"));
        container.sh("systemctl stop journalban && nft flush ruleset");
    }
    if (all || named("fail2ban")) && container.run("command -v fail2ban-server").status.success() {
        println!("\n{}", container.sh("fail2ban-server --version").trim());
        container.write("/etc/fail2ban/jail.local", FAIL2BAN);
        container.sh("mkdir -p /run/fail2ban && systemctl start fail2ban");
        container.wait_for("fail2ban", || {
            container
                .run("fail2ban-client status sshd")
                .status
                .success()
        });
        attack(&container, &["apart", "30", "20"]);
        attack(&container, &["burst", "1000", "21"]);
        println!("  {}", used(&container, "fail2ban"));
    }
}

/// Runs an attack in the container; it prints its figures itself.
fn attack(container: &Container, arguments: &[&str]) {
    let status = container
        .command(INSIDE)
        .arg("attack")
        .args(arguments)
        .stdout(Stdio::inherit())
        .status()
        .expect("nsenter is part of util-linux");
    assert!(status.success(), "attack {arguments:?}: {status}");
}

/// What the main process of a service has used so far.
fn used(container: &Container, unit: &str) -> String {
    let cpu_and_memory = container.sh(&format!(
        "ps -o cputime=,rss= -p $(systemctl show --property=MainPID --value {unit})"
    ));
    match cpu_and_memory.split_whitespace().collect::<Vec<_>>()[..] {
        [cpu, memory] => format!("CPU time {cpu}, memory {memory} KiB"),
        _ => panic!("no figures of {unit}: {cpu_and_memory}"),
    }
}

//! Bans outlive the daemon and other people's changes to the firewall.

use std::process::Stdio;
use std::time::Instant;

use crate::container::Container;
use crate::network::{ATTACKER, VICTIM, set_up};
use crate::setup::{
    enforced, enforces, failure_line, install, listed, log_as_sshd, sshd_count, sshd_status,
};

/// Connects to the victim again and again until told to stop; tells how often, and how often it
/// came through.
const STEADY_ATTACK: &str = "
    tries=0 through=0
    until [ -e /run/attack-over ]; do
        tries=$((tries + 1))
        if (exec 3<>/dev/tcp/192.0.2.1/22) 2>/dev/null; then through=$((through + 1)); fi
    done
    echo $tries $through";

#[test]
fn bans_and_counters_survive_a_kill() {
    let Some(container) = Container::boot("kill") else {
        return;
    };
    set_up(&container);
    install(&container, "maxretry = 3\nbantime = \"1h\"\n");
    log_as_sshd(&container, (0..3).map(|n| failure_line(ATTACKER, n)));
    log_as_sshd(&container, (0..2).map(|n| failure_line("198.51.100.7", n)));
    container.wait_for("the ban", || enforces(&container, ATTACKER));
    container.wait_for("five failures", || {
        sshd_count(&container, "total_failed") == 5
    });
    let rules = || container.sh("nft --stateless --terse list table inet journalban");
    let rules_before = rules();
    let pid = || container.sh("systemctl show --property=MainPID --value journalban");

    let mut attack = container.command("ip");
    let attack = attack
        .args(["netns", "exec", "attacker", "bash", "-c", STEADY_ATTACK])
        .stdout(Stdio::piped())
        .spawn()
        .expect("nsenter is part of util-linux");
    for _ in 0..3 {
        let before = pid();
        container.sh("systemctl kill --kill-who=main --signal=KILL journalban");
        container.wait_for("the restart", || {
            pid() != before && container.run("journalban ping").status.success()
        });
        assert_eq!(rules(), rules_before, "no rule is gone, changed or doubled");
        assert_eq!(enforced(&container), 1);
    }
    container.write("/run/attack-over", "");
    let attack = attack.wait_with_output().expect("our own child");
    let figures = String::from_utf8_lossy(&attack.stdout).into_owned();
    println!("3 kills; connections tried and come through: {figures}");
    let figures: Vec<u64> = figures
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    assert!(figures[0] >= 100, "too few tries to say anything");
    assert_eq!(figures[1], 0, "to {}", VICTIM[0]);

    // Two failures before the kills and one after them are three.
    assert!(!enforces(&container, "198.51.100.7"));
    log_as_sshd(&container, [failure_line("198.51.100.7", 3)]);
    container.wait_for("the ban of the third failure", || {
        enforces(&container, "198.51.100.7")
    });
    assert_eq!(listed(&container), ["192.0.2.66", "198.51.100.7"]);
}

#[test]
fn a_flushed_ruleset_is_healed() {
    let Some(container) = Container::boot("flush") else {
        return;
    };
    install(&container, "maxretry = 3\nbantime = \"1h\"\n");
    let addresses = (0..1000).map(|n| format!("198.51.{}.{}", 100 + n / 250, 1 + n % 250));
    log_as_sshd(
        &container,
        addresses.flat_map(|address| (0..3).map(move |n| failure_line(&address, n))),
    );
    container.wait_for("1000 bans", || enforced(&container) == 1000);
    assert_eq!(sshd_status(&container)["currently_banned"], 1000);
    let rules = || container.sh("nft --stateless --terse list table inet journalban");
    let rules_before = rules();

    // Not more than a few: who flushes again and again is met more and more slowly.
    for n in 1..=3 {
        container.sh("nft flush ruleset");
        let flushed = Instant::now();
        container.wait_for("1000 bans again", || enforced(&container) == 1000);
        let milliseconds = flushed.elapsed().as_secs_f64() * 1e3;
        println!("1000 bans back {milliseconds:.1} ms after `nft flush ruleset`, time {n}");
    }
    assert_eq!(rules(), rules_before);
    container.sh("nft delete table inet journalban");
    container.wait_for("1000 bans again", || enforced(&container) == 1000);
}

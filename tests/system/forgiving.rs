//! `forgive_on_success`: who has logged in is not banned for what he mistypes; others are.

use crate::container::Container;
use crate::network::{ATTACKER, ATTACKER6, Attempt, VICTIM, log_in, set_up};
use crate::setup::{enforces, failure_line, install, listed, log_as_sshd, sshd_count};

/// So far back failures count: a login that is longer ago is seen again only if it is looked for.
const FINDTIME: u64 = 4;

#[test]
fn who_has_logged_in_is_forgiven_also_after_a_restart() {
    let Some(container) = Container::boot("forgiving") else {
        return;
    };
    set_up(&container);
    install(
        &container,
        &format!("maxretry = 3\nfindtime = {FINDTIME}\nforgive_on_success = \"1d\"\n"),
    );
    let attempt = |password: &str| log_in(&container, ATTACKER, VICTIM[0], "alice", password);
    let failed = || sshd_count(&container, "total_failed");
    let ignored = || sshd_count(&container, "total_ignored");
    let fail = |address: &str| log_as_sshd(&container, (0..3).map(|n| failure_line(address, n)));

    assert_eq!(attempt("wrong"), Attempt::Denied);
    container.wait_for("the failure", || failed() == 1);
    assert_eq!(attempt("right"), Attempt::In);
    // One attempt, and what else comes from the address.
    assert_eq!(attempt("wrong"), Attempt::Denied);
    fail(ATTACKER);
    container.wait_for("them to be ignored", || ignored() == 4);
    assert_eq!((failed(), listed(&container)), (1, vec![]));

    let now = || -> u64 { container.sh("date +%s").trim().parse().expect("seconds") };
    let login = now();
    container.sh("systemctl stop journalban");
    container.wait_for("findtime to be over", || now() > login + FINDTIME);
    container.sh("systemctl start journalban");
    fail(ATTACKER);
    container.wait_for("them to be ignored", || ignored() == 7);
    assert_eq!((failed(), listed(&container)), (1, vec![]));

    // Somebody else, who has not.
    fail(ATTACKER6[0]);
    container.wait_for("the ban", || enforces(&container, "2001:db8:a::"));
}

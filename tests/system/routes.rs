//! The unit's sandbox lets the daemon change routes, and what one backend has put there is gone
//! when another takes its place.

use crate::container::Container;
use crate::setup::{enforced, enforces, failure_line, install, log_as_sshd, sshd_status};

const ATTACKER: &str = "198.51.100.7";

/// The daemon's routes.
fn routes(container: &Container) -> String {
    container.sh("ip -4 route show proto 219; ip -6 route show proto 219")
}

/// Whether there is a table of the daemon's.
fn has_table(container: &Container) -> bool {
    let listing = container.run("nft list table inet journalban");
    listing.status.success()
}

#[test]
fn bans_are_routes_and_leave_with_the_backend() {
    let Some(container) = Container::boot("routes") else {
        return;
    };
    let choose = |backend: &str| {
        let main = format!("backend = \"{backend}\"\n");
        container.sh("mkdir -p /etc/journalban");
        container.write("/etc/journalban/journalban.toml", &main);
    };
    choose("route");
    install(
        &container,
        "maxretry = 3\nbantime = \"1h\"\nroute = \"unreachable\"\nend_connections = true\n",
    );
    log_as_sshd(&container, (0..3).map(|n| failure_line(ATTACKER, n)));
    let ban = format!("unreachable {ATTACKER} ");
    container.wait_for("the route", || routes(&container).contains(&ban));
    assert!(!has_table(&container));
    let status = sshd_status(&container);
    assert_eq!(status["currently_banned"], 1, "{status}");
    assert!(status["dropped_packets"].is_null(), "{status}");
    container.sh("journalban ban 2001:db8::/64");
    assert!(routes(&container).contains("blackhole 2001:db8::/64 "));
    container.sh(&format!("ip route del unreachable {ATTACKER}"));
    container.wait_for("the route again", || routes(&container).contains(&ban));

    choose("nftables");
    container.sh("systemctl reload journalban");
    container.wait_for("the sets in its place", || {
        enforces(&container, ATTACKER) && routes(&container).is_empty()
    });
    assert_eq!(enforced(&container), 2);

    container.sh("systemctl stop journalban");
    choose("dry-run");
    container.sh("systemctl start journalban");
    assert!(!has_table(&container), "nobody would lift those bans");
    choose("route");
    container.sh("systemctl reload journalban");
    container.wait_for("the routes", || routes(&container).contains(&ban));

    // Not even a stop lifts them, but a start finds what is left.
    container.sh("systemctl stop journalban");
    assert!(routes(&container).contains(&ban));
    choose("nftables");
    container.sh("systemctl start journalban");
    assert_eq!(routes(&container), "");
    assert!(enforces(&container, ATTACKER));
    let log = container.sh("journalctl -u journalban --no-pager -o cat");
    assert!(log.contains("route is not used any more"), "{log}");
    for trouble in ["may go on", "may still be in force", "not in force"] {
        assert!(!log.contains(trouble), "{log}");
    }
}

#[test]
fn an_owned_table_is_taken_over_by_the_next_life() {
    let Some(container) = Container::boot("owner") else {
        return;
    };
    container.sh("mkdir -p /etc/journalban");
    container.write(
        "/etc/journalban/journalban.toml",
        "[nftables]\nowner = true\n",
    );
    install(&container, "maxretry = 3\nbantime = \"1h\"\n");
    log_as_sshd(&container, (0..3).map(|n| failure_line(ATTACKER, n)));
    container.wait_for("the ban", || enforces(&container, ATTACKER));
    container.sh("nft flush ruleset");
    assert!(enforces(&container, ATTACKER));
    let foreign = "nft add element inet journalban v4-sshd '{ 192.0.2.1 }'";
    assert!(!container.run(foreign).status.success());
    container.sh("systemctl kill --kill-who=main --signal=KILL journalban");
    container.wait_for("the next life", || {
        container.run("journalban ping").status.success()
    });
    assert!(enforces(&container, ATTACKER));
    assert!(!container.run(foreign).status.success());
    // Others may again as soon as a reload says so.
    container.write("/etc/journalban/journalban.toml", "");
    container.sh("systemctl reload journalban");
    container.wait_for("the table without an owner", || {
        !container
            .sh("nft list table inet journalban")
            .contains("owner")
    });
    assert!(enforces(&container, ATTACKER));
    container.sh(foreign);
    // What is not ours is undone.
    container.wait_for("our own content", || enforced(&container) == 1);
}

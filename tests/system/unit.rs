//! The unit: an unprivileged user, one capability, a sandbox that the score shows.

use crate::container::Container;
use crate::setup::{exposure, install};

/// `CAP_NET_ADMIN` alone, as /proc/PID/status writes a set of capabilities.
const NET_ADMIN: &str = "0000000000001000";

#[test]
fn the_service_is_active_watched_and_confined() {
    let Some(container) = Container::boot("unit") else {
        return;
    };
    install(&container, "");
    println!("{}", container.sh("systemctl status --no-pager journalban"));
    let property = |name: &str| {
        let value = container.sh(&format!(
            "systemctl show --property={name} --value journalban"
        ));
        value.trim_end().to_owned()
    };
    assert_eq!(property("ActiveState"), "active");
    assert_eq!(property("NRestarts"), "0");
    assert_eq!(property("WatchdogUSec"), "30s");
    container.wait_for("a first sign to the watchdog", || {
        property("WatchdogTimestampMonotonic") != property("ActiveEnterTimestampMonotonic")
    });

    let status = container.sh(&format!("cat /proc/{}/status", property("MainPID")));
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {status}"))
            .trim()
            .to_owned()
    };
    for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
        assert_eq!(field(set), NET_ADMIN, "{set}");
    }
    let uid = container.sh("id --user journalban");
    let uids: Vec<String> = field("Uid:")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert!(
        uids.iter().all(|it| it == uid.trim()),
        "runs as {uids:?}, not as {uid}"
    );
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2");

    // Who is not in the group may not talk to the daemon.
    let stranger = container.run("setpriv --reuid=nobody --clear-groups journalban ping");
    assert_eq!(
        stranger.status.code(),
        Some(69),
        "{}",
        String::from_utf8_lossy(&stranger.stderr)
    );
    container.sh("setpriv --reuid=nobody --regid=journalban --clear-groups journalban ping");

    let exposure = exposure(&container, "journalban.service");
    assert!(exposure < 2.0, "{exposure}");

    let verify = container.run("systemd-analyze verify /usr/lib/systemd/system/journalban.service");
    let complaints = String::from_utf8_lossy(&verify.stderr);
    assert!(!complaints.contains("journalban"), "{complaints}");
    assert!(!container.sh("journalctl --boot").contains("ordering cycle"));

    container.sh("systemctl stop journalban");
    assert_eq!(property("Result"), "success");
    assert_eq!(
        container.run("journalban ping").status.code(),
        Some(69),
        "stopped is stopped"
    );

    // A configuration that cannot be meant: no restart would mend it.
    container.write(
        "/etc/journalban/journalban.toml",
        "backend = \"iptables\"\n",
    );
    assert!(!container.run("systemctl start journalban").status.success());
    assert_eq!(property("ExecMainStatus"), "78");
    assert_eq!(property("ActiveState"), "failed");
}

//! The main job: who fails to log in over SSH is kept out, is told of in the log, and is let in
//! again.

use std::thread;

use crate::container::Container;
use crate::network::{ATTACKER, ATTACKER6, Attempt, VICTIM, log_in, set_up};
use crate::setup::{ban_log, enforces, install, sshd_status};

#[test]
fn a_real_attacker_is_kept_out_and_let_in_again() {
    let Some(container) = Container::boot("ssh") else {
        return;
    };
    set_up(&container);
    install(
        &container,
        "maxretry = 3\nfindtime = \"10m\"\nbantime = \"1h\"\n",
    );

    // Side by side, as sshd takes 2 s over a wrong password. The third attempt may be cut: sshd logs
    // "Invalid user" before it has asked for the password, and that decides.
    let try_passwords = |from: &str, to: &str| {
        let attempt = || log_in(&container, from, to, "mallory", "wrong");
        assert_eq!([attempt(), attempt()], [Attempt::Denied; 2]);
        assert!(matches!(attempt(), Attempt::Denied | Attempt::Cut));
    };
    thread::scope(|scope| {
        scope.spawn(|| try_passwords(ATTACKER, VICTIM[0]));
        scope.spawn(|| try_passwords(ATTACKER6[0], VICTIM[1]));
    });
    container.wait_for("two bans", || {
        enforces(&container, ATTACKER) && enforces(&container, "2001:db8:a::")
    });
    let attempt = |from: &str, to: &str| log_in(&container, from, to, "alice", "right");
    assert_eq!(attempt(ATTACKER, VICTIM[0]), Attempt::Refused);
    assert_eq!(attempt(ATTACKER6[0], VICTIM[1]), Attempt::Refused);
    assert_eq!(
        attempt(ATTACKER6[1], VICTIM[1]),
        Attempt::Refused,
        "the same /64 is out as well"
    );

    let status = sshd_status(&container);
    println!("{}", container.sh("journalban status sshd"));
    assert_eq!(status["name"], "sshd");
    assert_eq!(status["currently_banned"], 2, "{status}");
    assert_eq!(status["total_banned"], 2, "{status}");
    assert_eq!(status["total_failed"], 6, "{status}");
    let mut banned: Vec<&str> = status["banned"]
        .as_array()
        .expect("banned")
        .iter()
        .filter_map(|it| it.as_str())
        .collect();
    banned.sort_unstable();
    assert_eq!(banned, ["192.0.2.66", "2001:db8:a::/64"]);
    assert!(status["dropped_packets"].as_u64() >= Some(3), "{status}");

    let log = ban_log(&container);
    assert_eq!(log.len(), 2, "{log:?}");
    for entry in &log {
        assert_eq!(entry["JOURNALBAN_JAIL"], "sshd");
        assert_eq!(entry["JOURNALBAN_ACTION"], "ban");
        let address = entry["JOURNALBAN_ADDRESS"].as_str().expect("an address");
        assert!(
            address == ATTACKER || address.starts_with("2001:db8:a:"),
            "{address}"
        );
        let message = entry["MESSAGE"].as_str().expect("a text");
        assert!(message.contains(address), "{message}");
        println!("{message}");
    }

    let explained = container.sh("journalctl --catalog --no-pager -u journalban");
    assert!(
        explained.contains("failed too often within the findtime"),
        "{explained}"
    );

    container.sh("journalban unban 192.0.2.66 && journalban unban 2001:db8:a::/64");
    assert_eq!(attempt(ATTACKER, VICTIM[0]), Attempt::In);
    assert_eq!(attempt(ATTACKER6[1], VICTIM[1]), Attempt::In);
    assert_eq!(sshd_status(&container)["currently_banned"], 0);
}

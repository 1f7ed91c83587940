//! What people read, word for word.

use super::*;
use crate::control::protocol::KeptReport;
use crate::model::{JailName, Story, UnbanCause};

const NOW: Time = Time::from_secs(1_800_000_000);

fn ago(secs: u64) -> Time {
    NOW.before(Duration::from_secs(secs))
}

fn name(name: &str) -> JailName {
    JailName::new(name).expect("a name")
}

fn jail(jail: &str) -> JailExplained {
    JailExplained {
        jail: name(jail),
        prefix: "192.0.2.7".parse().expect("a prefix"),
        enforced: true,
        spared: None,
        logged_in: None,
        bans: Vec::new(),
        failures: 0,
        maxretry: 5,
        findtime: "10m".to_owned(),
        last_failure: None,
        offences: 0,
        next_bantime: "10m".to_owned(),
    }
}

fn ban(jail: &str) -> Ban {
    Ban {
        jail: name(jail),
        prefix: "192.0.2.7".parse().expect("a prefix"),
        since: ago(48),
        until: Some(NOW.after(Duration::from_secs(552))),
        failures: 5,
        origin: Origin::Log,
        offence: 2,
        open: Box::default(),
        reason: "Failed password for root from 192.0.2.7 port 7".into(),
        lines: ["Failed password for \u{1b}[31mroot from 192.0.2.7 port 6".into()].into(),
    }
}

fn explained(jails: Vec<JailExplained>) -> Explained {
    Explained {
        address: "192.0.2.7".parse().expect("an address"),
        banned: jails.iter().any(|jail| !jail.bans.is_empty()),
        jails,
        other_jails: Vec::new(),
        kernel: Some(Vec::new()),
        kernel_error: None,
        history: Vec::new(),
    }
}

fn text(explained: &Explained) -> String {
    let when = |time: Time| time.to_string().chars().take(19).collect();
    let now = NOW;
    Text {
        explained,
        now,
        when,
    }
    .whole()
}

fn first_line(explained: &Explained) -> String {
    text(explained).lines().next().expect("a line").to_owned()
}

#[test]
fn who_is_banned_is_told_why_and_what_to_do() {
    let wide = Ban {
        prefix: "192.0.2.0/24".parse().expect("a prefix"),
        until: None,
        failures: 0,
        offence: 1,
        origin: Origin::Recidive,
        reason: "3 bans within 1day".into(),
        lines: Box::default(),
        ..ban("recidive")
    };
    let banned = Explained {
        other_jails: vec![name("a"), name("b")],
        kernel: Some(vec![KeptReport {
            jail: name("sshd"),
            place: "set v4-sshd of table inet journalban".to_owned(),
            packets: Some(12),
        }]),
        history: vec![Story {
            ban: Ban {
                since: ago(7200),
                ..ban("sshd")
            },
            ended: Some(ago(6600)),
            cause: Some(UnbanCause::Expired),
        }],
        ..explained(vec![
            JailExplained {
                failures: 2,
                last_failure: Some(ago(60)),
                ..jail("postfix")
            },
            JailExplained {
                bans: vec![wide],
                ..jail("recidive")
            },
            JailExplained {
                bans: vec![ban("sshd")],
                offences: 2,
                ..jail("sshd")
            },
        ])
    };
    assert_eq!(
        text(&banned),
        "\
192.0.2.7 IS BANNED forever, by recidive and sshd
BUT NOTHING IN THE KERNEL KEEPS IT OUT for recidive

postfix: 2 of 5 failures within 10m, the last at 2027-01-15T07:59:00
recidive: banned with all of 192.0.2.0/24 since 2027-01-15T07:59:12, forever
    as it was banned before:
      3 bans within 1day
sshd: banned since 2027-01-15T07:59:12 until 2027-01-15T08:09:12; ban number 2
    for 5 failures:
      Failed password for \\u{1b}[31mroot from 192.0.2.7 port 6
      Failed password for root from 192.0.2.7 port 7
2 more jails know nothing of it
in the kernel: set v4-sshd of table inet journalban keeps it out for sshd; 12 packets stopped in the jail so far

Banned before:
  2027-01-15T06:00:00 to 2027-01-15T06:10:00  sshd  192.0.2.7  expired

What to do:
  let it in again         journalban unban 192.0.2.7
  never ban it            add it to ignoreip, see journalban.toml(5)
  see all its bans        journalban history 192.0.2.7
"
    );
}

#[test]
fn who_is_not_banned_is_told_why_not() {
    let spared = Explained {
        kernel: None,
        ..explained(vec![
            JailExplained {
                spared: Some("192.0.2.0/24 (ignoreip)".to_owned()),
                ..jail("postfix")
            },
            JailExplained {
                spared: Some("192.0.2.0/24 (ignoreip)".to_owned()),
                ..jail("sshd")
            },
        ])
    };
    assert_eq!(
        text(&spared),
        "\
192.0.2.7 IS NOT BANNED: never ban 192.0.2.0/24 (ignoreip)

postfix and sshd: never bans 192.0.2.0/24 (ignoreip)

What to do:
  ban it all the same     take it out of ignoreip first
  see what a filter sees  journalban test --since -1h JAIL
  see all its bans        journalban history 192.0.2.7
"
    );
}

#[test]
fn the_first_line_is_the_verdict() {
    let nothing = explained(Vec::new());
    assert_eq!(
        first_line(&nothing),
        "192.0.2.7 IS NOT BANNED: no jail has seen it fail lately"
    );
    let failing = explained(vec![JailExplained {
        failures: 4,
        logged_in: Some(ago(100)),
        offences: 1,
        next_bantime: "20m".to_owned(),
        prefix: "2001:db8::/64".parse().expect("a prefix"),
        ..jail("sshd")
    }]);
    let lines = text(&failing);
    assert!(
        lines.starts_with("192.0.2.7 IS NOT BANNED: it has 4 of the 5 failures that ban in sshd\n")
    );
    assert!(
        lines.contains(
            "\nsshd (counts all of 2001:db8::/64): 4 of 5 failures within 10m; not counted, as it \
             logged in at 2027-01-15T07:58:20; 1 earlier bans count, the next one lasts 20m\n"
        ),
        "{lines}"
    );
    let left_over = Explained {
        kernel: Some(vec![KeptReport {
            jail: name("sshd"),
            place: "route blackhole 192.0.2.7".to_owned(),
            packets: None,
        }]),
        ..explained(Vec::new())
    };
    assert_eq!(
        first_line(&left_over),
        "192.0.2.7 IS NOT BANNED: but something in the kernel keeps it out"
    );
    assert!(text(&left_over).contains("see why they differ"));
    let dry = Explained {
        kernel: None,
        ..explained(vec![JailExplained {
            bans: vec![ban("sshd")],
            enforced: false,
            ..jail("sshd")
        }])
    };
    let lines = text(&dry);
    let mut lines = lines.lines();
    assert_eq!(
        lines.next(),
        Some("192.0.2.7 IS BANNED until 2027-01-15T08:09:12 (9m 12s left), by sshd")
    );
    assert_eq!(
        lines.next(),
        Some("BUT NOTHING KEEPS IT OUT for sshd: backend = \"dry-run\" only logs bans")
    );
    let unknown = Explained {
        kernel: None,
        kernel_error: Some("no permission".to_owned()),
        ..explained(vec![JailExplained {
            bans: vec![ban("sshd")],
            ..jail("sshd")
        }])
    };
    assert!(!text(&unknown).contains("BUT NOTHING"));
    assert!(text(&unknown).contains("\nin the kernel: not known: no permission\n"));
}

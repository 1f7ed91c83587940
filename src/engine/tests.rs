//! Scenarios for the engine: the clock is an argument, so a day takes no time.

mod bulk;
mod growing;
mod naive;
mod sparing;

use std::time::Duration;

use super::*;
use crate::model::{Bantime, Failure, Origin, PrefixLengths};

const LIMITS: Limits = Limits {
    tracked: 1000,
    bans: 1000,
};

const START: u64 = 1_800_000_000;

fn at(secs: u64) -> Time {
    Time::from_secs(START + secs)
}

fn jail(name: &str) -> JailName {
    JailName::new(name).expect("a name")
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

fn policy() -> Policy {
    Policy {
        maxretry: 5,
        findtime: Duration::from_secs(20),
        bantime: Bantime::For(Duration::from_mins(10)),
        ..Policy::default()
    }
}

fn engine(policy: Policy) -> Engine {
    let mut engine = Engine::new(LIMITS, 1);
    assert_eq!(
        engine.configure([(jail("sshd"), policy)], LIMITS, at(0)),
        []
    );
    engine
}

fn failure(addr: &str, secs: u64) -> Failure {
    Failure {
        jail: jail("sshd"),
        time: at(secs),
        addr: addr.parse().expect("an address"),
        user: None,
        weight: 1,
        evidence: "a line".into(),
        replayed: false,
    }
}

/// The prefixes banned by failures of one address at these seconds.
fn banned(engine: &mut Engine, addr: &str, times: &[u64]) -> Vec<String> {
    times
        .iter()
        .flat_map(|secs| engine.failure(&failure(addr, *secs), at(*secs)))
        .map(|decision| match decision {
            Decision::Ban(ban) => ban.prefix.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn findtime_is_exact() {
    // Four failures, then one when only two of them are still within findtime.
    assert!(banned(&mut engine(policy()), "192.0.2.1", &[0, 1, 2, 3, 22]).is_empty());
    // The window slides: 2, 3, 22 are three, so 22 and 22 again make five.
    let mut slid = engine(policy());
    assert_eq!(
        banned(&mut slid, "192.0.2.1", &[0, 1, 2, 3, 22, 22, 22]),
        ["192.0.2.1"]
    );
    // Exactly findtime apart still counts.
    assert_eq!(
        banned(&mut engine(policy()), "192.0.2.1", &[0, 1, 2, 3, 20]),
        ["192.0.2.1"]
    );
    assert!(banned(&mut engine(policy()), "192.0.2.1", &[0, 1, 2, 3, 21]).is_empty());
}

#[test]
fn a_ban_takes_maxretry_failures_and_comes_once() {
    let mut engine = engine(policy());
    assert_eq!(
        banned(&mut engine, "192.0.2.1", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ["192.0.2.1"]
    );
    let status = &engine.status(at(9))[0];
    assert_eq!((status.totals.failed, status.totals.banned), (10, 1));
    assert_eq!(status.currently_banned, 1);
    assert_eq!(engine.banned_in(&jail("sshd"), 10), [prefix("192.0.2.1")]);
    assert_eq!(status.currently_failed, 0);
}

#[test]
fn a_weight_counts_several_times() {
    let mut engine = engine(policy());
    let heavy = Failure {
        weight: 4,
        ..failure("192.0.2.1", 0)
    };
    assert_eq!(engine.failure(&heavy, at(0)), []);
    assert_eq!(banned(&mut engine, "192.0.2.1", &[1]), ["192.0.2.1"]);
    let enough = Failure {
        weight: u32::MAX,
        ..failure("192.0.2.2", 0)
    };
    assert_eq!(engine.failure(&enough, at(0)).len(), 1);
}

#[test]
fn ipv6_is_counted_and_banned_by_64() {
    let mut engine = engine(Policy {
        maxretry: 2,
        ..policy()
    });
    assert!(banned(&mut engine, "2001:db8::1", &[0]).is_empty());
    assert_eq!(banned(&mut engine, "2001:db8::2", &[1]), ["2001:db8::/64"]);
    assert!(banned(&mut engine, "2001:db8:0:1::2", &[1]).is_empty());
    // An IPv4 address in IPv6 clothes is itself.
    assert!(banned(&mut engine, "::ffff:192.0.2.9", &[1]).is_empty());
    assert_eq!(banned(&mut engine, "192.0.2.9", &[1]), ["192.0.2.9"]);
}

#[test]
fn a_ban_ends_and_failures_before_its_end_do_not_count_again() {
    let mut engine = engine(Policy {
        maxretry: 2,
        ..policy()
    });
    banned(&mut engine, "192.0.2.1", &[0, 1]);
    assert!(!engine.is_behind(at(600)));
    assert_eq!(engine.tick(at(600)), []);
    let over = engine.tick(at(601));
    assert!(matches!(&over[..], [Decision::Unban(unban)]
        if unban.cause == UnbanCause::Expired && unban.time == at(601)));
    // Read late: written while the ban was in force.
    assert_eq!(engine.failure(&failure("192.0.2.1", 600), at(602)), []);
    assert_eq!(engine.failure(&failure("192.0.2.1", 602), at(602)), []);
    let again = engine.failure(&failure("192.0.2.1", 603), at(603));
    assert_eq!(again.len(), 1);
}

#[test]
fn forever_never_ends() {
    let mut engine = engine(Policy {
        maxretry: 1,
        bantime: Bantime::Forever,
        ..policy()
    });
    banned(&mut engine, "192.0.2.1", &[0]);
    assert_eq!(engine.tick(Time::from_micros(u64::MAX)), []);
    assert_eq!(engine.bans().count(), 1);
}

#[test]
fn the_clock_that_counts_is_ours() {
    let mut engine = engine(Policy {
        maxretry: 2,
        ..policy()
    });
    // Older than findtime by our clock: of no interest.
    assert_eq!(engine.failure(&failure("192.0.2.1", 0), at(30)), []);
    assert_eq!(engine.failure(&failure("192.0.2.1", 0), at(30)), []);
    // Written by a clock ahead of ours: now.
    let decisions: Vec<_> = [50, 60]
        .into_iter()
        .flat_map(|ahead| engine.failure(&failure("192.0.2.2", ahead), at(31)))
        .collect();
    let [Decision::Ban(ban)] = &decisions[..] else {
        panic!("{decisions:?}");
    };
    assert_eq!(ban.since, at(31));
}

#[test]
fn a_log_that_is_not_quite_in_order_counts_the_same() {
    let mut engine = engine(policy());
    let decisions: Vec<_> = [4, 0, 3, 1, 2]
        .into_iter()
        .flat_map(|secs| engine.failure(&failure("192.0.2.1", secs), at(5)))
        .collect();
    assert_eq!(decisions.len(), 1);
}

#[test]
fn configuring_keeps_what_stays_and_lifts_what_goes() {
    let mut engine = engine(Policy {
        maxretry: 1,
        ..policy()
    });
    banned(&mut engine, "192.0.2.1", &[0]);
    banned(&mut engine, "192.0.2.2", &[0]);
    let spare = Policy {
        ignoreip: vec![prefix("192.0.2.1")],
        ..policy()
    };
    let lifted = engine.configure([(jail("sshd"), spare)], LIMITS, at(1));
    assert!(matches!(&lifted[..], [Decision::Unban(unban)]
        if unban.cause == UnbanCause::Ignored && unban.prefix == prefix("192.0.2.1")));
    let removed = engine.configure([], LIMITS, at(2));
    assert!(matches!(&removed[..], [Decision::Unban(unban)]
        if unban.cause == UnbanCause::Removed && unban.prefix == prefix("192.0.2.2")));
    assert!(engine.status(at(2)).is_empty());
    assert_eq!(engine.failure(&failure("192.0.2.1", 2), at(2)), []);
}

#[test]
fn a_request_by_hand_is_followed_or_refused_with_the_reason() {
    let mut engine = engine(Policy {
        ignoreip: vec![prefix("192.0.2.5")],
        ..policy()
    });
    let request = |text: &str| BanRequest {
        jail: jail("sshd"),
        prefix: prefix(text),
        bantime: Some(Bantime::For(Duration::from_hours(2))),
        reason: "scans".into(),
    };
    let Ok(Decision::Ban(ban)) = engine.ban(&request("203.0.113.0/24"), at(0)) else {
        panic!("refused");
    };
    assert_eq!((ban.until, ban.origin), (Some(at(7200)), Origin::Manual));
    for ignored in ["192.0.2.5", "127.0.0.0/8"] {
        let refused = engine.ban(&request(ignored), at(0));
        assert!(matches!(refused, Err(Refusal::Ignored { .. })), "{ignored}");
    }
    let around = engine.ban(&request("192.0.2.0/24"), at(0));
    assert!(
        matches!(&around, Ok(Decision::Ban(ban)) if *ban.open == [prefix("192.0.2.5")]),
        "{around:?}"
    );
    assert!(matches!(
        engine.ban(&request("0.0.0.0/0"), at(0)),
        Err(Refusal::TooWide(_))
    ));
    let nobody = BanRequest {
        jail: jail("nobody"),
        ..request("203.0.113.1")
    };
    assert!(matches!(
        engine.ban(&nobody, at(0)),
        Err(Refusal::NoJail(_))
    ));

    // One address of a banned prefix is enough to name it.
    let lift = UnbanRequest {
        prefix: Some(prefix("203.0.113.9")),
        ..UnbanRequest::default()
    };
    assert_eq!(engine.unban(&lift, at(1)).len(), 1);
    assert_eq!(engine.unban(&lift, at(1)).len(), 0);
}

#[test]
fn an_unban_forgets_the_failures_so_far() {
    let mut engine = engine(policy());
    banned(&mut engine, "192.0.2.1", &[0, 1, 2, 3]);
    engine.unban(&UnbanRequest::default(), at(4));
    assert!(banned(&mut engine, "192.0.2.1", &[5, 6, 7, 8]).is_empty());
    assert_eq!(banned(&mut engine, "192.0.2.1", &[9]), ["192.0.2.1"]);
}

#[test]
fn a_restart_counts_on_and_nothing_twice() {
    let mut before = engine(policy());
    banned(&mut before, "192.0.2.1", &[0, 1, 2, 3, 4]);
    banned(&mut before, "192.0.2.2", &[1, 2, 3, 4]);
    let totals: Vec<_> = before
        .totals()
        .map(|(name, totals)| (name.clone(), totals))
        .collect();

    let mut after = engine(policy());
    let ban = Ban {
        jail: jail("sshd"),
        prefix: prefix("192.0.2.1"),
        since: at(4),
        until: Some(at(604)),
        failures: 5,
        origin: Origin::Log,
        offence: 1,
        open: Box::default(),
        reason: "".into(),
        lines: Box::default(),
    };
    after.restore(
        [ban.clone()],
        [(jail("sshd"), ban.prefix, ban.since)],
        totals,
    );
    for (addr, secs) in [("192.0.2.1", 0..5), ("192.0.2.2", 1..5)] {
        for sec in secs {
            let replayed = Failure {
                replayed: true,
                ..failure(addr, sec)
            };
            assert_eq!(after.failure(&replayed, at(6)), [], "{addr} at {sec}");
        }
    }
    assert_eq!(after.status(at(6))[0].totals.failed, 9);
    assert_eq!(banned(&mut after, "192.0.2.2", &[7]), ["192.0.2.2"]);
}

#[test]
fn the_number_of_windows_is_capped_and_bans_are_not_touched_by_it() {
    let mut engine = engine(Policy {
        maxretry: 2,
        ..policy()
    });
    banned(&mut engine, "192.0.2.1", &[0, 0]);
    for n in 0..5000_u32 {
        let addr = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
        engine.failure(&failure(&addr, 1), at(1));
    }
    assert!(engine.status(at(1))[0].currently_failed <= 1000);
    assert!(engine.losses().windows >= 4000);
    assert_eq!(engine.bans().count(), 1);
}

//! Bans that grow: longer for who offends again, wider where many neighbours offend.

use super::*;
use crate::model::PastBan;

/// What was decided, in short: `ban 192.0.2.1 600s #1`.
fn told(decisions: &[Decision]) -> Vec<String> {
    decisions
        .iter()
        .map(|decision| match decision {
            Decision::Ban(ban) => {
                let span = ban.until.map_or_else(
                    || "forever".to_owned(),
                    |until| format!("{}s", until.since(ban.since).as_secs()),
                );
                let jail = &ban.jail;
                format!(
                    "{jail} {} {span} {} #{}",
                    ban.prefix,
                    ban.origin.as_str(),
                    ban.offence
                )
            }
            Decision::Unban(unban) => {
                format!("{} {} {}", unban.jail, unban.prefix, unban.cause.as_str())
            }
            Decision::Pardon(pardon) => format!("{} {} pardoned", pardon.jail, pardon.prefix),
            Decision::Open(opening) => format!(
                "{} {} open {:?}",
                opening.jail, opening.prefix, opening.open
            ),
        })
        .collect()
}

fn at_once(bantime: u64) -> Policy {
    Policy {
        maxretry: 1,
        bantime: Bantime::For(Duration::from_secs(bantime)),
        ..policy()
    }
}

fn escalating() -> Policy {
    Policy {
        escalation: Some(Escalation {
            decay: Duration::from_secs(1000),
            ..Escalation::default()
        }),
        ..at_once(100)
    }
}

fn one(engine: &mut Engine, name: &str, addr: &str, secs: u64) -> Vec<String> {
    let failure = Failure {
        jail: jail(name),
        ..failure(addr, secs)
    };
    let mut decisions = engine.tick(at(secs));
    decisions.retain(|decision| !matches!(decision, Decision::Unban(_)));
    decisions.extend(engine.failure(&failure, at(secs)));
    told(&decisions)
}

#[test]
fn a_ban_grows_with_each_offence_and_quiet_takes_offences_away() {
    let mut engine = engine(escalating());
    let mut ban = |secs| one(&mut engine, "sshd", "192.0.2.1", secs);
    assert_eq!(ban(0), ["sshd 192.0.2.1 100s log #1"]);
    assert_eq!(ban(101), ["sshd 192.0.2.1 200s log #2"]);
    assert_eq!(ban(302), ["sshd 192.0.2.1 400s log #3"]);
    // The last one ended at 702; from 1702 on one is forgotten, from 2702 on two.
    assert_eq!(ban(1702), ["sshd 192.0.2.1 400s log #3"]);
    assert_eq!(ban(5102), ["sshd 192.0.2.1 100s log #1"]);
    let explained = &engine.explain([192, 0, 2, 1].into(), at(5102))[0];
    assert_eq!(explained.offences, 1);
    assert_eq!(
        explained.next_bantime,
        Bantime::For(Duration::from_secs(200))
    );
    assert_eq!(explained.bans[0].until, Some(at(5202)));
}

#[test]
fn a_ban_lifted_by_hand_is_forgiven() {
    let mut engine = engine(escalating());
    one(&mut engine, "sshd", "192.0.2.1", 0);
    engine.unban(&UnbanRequest::default(), at(10));
    assert_eq!(
        one(&mut engine, "sshd", "192.0.2.1", 20),
        ["sshd 192.0.2.1 100s log #1"]
    );
}

#[test]
fn offences_count_over_all_jails_where_that_is_asked_for() {
    for (over_all_jails, second) in [
        (true, "b 192.0.2.1 200s log #2"),
        (false, "b 192.0.2.1 100s log #1"),
    ] {
        let policy = Policy {
            escalation: Some(Escalation {
                over_all_jails,
                ..Escalation::default()
            }),
            ..at_once(100)
        };
        let mut engine = Engine::new(LIMITS, 1);
        engine.configure(
            [(jail("a"), policy.clone()), (jail("b"), policy)],
            LIMITS,
            at(0),
        );
        assert_eq!(
            one(&mut engine, "a", "192.0.2.1", 0),
            ["a 192.0.2.1 100s log #1"]
        );
        assert_eq!(one(&mut engine, "b", "192.0.2.1", 1), [second]);
    }
}

fn recidive() -> Policy {
    Policy {
        counts: Counts::Bans,
        maxretry: 3,
        findtime: Duration::from_secs(1000),
        bantime: Bantime::For(Duration::from_mins(150)),
        ..Policy::default()
    }
}

fn with_recidive() -> Engine {
    let mut engine = Engine::new(LIMITS, 1);
    let jails = [
        (jail("a"), at_once(10)),
        (jail("b"), at_once(10)),
        (jail("recidive"), recidive()),
    ];
    engine.configure(jails, LIMITS, at(0));
    engine
}

#[test]
fn bans_in_any_jail_add_up_to_a_long_one() {
    let mut engine = with_recidive();
    assert_eq!(one(&mut engine, "a", "192.0.2.1", 0).len(), 1);
    assert_eq!(one(&mut engine, "b", "192.0.2.1", 500).len(), 1);
    assert_eq!(one(&mut engine, "a", "192.0.2.2", 500).len(), 1);
    assert_eq!(
        one(&mut engine, "a", "192.0.2.1", 1000),
        [
            "a 192.0.2.1 10s log #1",
            "recidive 192.0.2.1 9000s recidive #1"
        ]
    );
    // While it is out for long, further bans do not count towards the next.
    assert_eq!(one(&mut engine, "a", "192.0.2.1", 1011).len(), 1);
    let status = engine.status(at(1011));
    assert_eq!((status[2].totals.failed, status[2].totals.banned), (4, 1));
}

#[test]
fn jails_that_count_bans_do_not_count_each_others() {
    let mut engine = Engine::new(LIMITS, 1);
    let patient = Policy {
        maxretry: 9,
        ..recidive()
    };
    let jails = [
        (jail("a"), at_once(10)),
        (jail("patient"), patient),
        (jail("recidive"), recidive()),
    ];
    engine.configure(jails, LIMITS, at(0));
    for secs in [0, 20, 40] {
        one(&mut engine, "a", "192.0.2.1", secs);
    }
    let status = engine.status(at(40));
    let counts: Vec<_> = status
        .iter()
        .map(|jail| (jail.totals.failed, jail.totals.banned))
        .collect();
    assert_eq!(counts, [(3, 3), (3, 0), (3, 1)]);
}

#[test]
fn what_counts_of_earlier_bans_is_remembered_over_a_restart() {
    let past = |name: &str, secs, offence, origin| PastBan {
        jail: jail(name),
        prefix: prefix("192.0.2.1"),
        since: at(secs),
        until: Some(at(secs + 10)),
        ended: Some(at(secs + 10)),
        offence,
        origin,
        forgiven: false,
    };
    let mut engine = with_recidive();
    let before = [past("a", 0, 1, Origin::Log), past("b", 500, 1, Origin::Log)];
    engine.remember(before, at(600));
    assert_eq!(
        engine.status(at(600))[2].totals.failed,
        0,
        "they were in the totals before"
    );
    assert_eq!(one(&mut engine, "a", "192.0.2.1", 1000).len(), 2);

    let mut engine = Engine::new(LIMITS, 1);
    engine.configure([(jail("a"), escalating())], LIMITS, at(0));
    let mut lifted = past("a", 20, 2, Origin::Log);
    engine.remember([past("a", 0, 1, Origin::Log), lifted.clone()], at(40));
    assert_eq!(engine.explain([192, 0, 2, 1].into(), at(40))[0].offences, 2);
    lifted.forgiven = true;
    engine.remember([lifted], at(40));
    assert_eq!(engine.explain([192, 0, 2, 1].into(), at(40))[0].offences, 0);
}

fn aggregating(after: u32, ipv4: u8) -> Policy {
    Policy {
        aggregation: Some(Aggregation {
            after,
            within: Duration::from_secs(100),
            widest: PrefixLengths { ipv4, ipv6: 48 },
        }),
        ..at_once(1000)
    }
}

#[test]
fn many_neighbours_make_a_wider_ban() {
    let mut engine = engine(aggregating(3, 24));
    assert_eq!(one(&mut engine, "sshd", "192.0.2.1", 0).len(), 1);
    assert_eq!(one(&mut engine, "sshd", "192.0.2.2", 1).len(), 1);
    assert_eq!(one(&mut engine, "sshd", "198.51.100.1", 1).len(), 1);
    assert_eq!(
        one(&mut engine, "sshd", "192.0.2.3", 2),
        [
            "sshd 192.0.2.3 1000s log #1",
            "sshd 192.0.2.0/24 1000s aggregate #1"
        ]
    );
    // Everybody in it is out, so nobody in it counts.
    assert_eq!(one(&mut engine, "sshd", "192.0.2.4", 3), [""; 0]);
    let explained = &engine.explain([192, 0, 2, 4].into(), at(3))[0];
    assert_eq!(explained.bans[0].prefix, prefix("192.0.2.0/24"));
    assert_eq!(explained.bans[0].origin, Origin::Aggregate);
    // One address lets the network in again, and counting begins anew.
    let lift = UnbanRequest {
        prefix: Some(prefix("192.0.2.4")),
        ..UnbanRequest::default()
    };
    assert_eq!(
        told(&engine.unban(&lift, at(4))),
        ["sshd 192.0.2.0/24 manual"]
    );
    assert_eq!(one(&mut engine, "sshd", "192.0.2.5", 5).len(), 1);
}

#[test]
fn aggregation_goes_on_step_by_step_as_far_as_the_widest() {
    let mut engine = engine(aggregating(2, 16));
    let hosts = [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.3.1",
        "192.0.3.2",
        "192.1.0.1",
    ];
    let all: Vec<String> = hosts
        .iter()
        .flat_map(|host| one(&mut engine, "sshd", host, 1))
        .filter(|told| told.contains("aggregate"))
        .collect();
    assert_eq!(
        all,
        [
            "sshd 192.0.2.0/24 1000s aggregate #1",
            "sshd 192.0.3.0/24 1000s aggregate #1",
            "sshd 192.0.0.0/16 1000s aggregate #1",
        ]
    );
}

#[test]
fn more_bans_than_may_be_displace_those_that_end_next() {
    let limits = Limits { bans: 3, ..LIMITS };
    let mut engine = Engine::new(limits, 1);
    let jails = [(jail("long"), at_once(1000)), (jail("short"), at_once(100))];
    engine.configure(jails, limits, at(0));
    for (name, host) in [
        ("long", "192.0.2.1"),
        ("short", "192.0.2.2"),
        ("long", "192.0.2.3"),
    ] {
        assert_eq!(one(&mut engine, name, host, 0).len(), 1);
    }
    assert_eq!(
        one(&mut engine, "long", "192.0.2.4", 1),
        ["short 192.0.2.2 displaced", "long 192.0.2.4 1000s log #1"]
    );
    assert_eq!(
        one(&mut engine, "short", "192.0.2.5", 2),
        [""; 0],
        "it would end first"
    );
    assert_eq!((engine.banned(), engine.losses().bans), (3, 1));
}

#[test]
fn the_lines_that_led_to_a_ban_are_told_with_it() {
    let mut engine = engine(policy());
    let mut decisions = Vec::new();
    for secs in 0..5 {
        let failure = Failure {
            evidence: format!("line {secs}").into(),
            ..failure("192.0.2.1", secs)
        };
        decisions.extend(engine.failure(&failure, at(secs)));
    }
    let [Decision::Ban(ban)] = &decisions[..] else {
        panic!("{decisions:?}");
    };
    assert_eq!(&*ban.reason, "line 4");
    let lines: Vec<&str> = ban.lines.iter().map(|line| &**line).collect();
    assert_eq!(lines, ["line 0", "line 1", "line 2", "line 3"]);
}

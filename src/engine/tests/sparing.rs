//! What is ignored is never banned, whatever is banned around it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn own(addrs: &[&str]) -> Spared {
    Spared {
        own: addrs.iter().map(|text| addr(text)).collect(),
        ..Spared::default()
    }
}

/// The only decision, a ban.
fn ban(decisions: &[Decision]) -> &Ban {
    let [Decision::Ban(ban)] = decisions else {
        panic!("{decisions:?}");
    };
    ban
}

#[test]
fn ignored_addresses_never_count_and_stay_open_in_wider_bans() {
    let mut engine = engine(Policy {
        maxretry: 1,
        ignoreip: vec![prefix("192.0.2.0/24"), prefix("2001:db8::5")],
        ..policy()
    });
    engine.set_spared(own(&["198.51.100.7"]), at(0));
    for spared in [
        "192.0.2.77",
        "2001:db8::5",
        "198.51.100.7",
        "127.0.0.9",
        "::1",
    ] {
        assert!(banned(&mut engine, spared, &[0]).is_empty(), "{spared}");
    }
    assert_eq!(engine.status(at(0))[0].totals.ignored, 5);
    // A neighbour of an ignored address is banned with its /64, but for that address.
    let decisions = engine.failure(&failure("2001:db8::6", 0), at(0));
    let ban = ban(&decisions);
    assert_eq!(ban.prefix, prefix("2001:db8::/64"));
    assert_eq!(*ban.open, [prefix("2001:db8::5")]);
    assert_eq!(engine.bans().next().expect("a ban").open, &*ban.open);
    let explained = |text: &str| engine.explain(addr(text), at(0)).remove(0);
    assert!(explained("2001:db8::5").bans.is_empty());
    let why = explained("192.0.2.9").spared.map(|spare| spare.to_string());
    assert_eq!(why.as_deref(), Some("192.0.2.0/24 (ignoreip)"));
    assert_eq!(explained("2001:db8::6").bans.len(), 1);
}

#[test]
fn bans_follow_what_is_spared_as_it_changes() {
    let mut engine = engine(Policy {
        maxretry: 1,
        ignore_named: vec!["home.example.org".into()],
        ..policy()
    });
    for host in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"] {
        banned(&mut engine, host, &[0]);
    }
    let spared = Spared {
        own: vec![addr("192.0.2.1")],
        sessions: vec![(addr("192.0.2.2"), "root".into())],
        named: BTreeMap::from([
            ("home.example.org".into(), vec![prefix("2001:db8::9")]),
            ("other.example.org".into(), vec![prefix("192.0.2.3")]),
        ]),
    };
    let decisions = engine.set_spared(spared.clone(), at(1));
    let lifted: Vec<String> = decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::Unban(unban) => {
                assert_eq!(unban.cause, UnbanCause::Ignored);
                Some(unban.prefix.to_string())
            }
            _ => None,
        })
        .collect();
    assert_eq!(lifted, ["192.0.2.1", "192.0.2.2"]);
    assert!(
        matches!(&decisions[..], [.., Decision::Open(opening)]
            if opening.prefix == prefix("2001:db8::/64") && *opening.open == [prefix("2001:db8::9")]),
        "{decisions:?}"
    );
    assert_eq!(engine.set_spared(spared, at(2)), [], "nothing has changed");
    let why = engine.explain(addr("192.0.2.2"), at(2))[0].spared.clone();
    assert_eq!(
        why.map(|it| it.to_string()).as_deref(),
        Some("192.0.2.2 (root is logged in from there)")
    );
    // What is no longer spared closes again.
    let closed = engine.set_spared(Spared::default(), at(3));
    assert!(
        matches!(&closed[..], [Decision::Open(opening)] if opening.open.is_empty()),
        "{closed:?}"
    );
}

#[test]
fn who_logged_in_is_forgiven_for_a_while() {
    let mut engine = engine(Policy {
        maxretry: 2,
        forgive_on_success: Some(Duration::from_secs(100)),
        ..policy()
    });
    banned(&mut engine, "192.0.2.1", &[0]);
    engine.success(&jail("sshd"), addr("192.0.2.1"), at(1), at(1));
    assert!(banned(&mut engine, "192.0.2.1", &[2, 3, 4, 101]).is_empty());
    assert_eq!(banned(&mut engine, "192.0.2.1", &[102, 103]), ["192.0.2.1"]);
    // Nobody is forgiven where that is not asked for.
    let mut strict = super::engine(Policy {
        maxretry: 2,
        ..policy()
    });
    banned(&mut strict, "192.0.2.1", &[0]);
    strict.success(&jail("sshd"), addr("192.0.2.1"), at(1), at(1));
    assert_eq!(banned(&mut strict, "192.0.2.1", &[2]), ["192.0.2.1"]);
}

#[test]
fn a_ban_by_hand_outlives_a_login_and_opens_for_it() {
    let mut engine = engine(policy());
    let request = BanRequest {
        jail: jail("sshd"),
        prefix: prefix("198.51.100.0/24"),
        bantime: None,
        reason: "".into(),
    };
    engine.ban(&request, at(0)).expect("nothing is against it");
    let spared = Spared {
        sessions: vec![(addr("198.51.100.9"), "root".into())],
        ..Spared::default()
    };
    let decisions = engine.set_spared(spared, at(1));
    assert!(
        matches!(&decisions[..], [Decision::Open(opening)] if *opening.open == [prefix("198.51.100.9")]),
        "{decisions:?}"
    );
    assert_eq!(engine.banned(), 1);
}

/// A small world, so that things meet: addresses of 198.51.100.0/26, and networks in it.
fn host() -> impl Strategy<Value = u8> {
    0_u8..64
}

fn net() -> impl Strategy<Value = Prefix> {
    (host(), 27_u8..=32).prop_filter_map("a prefix", |(host, len)| {
        Prefix::new(IpAddr::from([198, 51, 100, host]), len)
    })
}

#[derive(Clone, Debug)]
enum Step {
    Fail(u8),
    Spare(Vec<Prefix>),
    Unban(u8),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => host().prop_map(Step::Fail),
        1 => prop::collection::vec(net(), 0..4).prop_map(Step::Spare),
        1 => host().prop_map(Step::Unban),
        1 => (1_u64..40).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Whatever happens, no address is kept out that is ignored, and every address that offended
    /// and is not ignored is; what is kept out is what the decisions add up to.
    #[test]
    fn no_ban_ever_covers_an_ignored_address(steps in prop::collection::vec(step(), 1..120)) {
        let name: Box<str> = "file:/list".into();
        let mut engine = engine(Policy {
            maxretry: 1,
            bantime: Bantime::For(Duration::from_mins(1)),
            ignore_named: vec![name.clone()],
            aggregation: Some(Aggregation {
                after: 3,
                within: Duration::from_secs(50),
                widest: PrefixLengths { ipv4: 27, ipv6: 48 },
            }),
            ..policy()
        });
        let mut spared: Vec<Prefix> = Vec::new();
        let mut enforced: BTreeMap<Prefix, (Option<Time>, Box<[Prefix]>)> = BTreeMap::new();
        let mut now = 0;
        for step in steps {
            let decisions = match step {
                Step::Fail(host) => {
                    engine.failure(&failure(&format!("198.51.100.{host}"), now), at(now))
                }
                Step::Spare(nets) => {
                    spared.clone_from(&nets);
                    let named = BTreeMap::from([(name.clone(), nets)]);
                    engine.set_spared(Spared { named, ..Spared::default() }, at(now))
                }
                Step::Unban(host) => {
                    let prefix = Some(prefix(&format!("198.51.100.{host}")));
                    engine.unban(&UnbanRequest { jail: None, prefix }, at(now))
                }
                Step::Pass(secs) => {
                    now += secs;
                    engine.tick(at(now))
                }
            };
            for decision in decisions {
                match decision {
                    Decision::Ban(ban) => drop(enforced.insert(ban.prefix, (ban.until, ban.open))),
                    Decision::Open(it) => drop(enforced.insert(it.prefix, (it.until, it.open))),
                    Decision::Pardon(_) => {}
                    Decision::Unban(unban) => drop(enforced.remove(&unban.prefix)),
                }
            }
            for host in 0..64_u8 {
                let host = Prefix::host(IpAddr::from([198, 51, 100, host]));
                let is_out = enforced.iter().any(|(prefix, (_, open))| {
                    prefix.contains(host) && !open.iter().any(|net| net.contains(host))
                });
                let ignored = spared.iter().any(|net| net.contains(host));
                prop_assert!(!(is_out && ignored), "{} is out and ignored", host);
                let explained = &engine.explain(host.addr(), at(now))[0];
                prop_assert_eq!(!explained.bans.is_empty(), is_out, "{}", host);
            }
            let held: BTreeMap<_, _> = engine
                .bans()
                .map(|ban| (ban.prefix, (ban.until, Box::<[Prefix]>::from(ban.open))))
                .collect();
            prop_assert_eq!(&held, &enforced);
        }
    }
}

//! Blocklists: many bans or unbans at once.

use super::*;

fn many(prefixes: &[&str], bantime: Option<Bantime>) -> BanMany {
    BanMany {
        jail: jail("sshd"),
        prefixes: prefixes.iter().map(|text| prefix(text)).collect(),
        bantime,
        reason: "a list".into(),
    }
}

fn named(decisions: &[Decision]) -> Vec<String> {
    decisions
        .iter()
        .map(|decision| match decision {
            Decision::Ban(ban) => ban.prefix.to_string(),
            Decision::Unban(unban) => unban.prefix.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_list_bans_whom_it_can_and_says_why_not_the_others() {
    let mut engine = engine(Policy {
        ignoreip: vec![prefix("192.0.2.9")],
        ..policy()
    });
    let list = [
        "192.0.2.1",
        "192.0.2.9",
        "198.51.100.0/24",
        "0.0.0.0/0",
        "192.0.2.1",
    ];
    let done = engine.ban_many(&many(&list, None), at(0)).expect("a jail");
    assert_eq!(named(&done.decisions), ["192.0.2.1", "198.51.100.0/24"]);
    assert_eq!(done.already, 1);
    let refused: Vec<Prefix> = done.refused.iter().map(|(prefix, _)| *prefix).collect();
    assert_eq!(refused, [prefix("192.0.2.9"), prefix("0.0.0.0/0")]);
    // A shorter ban changes nothing, a longer one does.
    for (secs, longer) in [(60, false), (6000, true)] {
        let bantime = Some(Bantime::For(Duration::from_secs(secs)));
        let again = engine
            .ban_many(&many(&["192.0.2.1"], bantime), at(1))
            .expect("a jail");
        assert_eq!(
            (again.decisions.len(), again.already),
            (usize::from(longer), usize::from(!longer))
        );
    }
    let forever = many(&["192.0.2.1"], Some(Bantime::Forever));
    assert_eq!(
        engine
            .ban_many(&forever, at(2))
            .expect("a jail")
            .decisions
            .len(),
        1
    );
    assert_eq!(engine.ban_many(&forever, at(2)).expect("a jail").already, 1);
    let nobody = BanMany {
        jail: jail("nobody"),
        ..forever
    };
    assert_eq!(
        engine.ban_many(&nobody, at(2)),
        Err(Refusal::NoJail(jail("nobody")))
    );
}

#[test]
fn a_list_lifts_every_ban_that_it_touches() {
    let mut engine = engine(policy());
    let list = [
        "192.0.2.1",
        "192.0.2.2",
        "198.51.100.0/24",
        "203.0.113.7",
        "2001:db8::/64",
    ];
    engine.ban_many(&many(&list, None), at(0)).expect("a jail");
    let asked: Vec<Prefix> = [
        "192.0.2.1",
        "192.0.2.77",
        "198.51.100.9",
        "203.0.113.0/24",
        "203.0.112.0/24",
        "2001:db8::/32",
    ]
    .map(prefix)
    .into();
    let (decisions, missed) = engine.unban_many(Some(&jail("sshd")), &asked, at(1));
    let mut lifted = named(&decisions);
    lifted.sort();
    assert_eq!(
        lifted,
        [
            "192.0.2.1",
            "198.51.100.0/24",
            "2001:db8::/64",
            "203.0.113.7"
        ]
    );
    assert_eq!(missed, 2);
    assert_eq!(engine.banned(), 1);
    let (decisions, missed) =
        engine.unban_many(Some(&jail("nobody")), &[prefix("192.0.2.2")], at(2));
    assert_eq!((decisions.len(), missed), (0, 1));
}

#[test]
fn a_list_that_is_taken_in_again_prolongs_its_bans() {
    let mut engine = engine(policy());
    let hour = Some(Bantime::For(Duration::from_hours(1)));
    let span = |engine: &mut Engine, secs| {
        let done = engine.ban_many(&many(&["192.0.2.1"], hour), at(secs));
        match &done.expect("a jail").decisions[..] {
            [Decision::Ban(ban)] => (ban.since, ban.until),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(span(&mut engine, 0), (at(0), Some(at(3600))));
    assert_eq!(span(&mut engine, 600), (at(0), Some(at(4200))));
}

//! The store against a real file: restart, damage, rows that make no sense.

mod clients;
mod forms;

use super::*;
use crate::model::{Ban, Opening, Origin, PastBan, Unban, UnbanCause};

fn ban(prefix: &str, since: u64) -> Ban {
    Ban {
        jail: JailName::new("sshd").expect("a name"),
        prefix: prefix.parse().expect("a prefix"),
        since: Time::from_secs(since),
        until: Some(Time::from_secs(since + 600)),
        failures: 5,
        origin: Origin::Log,
        offence: 1,
        open: Box::default(),
        reason: "Failed password for root".into(),
        lines: Box::default(),
    }
}

fn unban(ban: &Ban, time: u64) -> Decision {
    Decision::Unban(Unban {
        jail: ban.jail.clone(),
        prefix: ban.prefix,
        time: Time::from_secs(time),
        cause: UnbanCause::Manual,
    })
}

fn write(store: &mut Store, decisions: &[Decision]) {
    store
        .commit(&Commit {
            decisions,
            ..Commit::default()
        })
        .expect("commits");
}

fn open(dir: &Path) -> Store {
    let (store, aside) = Store::open(dir).expect("opens");
    assert_eq!(aside, None);
    store
}

/// All bans in force, in the order in which they were made, without what only clients ask for.
fn in_force(store: &mut Store) -> Vec<Ban> {
    let mut bans = store.in_force();
    let all = bans.by_ref().collect();
    assert_eq!(bans.finish().expect("reads"), 0);
    all
}

fn without_story(ban: &Ban) -> Ban {
    Ban {
        reason: Box::default(),
        lines: Box::default(),
        ..ban.clone()
    }
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (kept, lifted) = (ban("192.0.2.1", 100), ban("2001:db8::/64", 101));
    let forever = Ban {
        until: None,
        origin: Origin::Manual,
        offence: 3,
        open: ["203.0.113.7", "203.0.113.64/26"]
            .map(|it| it.parse().expect("a prefix"))
            .into(),
        ..ban("203.0.113.0/24", 102)
    };
    let totals = Totals {
        failed: 7,
        ..Totals::default()
    };
    {
        let mut store = open(dir.path());
        assert!(store.is_new().expect("reads"));
        let decisions = [&kept, &lifted, &forever].map(|ban| Decision::Ban(ban.clone()));
        store
            .commit(&Commit {
                decisions: &decisions,
                positions: &[("journal".into(), Position::new("s=1;i=2"))],
                totals: &[(kept.jail.clone(), totals)],
            })
            .expect("commits");
        write(&mut store, &[unban(&lifted, 150)]);
    }
    let mut store = open(dir.path());
    assert!(!store.is_new().expect("reads"));
    assert_eq!(in_force(&mut store), [&kept, &forever].map(without_story));
    let restored = store.restore(Time::EPOCH, None).expect("restores");
    assert_eq!(
        restored.settled,
        [(lifted.jail.clone(), lifted.prefix, Time::from_secs(150))]
    );
    assert_eq!(restored.totals, [(kept.jail, totals)]);
    assert_eq!(restored.past, []);
    assert_eq!(
        store.position("journal").expect("reads"),
        Some(Position::new("s=1;i=2"))
    );
    assert_eq!(store.position("journal namespace x").expect("reads"), None);
    // What was settled too long ago does not matter.
    let restored = store.restore(Time::from_secs(150), None).expect("restores");
    assert_eq!(restored.settled, []);
}

#[test]
fn what_began_after_an_instant_is_remembered_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let bans = [100, 90, 120, 110].map(|since| ban(&format!("192.0.2.{since}"), since));
    write(&mut store, &bans.clone().map(Decision::Ban));
    write(&mut store, &[unban(&bans[2], 130), unban(&bans[1], 131)]);
    let expired = Decision::Unban(Unban {
        cause: UnbanCause::Expired,
        time: Time::from_secs(710),
        jail: bans[3].jail.clone(),
        prefix: bans[3].prefix,
    });
    write(&mut store, &[expired]);
    let past = store
        .restore(Time::EPOCH, Some(Time::from_secs(95)))
        .expect("restores")
        .past;
    let remembered = |ban: &Ban, ended: Option<u64>, forgiven| PastBan {
        jail: ban.jail.clone(),
        prefix: ban.prefix,
        since: ban.since,
        until: ban.until,
        ended: ended.map(Time::from_secs),
        offence: 1,
        origin: Origin::Log,
        forgiven,
    };
    assert_eq!(
        past,
        [
            remembered(&bans[0], None, false),
            remembered(&bans[3], Some(710), false),
            remembered(&bans[2], Some(130), true),
        ]
    );
}

#[test]
fn a_decision_twice_is_harmless() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let longer = Ban {
        until: None,
        ..ban("192.0.2.1", 100)
    };
    let decisions = [
        Decision::Ban(ban("192.0.2.1", 100)),
        Decision::Ban(longer.clone()),
    ];
    write(&mut store, &decisions);
    assert_eq!(in_force(&mut store), [without_story(&longer)]);
    write(&mut store, &[unban(&longer, 110), unban(&longer, 120)]);
    assert_eq!(in_force(&mut store), []);
    // Banned anew after it was lifted: one in force, one in the past.
    write(&mut store, &decisions);
    assert_eq!(in_force(&mut store).len(), 1);
    let settled = store.restore(Time::EPOCH, None).expect("restores").settled;
    assert_eq!(
        settled,
        [(longer.jail, longer.prefix, Time::from_secs(110))]
    );
}

#[test]
fn a_ban_that_takes_the_place_of_another_does_not_wipe_it_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let (first, second) = (ban("192.0.2.1", 100), ban("192.0.2.1", 150));
    write(
        &mut store,
        &[Decision::Ban(first), Decision::Ban(second.clone())],
    );
    assert_eq!(in_force(&mut store), [without_story(&second)]);
    let past = store
        .restore(Time::EPOCH, Some(Time::EPOCH))
        .expect("restores")
        .past;
    let spans: Vec<_> = past.iter().map(|ban| (ban.since, ban.ended)).collect();
    let [began, replaced] = [100, 150].map(Time::from_secs);
    assert_eq!(spans, [(began, Some(replaced)), (replaced, None)]);
}

#[test]
fn what_stays_open_of_a_ban_may_change() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let wide = ban("192.0.2.0/24", 100);
    let opened = Ban {
        open: ["192.0.2.7".parse().expect("a prefix")].into(),
        ..wide.clone()
    };
    let opening = Decision::Open(Opening {
        jail: wide.jail.clone(),
        prefix: wide.prefix,
        until: wide.until,
        open: opened.open.clone(),
    });
    write(&mut store, &[Decision::Ban(wide), opening]);
    assert_eq!(in_force(&mut store), [without_story(&opened)]);
}

#[test]
fn what_no_longer_matters_is_forgotten_piece_by_piece() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let many: Vec<Ban> = (0..=PURGED_AT_ONCE)
        .map(|n| ban(&format!("10.0.{}.{}", n / 256, n % 256), 100))
        .collect();
    let present = ban("192.0.2.2", 100);
    let decisions: Vec<Decision> = many
        .iter()
        .chain([&present])
        .map(|ban| Decision::Ban(ban.clone()))
        .chain(many.iter().map(|ban| unban(ban, 150)))
        .collect();
    write(&mut store, &decisions);
    let settled = |store: &Store| {
        store
            .restore(Time::EPOCH, None)
            .expect("restores")
            .settled
            .len()
    };
    assert!(!store.purge(Time::from_secs(150)).expect("purges"));
    assert_eq!(settled(&store), many.len(), "not before that");
    assert!(
        store.purge(Time::from_secs(151)).expect("purges"),
        "there is more"
    );
    assert_eq!(settled(&store), 1);
    assert!(!store.purge(Time::from_secs(151)).expect("purges"));
    assert_eq!(settled(&store), 0);
    assert_eq!(in_force(&mut store), [without_story(&present)]);
}

#[test]
fn the_history_makes_room_for_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    store.size_limit = 1 << 20;
    let mut largest = 0;
    for round in 0..100_u64 {
        let bans: Vec<Ban> = (0..200)
            .map(|n| ban(&format!("10.0.0.{n}"), 100 + round))
            .collect();
        let mut decisions: Vec<Decision> = bans.iter().cloned().map(Decision::Ban).collect();
        decisions.extend(bans.iter().map(|ban| unban(ban, 100 + round)));
        write(&mut store, &decisions);
        largest = largest.max(store.size().expect("reads"));
    }
    assert!(largest < (1 << 20) + 100_000, "{largest}");
    let settled = store.restore(Time::EPOCH, None).expect("restores").settled;
    assert!(
        settled.len() > 2000,
        "{}: most of the room is used",
        settled.len()
    );
    assert_eq!(settled.last().expect("some").2, Time::from_secs(199));
}

#[test]
fn a_row_that_makes_no_sense_costs_itself_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let bans = [1, 2, 3, 4, 5, 6].map(|n| ban(&format!("192.0.2.{n}"), 100));
    write(&mut store, &bans.clone().map(Decision::Ban));
    write(&mut store, &[unban(&bans[5], 110)]);
    for edit in [
        "UPDATE ban SET prefix = 'x' WHERE prefix = '192.0.2.1'",
        "UPDATE ban SET origin = 'x' WHERE prefix = '192.0.2.2'",
        "UPDATE ban SET failures = -1 WHERE prefix = '192.0.2.3'",
        "UPDATE ban SET open = '[' WHERE prefix = '192.0.2.4'",
        "UPDATE history SET jail = '../x'",
    ] {
        assert_eq!(store.db.execute(edit, []).expect("edits"), 1, "{edit}");
    }
    let mut read = store.in_force();
    assert_eq!(read.by_ref().count(), 1);
    assert_eq!(read.finish().expect("reads"), 4);
    assert_eq!(
        store
            .restore(Time::EPOCH, None)
            .expect("restores")
            .unreadable,
        1
    );
    let left: i64 = store
        .db
        .query_row("SELECT count(*) FROM ban", [], |row| row.get(0))
        .expect("counts");
    assert_eq!(left, 5, "all of them are left alone");
}

#[test]
fn a_second_daemon_is_told_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Store::open(dir.path()).expect("opens");
    let refused = Store::open(dir.path()).err().expect("refused").to_string();
    assert!(refused.contains("another journalban"), "{refused}");
    drop(first);
    Store::open(dir.path()).expect("opens once the first is gone");
}

#[test]
fn what_could_not_be_written_can_be_written_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let (first, second) = (ban("192.0.2.1", 100), ban("192.0.2.2", 100));
    write(&mut store, &[Decision::Ban(first.clone())]);
    let pages: i64 = store
        .db
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .expect("reads");
    store
        .db
        .pragma_update(None, "max_page_count", pages)
        .expect("sets");
    let long = Ban {
        reason: "x".repeat(100_000).into(),
        ..second.clone()
    };
    let decisions = [unban(&first, 110), Decision::Ban(long.clone())];
    let refused = store
        .commit(&Commit {
            decisions: &decisions,
            ..Commit::default()
        })
        .expect_err("the file is full");
    assert!(format!("{refused:#}").contains("full"), "{refused:#}");
    assert!(!is_damage(&refused));
    // Neither of the two is half done.
    write(&mut store, &[Decision::Ban(first.clone())]);
    store
        .db
        .pragma_update(None, "max_page_count", 1_000_000)
        .expect("sets");
    write(&mut store, &decisions);
    assert_eq!(in_force(&mut store), [without_story(&long)]);
}

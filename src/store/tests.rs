//! The store against a real file: restart, damage, rows that make no sense.

use super::*;
use crate::model::{Origin, Unban, UnbanCause};

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

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (kept, lifted) = (ban("192.0.2.1", 100), ban("2001:db8::/64", 101));
    let forever = Ban {
        until: None,
        origin: Origin::Manual,
        ..ban("203.0.113.0/24", 102)
    };
    let totals = Totals {
        failed: 7,
        ..Totals::default()
    };
    {
        let (mut store, aside) = Store::open(dir.path()).expect("opens");
        assert_eq!(aside, None);
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
    let (store, _) = Store::open(dir.path()).expect("opens again");
    let restored = store.restore().expect("restores");
    assert_eq!(store.bans().expect("reads"), [kept.clone(), forever]);
    assert_eq!(restored.bans.len(), 2);
    assert!(
        restored
            .settled
            .contains(&(lifted.jail.clone(), lifted.prefix, Time::from_secs(150)))
    );
    assert_eq!(restored.totals, [(kept.jail, totals)]);
    assert_eq!(
        store.position("journal").expect("reads"),
        Some(Position::new("s=1;i=2"))
    );
    assert_eq!(store.position("journal namespace x").expect("reads"), None);
}

#[test]
fn a_decision_twice_is_harmless() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open(dir.path()).expect("opens");
    let longer = Ban {
        until: None,
        ..ban("192.0.2.1", 100)
    };
    let decisions = [
        Decision::Ban(ban("192.0.2.1", 100)),
        Decision::Ban(longer.clone()),
    ];
    write(&mut store, &decisions);
    assert_eq!(store.bans().expect("reads"), std::slice::from_ref(&longer));
    write(&mut store, &[unban(&longer, 110), unban(&longer, 120)]);
    assert_eq!(store.bans().expect("reads"), []);
    // Banned anew after it was lifted: one row in force, one in the past.
    write(&mut store, &decisions);
    assert_eq!(store.bans().expect("reads").len(), 1);
}

#[test]
fn what_no_longer_matters_is_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open(dir.path()).expect("opens");
    let (past, present) = (ban("192.0.2.1", 100), ban("192.0.2.2", 100));
    write(
        &mut store,
        &[Decision::Ban(past.clone()), unban(&past, 150)],
    );
    write(&mut store, &[Decision::Ban(present.clone())]);
    let then = Time::from_secs(200);
    store.purge(then, then).expect("purges");
    let restored = store.restore().expect("restores");
    assert_eq!((restored.bans, restored.settled), (vec![present], vec![]));
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("state.db"), vec![b'x'; 8192]).expect("writes");
    let (mut store, aside) = Store::open(dir.path()).expect("opens");
    let aside = aside.expect("moved aside");
    assert_eq!(std::fs::read(aside).expect("reads").len(), 8192);
    write(&mut store, &[Decision::Ban(ban("192.0.2.1", 100))]);
    assert_eq!(store.bans().expect("reads").len(), 1);
}

#[test]
fn a_row_that_makes_no_sense_costs_itself_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open(dir.path()).expect("opens");
    write(
        &mut store,
        &[
            Decision::Ban(ban("192.0.2.1", 100)),
            Decision::Ban(ban("192.0.2.2", 100)),
        ],
    );
    store
        .db
        .execute("UPDATE ban SET prefix = 'x' WHERE prefix = '192.0.2.1'", [])
        .expect("edits");
    let restored = store.restore().expect("restores");
    assert_eq!((restored.bans.len(), restored.unreadable), (1, 1));
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

//! Files of an earlier form, damaged ones, and ones that were not closed.

use super::*;

/// What version 1 of this program made.
const VERSION_1: &str = "
CREATE TABLE ban (jail TEXT NOT NULL, prefix TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,
    failures INTEGER NOT NULL, origin TEXT NOT NULL, reason TEXT NOT NULL, ended INTEGER, cause TEXT
) STRICT;
CREATE UNIQUE INDEX ban_in_force ON ban (jail, prefix) WHERE ended IS NULL;
CREATE INDEX ban_ended ON ban (ended) WHERE ended IS NOT NULL;
CREATE TABLE settled (jail TEXT NOT NULL, prefix TEXT NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (jail, prefix)) STRICT, WITHOUT ROWID;
CREATE TABLE totals (jail TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE position (source TEXT PRIMARY KEY, mark TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO ban VALUES
    ('sshd', '192.0.2.2', 101000000, NULL, 0, 'manual', 'scans', NULL, NULL),
    ('sshd', '192.0.2.1', 100000000, 700000000, 5, 'log', 'Failed password', NULL, NULL),
    ('sshd', '192.0.2.3', 90000000, 690000000, 5, 'log', 'x', 110000000, 'manual'),
    ('sshd', '192.0.2.4', 90000000, 690000000, 5, 'log', 'x', 110000000, 'expired'),
    ('sshd', '192.0.2.3', 20000000, 620000000, 5, 'log', 'x', 30000000, 'expired'),
    ('sshd', 'nonsense', 90000000, 690000000, 5, 'log', 'x', NULL, NULL);
INSERT INTO settled VALUES
    ('sshd', '192.0.2.1', 100000000), ('sshd', '192.0.2.2', 101000000),
    ('sshd', '192.0.2.3', 110000000), ('sshd', '192.0.2.4', 110000000);
INSERT INTO totals VALUES ('sshd', '{\"failed\":7,\"ignored\":0,\"named\":0,\"banned\":3}');
INSERT INTO position VALUES ('journal', 's=1;i=2');
PRAGMA user_version = 1;
";

#[test]
fn a_file_of_version_1_is_taken_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.db");
    let old = Connection::open(&path).expect("opens");
    old.execute_batch(VERSION_1).expect("writes");
    drop(old);
    let mut store = open(dir.path());
    let mut read = store.in_force();
    let bans: Vec<Ban> = read.by_ref().collect();
    assert_eq!(read.finish().expect("reads"), 1, "kept, and counted");
    assert_eq!(
        bans,
        [
            without_story(&ban("192.0.2.1", 100)),
            Ban {
                until: None,
                failures: 0,
                origin: Origin::Manual,
                ..without_story(&ban("192.0.2.2", 101))
            }
        ]
    );
    let restored = store
        .restore(Time::EPOCH, Some(Time::EPOCH))
        .expect("restores");
    let settled: Vec<(String, Time)> = restored
        .settled
        .iter()
        .map(|(_, prefix, time)| (prefix.to_string(), *time))
        .collect();
    assert_eq!(
        settled,
        [
            ("192.0.2.3".to_owned(), Time::from_secs(30)),
            ("192.0.2.3".to_owned(), Time::from_secs(110)),
            ("192.0.2.4".to_owned(), Time::from_secs(110)),
        ]
    );
    assert_eq!(restored.totals[0].1.failed, 7);
    let sinces: Vec<Time> = restored.past.iter().map(|past| past.since).collect();
    assert_eq!(sinces, [20, 90, 90, 100, 101].map(Time::from_secs));
    assert_eq!(
        store.position("journal").expect("reads"),
        Some(Position::new("s=1;i=2"))
    );
    // And it goes on from there.
    write(&mut store, &[unban(&ban("192.0.2.1", 100), 120)]);
    drop(store);
    assert_eq!(
        open(dir.path())
            .restore(Time::EPOCH, None)
            .expect("restores")
            .settled
            .len(),
        4
    );
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(open(dir.path()));
    let path = dir.path().join("state.db");
    let newer = Connection::open(&path).expect("opens");
    newer.pragma_update(None, "user_version", 3).expect("sets");
    drop(newer);
    let before = std::fs::read(&path).expect("reads");
    let refused = Store::open(dir.path()).err().expect("refused").to_string();
    assert!(refused.contains("newer journalban"), "{refused}");
    assert_eq!(std::fs::read(&path).expect("reads"), before);
}

#[test]
fn damaged_files_are_moved_aside_and_none_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    for (byte, name) in [
        (b'x', "state.db.damaged"),
        (b'y', "state.db.damaged.2"),
        (b'z', "state.db.damaged.3"),
    ] {
        std::fs::write(dir.path().join("state.db"), vec![byte; 8192]).expect("writes");
        let (mut store, aside) = Store::open(dir.path()).expect("opens");
        assert_eq!(aside, Some(dir.path().join(name)));
        write(&mut store, &[Decision::Ban(ban("192.0.2.1", 100))]);
        assert_eq!(in_force(&mut store).len(), 1);
    }
    assert_eq!(
        std::fs::read(dir.path().join("state.db.damaged")).expect("reads"),
        [b'x'; 8192]
    );
}

/// Overwrites the page of the table of bans.
fn damage(dir: &Path) {
    let path = dir.join("state.db");
    let db = Connection::open(&path).expect("opens");
    let (page, size): (u64, u64) = db
        .query_row(
            "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'ban'",
            [],
            |row| Ok((row.get::<_, u32>(0)?.into(), row.get::<_, u32>(1)?.into())),
        )
        .expect("reads");
    drop(db);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("opens");
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 4096], (page - 1) * size)
        .expect("writes");
}

#[test]
fn damage_is_found_at_the_start_after_a_crash_and_else_when_it_is_met() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    write(&mut store, &[Decision::Ban(ban("192.0.2.1", 100))]);
    drop(store);
    damage(dir.path());
    // It was closed cleanly, so nobody looks at all of it.
    let mut store = open(dir.path());
    let error = store.in_force().finish().expect_err("damaged");
    assert!(is_damage(&error), "{error:#}");
    drop(store);
    // Nor was it closed cleanly then.
    let (mut store, aside) = Store::open(dir.path()).expect("opens");
    assert!(aside.is_some());
    assert_eq!(in_force(&mut store), []);
}

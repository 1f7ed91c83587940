//! What clients read beside the daemon.

use super::*;
use crate::model::{BanPlace, HistoryQuery, ListQuery, Story};

fn list(store: &Store, wanted: &ListQuery) -> Vec<Ban> {
    let mut bans = Vec::new();
    let reader = Reader::open(store.path()).expect("opens");
    let page = |page: Vec<Ban>| {
        assert!((1..=2).contains(&page.len()), "{}", page.len());
        bans.extend(page);
        true
    };
    reader.list(wanted, 2, page).expect("lists");
    bans
}

fn history(store: &Store, wanted: &HistoryQuery) -> Vec<Story> {
    let mut stories = Vec::new();
    let reader = Reader::open(store.path()).expect("opens");
    let page = |page: Vec<Story>| {
        assert!((1..=2).contains(&page.len()), "{}", page.len());
        stories.extend(page);
        true
    };
    reader.history(wanted, 2, page).expect("reads");
    stories
}

fn prefixes<'a>(bans: impl IntoIterator<Item = &'a Ban>) -> Vec<String> {
    bans.into_iter().map(|ban| ban.prefix.to_string()).collect()
}

fn of_jail(jail: &str, ban: Ban) -> Ban {
    Ban {
        jail: JailName::new(jail).expect("a name"),
        ..ban
    }
}

#[test]
fn bans_are_listed_in_order_and_from_any_place_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let bans = [
        ban("192.0.2.3", 105),
        of_jail("postfix", ban("192.0.2.9", 110)),
        ban("192.0.2.1", 101),
        ban("192.0.2.2", 101),
        of_jail("postfix", ban("192.0.2.8", 111)),
    ];
    write(&mut store, &bans.clone().map(Decision::Ban));
    let all = list(&store, &ListQuery::default());
    let order = [
        "192.0.2.9",
        "192.0.2.8",
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
    ];
    assert_eq!(prefixes(&all), order);
    assert_eq!(all[4].reason, bans[0].reason);
    for (at, ban) in all.iter().enumerate() {
        let after = BanPlace {
            jail: ban.jail.clone(),
            since: ban.since,
            prefix: ban.prefix,
        };
        // The place is one also when its ban is over.
        write(&mut store, &[unban(ban, 200)]);
        let rest = list(
            &store,
            &ListQuery {
                after: Some(after),
                ..ListQuery::default()
            },
        );
        assert_eq!(prefixes(&rest), order[at + 1..]);
    }
    write(&mut store, &bans.map(Decision::Ban));
    let some = ListQuery {
        jail: JailName::new("sshd").ok(),
        limit: Some(2),
        after: None,
    };
    assert_eq!(prefixes(&list(&store, &some)), ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn the_history_begins_with_what_is_in_force_and_goes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let line: Box<str> = "the line before".into();
    let bans = [
        ban("192.0.2.1", 100),
        ban("192.0.2.2", 101),
        of_jail("postfix", ban("192.0.2.0/24", 102)),
        ban("198.51.100.1", 103),
    ]
    .map(|ban| Ban {
        lines: [line.clone()].into(),
        ..ban
    });
    write(&mut store, &bans.clone().map(Decision::Ban));
    write(&mut store, &[unban(&bans[1], 110), unban(&bans[0], 120)]);
    let all = history(&store, &HistoryQuery::default());
    let order = ["198.51.100.1", "192.0.2.0/24", "192.0.2.1", "192.0.2.2"];
    assert_eq!(prefixes(all.iter().map(|it| &it.ban)), order);
    assert_eq!((all[1].ended, all[1].cause), (None, None));
    assert_eq!(all[2].ended, Some(Time::from_secs(120)));
    assert_eq!(all[2].cause, Some(UnbanCause::Manual));
    assert!(all[2].ban.lines.is_empty(), "nobody can read so many");

    let asked = |wanted: HistoryQuery| {
        let found = history(&store, &wanted);
        prefixes(found.iter().map(|it| &it.ban))
    };
    let near = HistoryQuery {
        prefix: "192.0.2.1".parse().ok(),
        ..HistoryQuery::default()
    };
    assert_eq!(*history(&store, &near)[1].ban.lines, [line]);
    assert_eq!(asked(near.clone()), ["192.0.2.0/24", "192.0.2.1"]);
    assert_eq!(
        asked(HistoryQuery {
            limit: Some(1),
            ..near
        }),
        ["192.0.2.0/24"]
    );
    let jail = HistoryQuery {
        jail: JailName::new("postfix").ok(),
        ..HistoryQuery::default()
    };
    assert_eq!(asked(jail), ["192.0.2.0/24"]);
    let since = HistoryQuery {
        since: Some(Time::from_secs(102)),
        limit: Some(2),
        ..HistoryQuery::default()
    };
    assert_eq!(asked(since), ["198.51.100.1", "192.0.2.1"]);
}

#[test]
fn the_story_of_a_ban_is_in_the_row_that_the_store_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let whole = Ban {
        lines: ["one".into(), "two \"quoted\"".into()].into(),
        ..ban("192.0.2.1", 100)
    };
    write(&mut store, &[Decision::Ban(whole.clone())]);
    let reader = Reader::open(store.path()).expect("opens");
    let rows = store.rows_of(&whole.jail, whole.prefix);
    let read = reader.bans(&rows, true).expect("reads");
    assert_eq!(read, std::slice::from_ref(&whole));
    let other = "192.0.2.2".parse().expect("a prefix");
    assert!(store.rows_of(&whole.jail, other).is_empty());
    write(&mut store, &[unban(&whole, 110)]);
    assert_eq!(reader.bans(&rows, true).expect("reads"), []);
}

#[test]
fn of_too_many_lines_the_newest_are_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let lines: Vec<Box<str>> = (0..100)
        .map(|n| format!("{n} {}", "x".repeat(500)).into())
        .collect();
    let long = Ban {
        lines: lines.clone().into(),
        ..ban("192.0.2.1", 100)
    };
    write(&mut store, &[Decision::Ban(long.clone())]);
    let reader = Reader::open(store.path()).expect("opens");
    let kept = reader
        .bans(&store.rows_of(&long.jail, long.prefix), true)
        .expect("reads");
    assert!((20..40).contains(&kept[0].lines.len()));
    assert!(lines.ends_with(&kept[0].lines));
}

//! Following: nothing lost, nothing late, whatever journald does meanwhile.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use journalban::clock;
use journalban::source::{Event, SourceSpec, Start};

use crate::reading::{PATIENCE, Reading, cursor_of, namespace, numbers, wanted};
use crate::support::journald::{Journald, until};

#[test]
fn nothing_is_lost_while_journald_rotates() {
    const COUNT: u32 = 100_000;
    let Some(journald) = Journald::start() else {
        return;
    };
    let mut reading = Reading::start(
        &namespace(&journald),
        &wanted("SYSLOG_IDENTIFIER=a"),
        Start::default(),
    );
    let done = AtomicBool::new(false);
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..COUNT {
                journald.log("a", &n.to_string());
                if n % 10 == 0 {
                    journald.log("b", "unwanted");
                }
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                journald.rotate();
                std::thread::sleep(Duration::from_millis(250));
            }
        });
        while seen.len() < COUNT as usize {
            match reading.event_within(PATIENCE) {
                Some(Event::Entries(batch)) => seen.extend(numbers(&batch.entries)),
                Some(Event::CaughtUp) => {}
                other => {
                    eprintln!("{other:?}");
                    break;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    reading.stop();
    let lost = (0..COUNT)
        .filter(|n| seen.binary_search(n).is_err())
        .count();
    assert_eq!((seen.len(), lost), (COUNT as usize, 0));
    assert!(seen.iter().copied().eq(0..COUNT), "out of order");
}

#[test]
fn the_first_entry_ever_is_seen() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let (spec, wanted) = (namespace(&journald), wanted("SYSLOG_IDENTIFIER=a"));
    let mut reading = Reading::start(
        &spec,
        &wanted,
        Start {
            since: clock::now(),
            position: None,
        },
    );
    assert!(reading.caught_up().0.is_empty());
    journald.log("a", "0");
    assert_eq!(numbers(&reading.entries(1).0), [0]);
    reading.stop();
    // A namespace that is not there yet.
    let name = format!("{}-later", journald.name());
    let mut reading = Reading::start(
        &SourceSpec::Namespace(name.clone()),
        &wanted,
        Start::default(),
    );
    assert!(reading.caught_up().0.is_empty());
    let directory = PathBuf::from(format!("{}-later", journald.directory().display()));
    fs::create_dir(&directory).expect("makes a directory");
    let (source, copy) = (
        journald.directory().join("system.journal"),
        directory.join("copying"),
    );
    fs::copy(source, &copy).expect("copies the file");
    fs::rename(copy, directory.join("system.journal")).expect("gives it its name");
    let seen = loop {
        match reading.event_within(PATIENCE) {
            Some(Event::Entries(batch)) if batch.entries.is_empty() => {}
            other => break other,
        }
    };
    fs::remove_dir_all(&directory).expect("removes it");
    reading.stop();
    let Some(Event::Entries(batch)) = seen else {
        panic!("{seen:?}")
    };
    assert_eq!(numbers(&batch.entries), [0]);
}

#[test]
fn the_position_moves_on_over_unwanted_entries() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let (spec, wanted) = (namespace(&journald), wanted("SYSLOG_IDENTIFIER=a"));
    let mut reading = Reading::start(&spec, &wanted, Start::default());
    reading.caught_up();
    let last = 5000;
    for n in 0..=last {
        journald.log("b", &n.to_string());
    }
    let mut batches = 0;
    let mut position = None;
    let end = std::cell::LazyCell::new(|| cursor_of(&journald, &last.to_string()));
    while position.as_ref() != Some(&*end) {
        let batch = reading.batch();
        assert!(batch.entries.is_empty());
        position = batch.position;
        batches += 1;
    }
    reading.stop();
    assert!(batches <= 5, "{batches} batches for 5000 unwanted entries");
}

#[test]
fn a_reader_stops_at_once_whatever_it_waits_for() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let spec = namespace(&journald);
    // For new entries. The wait is up to 250 ms long by then, so an end that comes with the end of
    // the wait is seen; the shortest of some tries, as the machine may be busy.
    let stop_when_cold = || {
        let mut reading = Reading::start(&spec, &wanted("A=1"), Start::default());
        reading.caught_up();
        // journald may still log of itself, which moves the position and keeps nobody hot.
        let quiet = clock::steady() + Duration::from_millis(700);
        while let Some(event) = reading.event_within(quiet - clock::steady()) {
            assert!(
                matches!(&event, Event::Entries(batch) if batch.entries.is_empty()),
                "{event:?}"
            );
        }
        let start = clock::steady();
        reading.stop();
        start.elapsed()
    };
    let shortest = (0..3).map(|_| stop_when_cold()).min().expect("three");
    assert!(shortest < Duration::from_millis(50), "{shortest:?}");
    // For room in the channel: nobody makes any.
    for n in 0..20_000 {
        journald.log("a", &n.to_string());
    }
    let reading = Reading::start(&spec, &wanted("SYSLOG_IDENTIFIER=a"), Start::default());
    until("the channel is full", || reading.events.len() == 4);
    reading.stop();
}

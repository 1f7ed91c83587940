//! Starting again from a stored position: nothing lost, nothing twice.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use journalban::clock;
use journalban::model::{Entry, Position, Time};
use journalban::source::{Event, Start};

use crate::reading::{Reading, cursor_of, namespace, numbers, wanted};
use crate::support::journald::{Journald, until};

#[test]
fn a_restart_at_any_point_goes_on_where_it_was() {
    const COUNT: u32 = 20_000;
    let Some(journald) = Journald::start() else {
        return;
    };
    let spec = namespace(&journald);
    let wanted = wanted("SYSLOG_IDENTIFIER=a");
    let mut live: Vec<u32> = Vec::new();
    let mut runs = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..COUNT {
                journald.log("a", &n.to_string());
                if n % 3 == 0 {
                    journald.log("b", "unwanted");
                }
                if n % 200 == 0 {
                    // Slow enough that some runs begin before and some after an entry is written.
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        let mut position: Option<Position> = None;
        let mut random: u64 = 7;
        while live.len() < COUNT as usize {
            runs += 1;
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let start = Start {
                since: Time::EPOCH,
                position: position.clone(),
            };
            let mut reading = Reading::start(&spec, &wanted, start);
            let mut replayed = Vec::new();
            let before = live.len();
            // A run takes some live batches, or one event alone, without regard to what is on its way.
            let mut left = 1 + (random >> 33) % 2;
            while live.len() < COUNT as usize {
                match reading.event() {
                    Event::Entries(batch) if batch.position.is_some() => {
                        assert!(replayed.iter().eq(&live[..before]), "run {runs}");
                        assert!(!batch.entries.iter().any(Entry::replayed));
                        live.extend(numbers(&batch.entries));
                        position = batch.position;
                        left -= 1;
                    }
                    Event::Entries(batch) => {
                        assert!(batch.entries.iter().all(Entry::replayed));
                        replayed.extend(numbers(&batch.entries));
                    }
                    Event::CaughtUp => {}
                    other => panic!("{other:?}"),
                }
                if left == 0 || runs % 5 == 0 {
                    break;
                }
            }
            reading.stop();
        }
    });
    assert!(runs >= 15, "{runs} runs are too few to prove anything");
    assert!(
        live.iter().copied().eq(0..COUNT),
        "{} of {COUNT} in {runs} runs",
        live.len()
    );
}

#[test]
fn what_was_handled_before_is_replayed_as_far_back_as_asked() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let (spec, wanted) = (namespace(&journald), wanted("SYSLOG_IDENTIFIER=a"));
    for n in 0..10 {
        journald.log("a", &n.to_string());
    }
    let mut reading = Reading::start(&spec, &wanted, Start::default());
    let (entries, position) = reading.entries(10);
    reading.stop();
    assert!(entries.iter().all(|entry| !entry.replayed()));
    // Nothing was handled before: what is too old is not sent, though it is at the end.
    for (since, expected) in [(entries[6].time(), 6..10), (clock::now(), 10..10)] {
        let mut reading = Reading::start(
            &spec,
            &wanted,
            Start {
                since,
                position: None,
            },
        );
        let (all, _) = reading.caught_up();
        reading.stop();
        assert!(!all.iter().any(Entry::replayed));
        assert_eq!(numbers(&all), expected.collect::<Vec<_>>());
    }
    // The position is that of an entry that is not wanted: the index hides it.
    journald.log("b", "unwanted");
    let mut reading = Reading::start(
        &spec,
        &wanted,
        Start {
            since: Time::EPOCH,
            position: position.clone(),
        },
    );
    let position = loop {
        match reading.event() {
            Event::Entries(batch) if batch.position.is_some() => break batch.position,
            _ => {}
        }
    };
    reading.stop();
    for n in 10..15 {
        journald.log("a", &n.to_string());
    }
    for (since, replayed) in [
        (Time::EPOCH, 0..10),
        (entries[6].time(), 6..10),
        // Older than what is asked for, but never handled: the machine was off.
        (clock::now().after(Duration::from_mins(1)), 10..10),
    ] {
        let start = Start {
            since,
            position: position.clone(),
        };
        let mut reading = Reading::start(&spec, &wanted, start);
        let (all, _) = reading.entries(replayed.len() + 5);
        reading.stop();
        let (old, new): (Vec<_>, Vec<_>) = all.into_iter().partition(Entry::replayed);
        assert_eq!(numbers(&old), replayed.collect::<Vec<_>>());
        assert_eq!(numbers(&new), (10..15).collect::<Vec<_>>());
    }
}

#[test]
fn entries_of_one_microsecond_are_told_apart() {
    const COUNT: u32 = 300;
    let Some(journald) = Journald::start() else {
        return;
    };
    let (spec, wanted) = (namespace(&journald), wanted("SYSLOG_IDENTIFIER=a"));
    // One write to a stream: journald gives all its lines the same time.
    let lines: Vec<String> = (0..COUNT).map(|n| n.to_string()).collect();
    journald
        .stream("a")
        .write_all((lines.join("\n") + "\n").as_bytes())
        .expect("writes");
    let mut reading = Reading::start(&spec, &wanted, Start::default());
    let (entries, end) = reading.entries(COUNT as usize);
    reading.stop();
    assert_eq!(numbers(&entries), (0..COUNT).collect::<Vec<_>>());
    let times: BTreeSet<Time> = entries.iter().map(Entry::time).collect();
    assert!(times.len() < 10, "{} different times", times.len());
    // From the end, all is replayed and nothing live.
    let mut reading = Reading::start(
        &spec,
        &wanted,
        Start {
            since: Time::EPOCH,
            position: end,
        },
    );
    let (all, _) = reading.caught_up();
    assert!(all.iter().all(Entry::replayed));
    assert_eq!(numbers(&all), (0..COUNT).collect::<Vec<_>>());
    // From each of them, given as journalctl writes it.
    for cut in [1, COUNT / 2, COUNT - 1] {
        let position = cursor_of(&journald, &cut.to_string());
        let start = Start {
            since: Time::EPOCH,
            position: Some(position),
        };
        let mut reading = Reading::start(&spec, &wanted, start);
        let (all, _) = reading.entries(COUNT as usize);
        reading.stop();
        let (old, new): (Vec<_>, Vec<_>) = all.into_iter().partition(Entry::replayed);
        assert_eq!(numbers(&old), (0..=cut).collect::<Vec<_>>());
        assert_eq!(numbers(&new), (cut + 1..COUNT).collect::<Vec<_>>());
    }
}

#[test]
fn entries_that_were_deleted_meanwhile_are_told_of() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let (spec, wanted) = (namespace(&journald), wanted("SYSLOG_IDENTIFIER=a"));
    journald.log("a", "0");
    let mut reading = Reading::start(&spec, &wanted, Start::default());
    let (_, position) = reading.entries(1);
    reading.stop();
    let rotate = || {
        let before = archived(&journald.directory()).len();
        journald.rotate();
        until("journald has rotated", || {
            archived(&journald.directory()).len() > before
        });
    };
    let restart = |expected: &[u32]| {
        let start = Start {
            since: clock::now(),
            position: position.clone(),
        };
        let mut reading = Reading::start(&spec, &wanted, start);
        let (mut gaps, mut seen) = (Vec::new(), Vec::new());
        while seen.len() < expected.len() {
            match reading.event() {
                Event::Entries(batch) => seen.extend(numbers(&batch.entries)),
                Event::Gap(sentence) => gaps.push(sentence),
                Event::CaughtUp => {}
                other @ Event::Failed(_) => panic!("{other:?}"),
            }
        }
        reading.stop();
        assert_eq!(seen, expected);
        gaps
    };
    journald.log("a", "1");
    // journald may hear the signal before it reads what was sent before.
    cursor_of(&journald, "1");
    rotate();
    journald.log("a", "2");
    assert_eq!(restart(&[1, 2]), Vec::<String>::new());
    for file in archived(&journald.directory()) {
        fs::remove_file(file).expect("removes a file");
    }
    journald.log("a", "3");
    let gaps = restart(&[2, 3]);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].starts_with("journal entries from 2"), "{gaps:?}");
    assert!(gaps[0].contains(" are gone"), "{gaps:?}");
}

fn archived(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).expect("reads the directory");
    files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.to_string_lossy().contains('@'))
        .collect()
}

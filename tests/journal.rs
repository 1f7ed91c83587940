//! The journal source against a real journald: nothing lost, nothing twice, nothing late.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use journalban::clock;
use journalban::model::{Entry, FIELD_LIMIT, JournalMatch, Position, Time};
use journalban::source::journal::{self, Reader};
use journalban::source::{Batch, Event, SourceSpec, Start, Wanted};
use support::journald::{Journald, until};
use tokio::sync::mpsc::{Receiver, channel};

mod support {
    pub mod journald;
    pub mod skip;
}

/// The longest that a test waits for one event; journald at work takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A reader with the end of its channel.
struct Reading {
    reader: Reader,
    events: Receiver<Event>,
    runtime: tokio::runtime::Runtime,
}

impl Reading {
    fn start(spec: &SourceSpec, wanted: &Wanted, start: Start) -> Self {
        let (sender, events) = channel(4);
        let reader = Reader::spawn(spec.clone(), wanted.clone(), start, sender).expect("opens");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        Self {
            reader,
            events,
            runtime,
        }
    }

    fn event_within(&mut self, span: Duration) -> Option<Event> {
        let events = &mut self.events;
        self.runtime
            .block_on(async { tokio::time::timeout(span, events.recv()).await })
            .ok()
            .map(|event| event.expect("the reader goes on"))
    }

    fn event(&mut self) -> Event {
        self.event_within(PATIENCE).expect("an event in time")
    }

    fn batch(&mut self) -> Batch {
        loop {
            match self.event() {
                Event::Entries(batch) => return batch,
                Event::CaughtUp => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until all from before the start is out; gives the entries, and the last position.
    fn caught_up(&mut self) -> (Vec<Entry>, Option<Position>) {
        let (mut entries, mut position) = (Vec::new(), None);
        loop {
            match self.event() {
                Event::Entries(batch) => {
                    entries.extend(batch.entries);
                    position = batch.position.or(position);
                }
                Event::CaughtUp => return (entries, position),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for `count` entries; gives them, and the last position.
    fn entries(&mut self, count: usize) -> (Vec<Entry>, Option<Position>) {
        let (mut entries, mut position) = (Vec::new(), None);
        while entries.len() < count {
            let batch = self.batch();
            entries.extend(batch.entries);
            position = batch.position.or(position);
        }
        (entries, position)
    }

    fn stop(self) {
        self.reader.stop().expect("stops");
    }
}

fn namespace(journald: &Journald) -> SourceSpec {
    SourceSpec::Namespace(journald.name().to_owned())
}

fn wanted(terms: &str) -> Wanted {
    Wanted {
        matches: vec![JournalMatch::parse(terms).expect("a match")],
        fields: BTreeSet::from(["MESSAGE".to_owned()]),
    }
}

fn messages(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| String::from_utf8_lossy(entry.message()).into_owned())
        .collect()
}

fn numbers(entries: &[Entry]) -> Vec<u32> {
    messages(entries)
        .iter()
        .map(|message| message.parse().expect("a number"))
        .collect()
}

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
        (clock::now().after(Duration::from_secs(60)), 10..10),
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

#[test]
fn fields_are_bytes_several_and_limited() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let mut reading = Reading::start(
        &namespace(&journald),
        &Wanted {
            matches: vec![JournalMatch::parse("TAG=x").expect("a match")],
            fields: ["MESSAGE", "MANY", "LONG"].map(str::to_owned).into(),
        },
        Start::default(),
    );
    // Values that compress well, and a name that is as long as a wanted one.
    let long = vec![b'l'; FIELD_LIMIT + 1];
    journald.send(&[
        ("MESSAGE", b"a\n\0\xff="),
        ("MANY", b"1"),
        ("MANY", b""),
        ("LOST", b"not asked for"),
        ("MANY", b"3"),
        ("LONG", &long),
        ("TAG", b"w"),
        ("TAG", b"x"),
    ]);
    let batch = loop {
        let batch = reading.batch();
        if !batch.entries.is_empty() {
            break batch;
        }
    };
    reading.stop();
    let [entry] = &batch.entries[..] else {
        panic!("{batch:?}")
    };
    let mut fields: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in entry.fields() {
        fields.entry(name).or_default().push(value);
    }
    for values in fields.values_mut() {
        values.sort_unstable();
    }
    assert_eq!(fields.len(), 4, "{:?}", fields.keys());
    assert_eq!(fields[&b"MESSAGE"[..]], [b"a\n\0\xff="]);
    assert_eq!(fields[&b"MANY"[..]], [&b""[..], b"1", b"3"]);
    assert_eq!(fields[&b"TAG"[..]], [b"w", b"x"]);
    assert!(fields[&b"LONG"[..]] == [&long[..FIELD_LIMIT]]);
    assert_eq!(batch.truncated, 1);
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
    fs::copy(
        journald.directory().join("system.journal"),
        directory.join("system.journal"),
    )
    .expect("copies the file");
    let seen = reading.event_within(PATIENCE);
    fs::remove_dir_all(&directory).expect("removes it");
    reading.stop();
    assert!(matches!(seen, Some(Event::Entries(batch)) if numbers(&batch.entries) == [0]));
}

#[test]
fn entries_of_one_microsecond_are_told_apart() {
    const COUNT: u32 = 300;
    let Some(journald) = Journald::start() else {
        return;
    };
    let (spec, wanted) = (namespace(&journald), wanted("SYSLOG_IDENTIFIER=a"));
    // One write to a stream: journald gives all its lines the same time.
    let lines: String = (0..COUNT).map(|n| format!("{n}\n")).collect();
    journald
        .stream("a")
        .write_all(lines.as_bytes())
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

fn cursor_of(journald: &Journald, message: &str) -> Position {
    let output = Command::new("journalctl")
        .args([&format!("--namespace={}", journald.name()), "-o", "json"])
        .arg(format!("MESSAGE={message}"))
        .output()
        .expect("runs journalctl");
    let entry: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one entry");
    Position::new(entry["__CURSOR"].as_str().expect("a cursor"))
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
    // For new entries.
    let mut reading = Reading::start(&spec, &wanted("A=1"), Start::default());
    reading.caught_up();
    let start = clock::steady();
    reading.stop();
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "{:?}",
        start.elapsed()
    );
    // For room in the channel.
    for n in 0..20_000 {
        journald.log("a", &n.to_string());
    }
    let reading = Reading::start(&spec, &wanted("SYSLOG_IDENTIFIER=a"), Start::default());
    until("the channel is full", || reading.events.len() == 4);
    let start = clock::steady();
    reading.stop();
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "{:?}",
        start.elapsed()
    );
}

/// Writes a journal file with any fields, as only systemd-journal-remote(8) lets one.
fn write_file(path: &Path, entries: &[&[(&str, &str)]]) -> bool {
    const PROGRAM: &str = "/lib/systemd/systemd-journal-remote";
    if !Path::new(PROGRAM).exists() {
        support::skip::skip(&format!("{PROGRAM} is not installed"));
        return false;
    }
    let mut text = String::new();
    for (n, fields) in (1_u64..).zip(entries) {
        let realtime = 1_700_000_000_000_000 + n;
        text += &format!("__REALTIME_TIMESTAMP={realtime}\n__MONOTONIC_TIMESTAMP={n}\n");
        text += "_BOOT_ID=0123456789abcdef0123456789abcdef\n";
        for (name, value) in *fields {
            text += &format!("{name}={value}\n");
        }
        text += "\n";
    }
    let mut child = Command::new(PROGRAM)
        .args(["--split-mode=none", "-o"])
        .args([path, Path::new("-")])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts systemd-journal-remote");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(text.as_bytes()).expect("writes");
    drop(input);
    assert!(child.wait().expect("ends").success());
    true
}

#[test]
fn our_own_unit_is_never_a_source() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a.journal");
    let own = [
        ("_SYSTEMD_UNIT", journal::OWN_UNIT),
        ("MESSAGE", "own"),
        ("_UID", "0"),
    ];
    let other = [
        ("_SYSTEMD_UNIT", "ssh.service"),
        ("MESSAGE", "other"),
        ("_UID", "0"),
    ];
    if !write_file(&file, &[&other, &own, &other, &own]) {
        return;
    }
    for spec in [
        SourceSpec::Directory(directory.path().to_owned()),
        SourceSpec::Files(vec![file.clone()]),
    ] {
        journal::self_test(&spec).expect("readable");
        for wanted in [wanted("_UID=0"), Wanted::default()] {
            let mut reading = Reading::start(&spec, &wanted, Start::default());
            let (entries, _) = reading.caught_up();
            reading.stop();
            assert_eq!(messages(&entries), ["other", "other"], "{spec}");
            let mut read = Vec::new();
            let count = journal::read(&spec, &wanted, None, |entry| {
                read.push(entry);
                std::ops::ControlFlow::Continue(())
            });
            assert_eq!(messages(&read), ["other", "other"], "{spec}");
            assert_eq!(count.expect("reads").entries, 2);
        }
    }
}

#[test]
fn a_journal_that_shows_nothing_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let spec = SourceSpec::Directory(directory.path().to_owned());
    let error = journal::self_test(&spec).expect_err("nothing to see");
    assert!(error.to_string().contains("shows no entry"), "{error:#}");
    let gone = SourceSpec::Directory(directory.path().join("gone"));
    let (sender, _events) = channel(1);
    let error = Reader::spawn(gone, Wanted::default(), Start::default(), sender)
        .expect_err("there is no such directory");
    assert!(
        format!("{error:#}").contains("opening the journal directory"),
        "{error:#}"
    );
}

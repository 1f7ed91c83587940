//! Reading a journal in a test: a reader, and what comes out of it, with a limit to every wait.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use journalban::model::{Entry, JournalMatch, Position};
use journalban::source::journal::Reader;
use journalban::source::{Batch, Event, SourceSpec, Start, Wanted};
use tokio::sync::mpsc::{Receiver, channel};

use crate::support::journald::{Journald, until};

/// The longest that a test waits for one event; journald at work takes milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A reader with the end of its channel.
pub struct Reading {
    reader: Reader,
    pub events: Receiver<Event>,
    runtime: tokio::runtime::Runtime,
}

impl Reading {
    /// Starts reading; up to four batches wait to be looked at.
    pub fn start(spec: &SourceSpec, wanted: &Wanted, start: Start) -> Self {
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

    /// The next event, if it comes within `span`.
    pub fn event_within(&mut self, span: Duration) -> Option<Event> {
        let events = &mut self.events;
        self.runtime
            .block_on(async { tokio::time::timeout(span, events.recv()).await })
            .ok()
            .map(|event| event.expect("the reader goes on"))
    }

    /// The next event.
    pub fn event(&mut self) -> Event {
        self.event_within(PATIENCE).expect("an event in time")
    }

    /// The next batch.
    pub fn batch(&mut self) -> Batch {
        loop {
            match self.event() {
                Event::Entries(batch) => return batch,
                Event::CaughtUp => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until all from before the start is out; gives the entries, and the last position.
    pub fn caught_up(&mut self) -> (Vec<Entry>, Option<Position>) {
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
    pub fn entries(&mut self, count: usize) -> (Vec<Entry>, Option<Position>) {
        let (mut entries, mut position) = (Vec::new(), None);
        while entries.len() < count {
            let batch = self.batch();
            entries.extend(batch.entries);
            position = batch.position.or(position);
        }
        (entries, position)
    }

    /// Ends the reader's thread.
    pub fn stop(self) {
        self.reader.stop().expect("stops");
    }
}

/// The namespace of `journald` as a source.
pub fn namespace(journald: &Journald) -> SourceSpec {
    SourceSpec::Namespace(journald.name().to_owned())
}

/// Entries that match `terms`, with their messages.
pub fn wanted(terms: &str) -> Wanted {
    Wanted {
        matches: vec![JournalMatch::parse(terms).expect("a match")],
        fields: BTreeSet::from(["MESSAGE".to_owned()]),
    }
}

/// The messages of `entries`.
pub fn messages(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| String::from_utf8_lossy(entry.message()).into_owned())
        .collect()
}

/// The messages of `entries`, which are numbers.
pub fn numbers(entries: &[Entry]) -> Vec<u32> {
    messages(entries)
        .iter()
        .map(|message| message.parse().expect("a number"))
        .collect()
}

/// Where the entry with this message stands, as journalctl says; waits until it is stored.
pub fn cursor_of(journald: &Journald, message: &str) -> Position {
    let mut output = Vec::new();
    until("the entry is stored", || {
        let journalctl = Command::new("journalctl")
            .args([&format!("--namespace={}", journald.name()), "-o", "json"])
            .arg(format!("MESSAGE={message}"))
            .output();
        output = journalctl.expect("runs journalctl").stdout;
        !output.is_empty()
    });
    let entry: serde_json::Value = serde_json::from_slice(&output).expect("one entry");
    Position::new(entry["__CURSOR"].as_str().expect("a cursor"))
}

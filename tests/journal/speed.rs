//! How fast the journal source is, and what it costs. Measures, so not part of a normal run:
//!
//! ```text
//! cargo test --release --test journal speed -- --ignored --nocapture --test-threads 1
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use journalban::clock;
use journalban::model::{JournalMatch, Time};
use journalban::source::journal::{self, Reader};
use journalban::source::{Event, SourceSpec, Start, Wanted};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc::{Receiver, channel};

use crate::support::journald::Journald;

/// How long after its writing an entry may come: an issue's promise for a cold reader.
const WORST: Duration = Duration::from_millis(500);

fn wanted() -> Wanted {
    Wanted {
        matches: vec![JournalMatch::parse("SYSLOG_IDENTIFIER=a").expect("a match")],
        fields: BTreeSet::from(["MESSAGE".to_owned()]),
    }
}

fn start(journald: &Journald, since: Time) -> (Reader, Receiver<Event>) {
    let (sender, mut events) = channel(64);
    let spec = SourceSpec::Namespace(journald.name().to_owned());
    let start = Start {
        since,
        position: None,
    };
    let reader = Reader::spawn(spec, wanted(), start, sender).expect("opens");
    while !matches!(events.blocking_recv().expect("goes on"), Event::CaughtUp) {}
    (reader, events)
}

/// Writes an entry and waits for it.
fn latency(journald: &Journald, events: &mut Receiver<Event>) -> Duration {
    let written = clock::steady();
    journald.log("a", "x");
    loop {
        match events.blocking_recv().expect("goes on") {
            Event::Entries(batch) if !batch.entries.is_empty() => return written.elapsed(),
            _ => {}
        }
    }
}

fn report(what: &str, mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() * share / 100).min(latencies.len() - 1)];
    println!(
        "{what}: p50 {:?} p99 {:?} max {:?}",
        at(50),
        at(99),
        at(100)
    );
    assert!(at(100) < WORST);
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a span")
}

#[test]
#[ignore = "measures for a minute"]
fn latency_hot() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let (reader, mut events) = start(&journald, clock::now());
    latency(&journald, &mut events);
    let mut latencies = Vec::new();
    for n in 0..50 {
        // A second, and a bit so that looks and writes do not go in step.
        std::thread::sleep(Duration::from_micros(1_000_000 + n * 137));
        latencies.push(latency(&journald, &mut events));
    }
    reader.stop().expect("stops");
    report("hot, a second apart", latencies);
}

#[test]
#[ignore = "measures for half a minute"]
fn latency_cold() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let mut latencies = Vec::new();
    for n in 0..25 {
        // A reader that has seen nothing wanted is as cold as one that has been quiet for long.
        let (reader, mut events) = start(&journald, clock::now());
        std::thread::sleep(Duration::from_micros(1_000_000 + n * 10_137));
        latencies.push(latency(&journald, &mut events));
        reader.stop().expect("stops");
    }
    report("cold", latencies);
}

#[test]
#[ignore = "measures for half a minute"]
fn cost_of_waiting() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let span = Duration::from_secs(10);
    for hot in [true, false] {
        let (reader, mut events) = start(&journald, clock::now());
        if hot {
            latency(&journald, &mut events);
        }
        std::thread::sleep(Duration::from_secs(1));
        let (before, switches) = (cpu_time(), switches());
        std::thread::sleep(span);
        let cpu = cpu_time().saturating_sub(before).as_secs_f64() / span.as_secs_f64();
        let wakeups = f64::from(self::switches() - switches) / span.as_secs_f64();
        println!(
            "{}: {:.2} % CPU, {wakeups:.0} wake-ups/s",
            if hot { "hot" } else { "cold" },
            cpu * 100.0
        );
        reader.stop().expect("stops");
    }
}

/// How often threads of this process went to sleep by themselves.
fn switches() -> u32 {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").expect("reads") {
        let status = task.expect("a thread").path().join("status");
        let status = std::fs::read_to_string(status).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += line.map_or(0, |count| count.trim().parse().expect("a number"));
    }
    sum
}

#[test]
#[ignore = "measures for half a minute"]
fn throughput_of_the_backlog() {
    const COUNT: u32 = 200_000;
    let Some(journald) = Journald::start() else {
        return;
    };
    for n in 0..COUNT {
        journald.log(
            if n % 10 == 0 { "a" } else { "b" },
            "Failed password for root from 192.0.2.1 port 22 ssh2",
        );
    }
    let spec = SourceSpec::Namespace(journald.name().to_owned());
    for (what, wanted) in [
        ("every tenth, by the index", wanted()),
        (
            "all, by no index",
            Wanted {
                matches: Vec::new(),
                ..wanted()
            },
        ),
    ] {
        let before = cpu_time();
        let count = journal::read(
            &spec,
            &wanted,
            None,
            |_| std::ops::ControlFlow::Continue(()),
        );
        let cpu = cpu_time().saturating_sub(before).as_secs_f64();
        let entries = count.expect("reads").entries;
        println!(
            "read: {what}: {entries} entries, {:.0} a CPU second",
            f64::from(u32::try_from(entries).expect("fits")) / cpu
        );
        let before = cpu_time();
        let (sender, mut events) = channel(64);
        let reader = Reader::spawn(spec.clone(), wanted, Start::default(), sender).expect("opens");
        let mut seen = 0;
        loop {
            match events.blocking_recv().expect("goes on") {
                Event::Entries(batch) => seen += batch.entries.len(),
                Event::CaughtUp => break,
                other => panic!("{other:?}"),
            }
        }
        let cpu = cpu_time().saturating_sub(before).as_secs_f64();
        reader.stop().expect("stops");
        println!(
            "Reader: {what}: {seen} entries, {:.0} a CPU second",
            f64::from(u32::try_from(seen).expect("fits")) / cpu
        );
    }
}

//! Bytes a tracked prefix, bytes a ban, and whether the limit holds under a flood.

use std::process::Command;
use std::time::Duration;

use journalban::engine::{Engine, Limits, Policy};
use journalban::model::{Failure, Time};
use journalban::store::{Commit, Store};

use crate::support::daemon::{Place, memory_of};
use crate::{attacker, failure_line, jail, prefix};

const MILLION: u32 = 1_000_000;

/// All of it, each in a process of its own.
pub fn measure() {
    for part in ["one-failure", "four-failures", "flood"] {
        let myself = std::env::current_exe().expect("this program");
        let status = Command::new(myself).args(["in-process", part]).status();
        assert!(status.expect("runs").success(), "{part}");
    }
    let with = |bans: u32| {
        let place = Place::new(None, "")?;
        fill(&place, bans);
        let daemon = place.start();
        // A tick or two: what was needed for the start only is given back.
        std::thread::sleep(Duration::from_secs(3));
        Some(daemon.memory())
    };
    if let (Some(none), Some(million)) = (with(0), with(MILLION)) {
        println!(
            "  the daemon with {MILLION} bans: {} MB ({} MB at the most, {} MB without); {} bytes a ban",
            million.0 / 1_000_000,
            million.1 / 1_000_000,
            none.0 / 1_000_000,
            million.0.saturating_sub(none.0) / u64::from(MILLION)
        );
    }
}

/// Writes so many bans into the state of a daemon that does not run.
pub fn fill(place: &Place, bans: u32) {
    let (mut store, _) = Store::open(&place.state()).expect("a store");
    let now = journalban::clock::now();
    for from in (0..bans).step_by(10_000) {
        let decisions: Vec<_> = (from..bans.min(from + 10_000))
            .map(|n| crate::restore::ban(prefix(n), now))
            .collect();
        store
            .commit(&Commit {
                decisions: &decisions,
                ..Commit::default()
            })
            .expect("writes");
    }
}

/// One measurement of the engine alone.
pub fn in_process(part: &str) {
    let limits = Limits::default();
    let mut engine = Engine::new(limits, 1);
    let policy = Policy {
        findtime: Duration::from_hours(10),
        ..Policy::default()
    };
    let now = Time::from_secs(1_800_000_000);
    engine.configure([(jail(), policy)], limits, now);
    let (before, _) = memory_of("self");
    let (prefixes, failures) = match part {
        "one-failure" => (MILLION, 1),
        "four-failures" => (MILLION, 4),
        _ => (10 * MILLION, 1),
    };
    for n in 0..prefixes {
        let addr = attacker(n);
        let failure = Failure {
            jail: jail(),
            time: now,
            addr,
            user: None,
            weight: 1,
            evidence: failure_line(addr).into(),
            replayed: false,
        };
        for _ in 0..failures {
            engine.failure(&failure, now);
        }
    }
    let (after, most) = memory_of("self");
    let tracked = u64::from(prefixes).min(limits.tracked as u64);
    println!(
        "  {prefixes} prefixes with {failures} failure(s) each, {tracked} tracked: {} MB ({} MB at the most); {} bytes a prefix; {} forgotten",
        after / 1_000_000,
        most / 1_000_000,
        after.saturating_sub(before) / tracked,
        engine.losses().windows,
    );
}

//! As many bans a second as come: each entry of the journal is a new attacker, and the jail bans at
//! the first failure. journald, the writer and the daemon share the machine.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::Place;
use crate::support::journald::Journald;
use crate::{attacker, failure_line};

const ATTACKERS: u32 = 500_000;
/// Until the last ban counts as lost.
const PATIENCE: Duration = Duration::from_mins(3);

/// How fast journald takes entries that nobody reads, and how fast bans follow.
pub fn measure() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let began = Instant::now();
    for n in 0..ATTACKERS / 5 {
        journald.log("nobody", &failure_line(attacker(n)));
    }
    println!(
        "  journald's own ceiling (nobody reads): {:.0} entries/s",
        f64::from(ATTACKERS / 5) / began.elapsed().as_secs_f64()
    );
    let Some(place) = Place::new(Some(journald.name()), "maxretry = 1\n") else {
        return;
    };
    let daemon = place.start();
    let began = Instant::now();
    for n in 0..ATTACKERS {
        journald.log("sshd", &failure_line(attacker(n)));
    }
    let written = began.elapsed();
    while daemon.count("total_banned") < u64::from(ATTACKERS) {
        assert!(began.elapsed() < PATIENCE, "bans are missing");
        thread::sleep(Duration::from_millis(20));
    }
    // It comes behind all others, and is answered once it is in force.
    daemon.ask(&["ban", "192.0.2.1"]);
    let enforced = began.elapsed();
    println!(
        "  {ATTACKERS} entries written in {:.2} s ({:.0}/s); all banned, persisted and in force after {:.2} s: \
         {:.0} bans/s; the daemon used {:.2} s of a processor ({:.1} µs a ban), {} MB",
        written.as_secs_f64(),
        f64::from(ATTACKERS) / written.as_secs_f64(),
        enforced.as_secs_f64(),
        f64::from(ATTACKERS) / enforced.as_secs_f64(),
        daemon.cpu().as_secs_f64(),
        daemon.cpu().as_secs_f64() * 1e6 / f64::from(ATTACKERS),
        daemon.memory().1 / 1_000_000,
    );
}

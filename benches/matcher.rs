//! How many entries the matcher handles in a second of processor time: `cargo bench --bench
//! matcher`, or with `-- mixed` behind it only what has "mixed" in its name.
//!
//! A jail for each filter that ships, in its strictest mode; entries with the fields that a real
//! one has for them. The best of five runs. The processor's time of this thread is measured, so that
//! others on the machine do not count.

#[path = "../tests/support/filters.rs"]
mod filters;
#[path = "../tests/support/jails.rs"]
mod jails;

use std::hint::black_box;
use std::time::Duration;

use journalban::config::FilterFile;
use journalban::filter::Matcher;
use journalban::filter::spec::SampleVerdict;
use journalban::model::{Entry, FIELD_LIMIT, Time};
use rustix::time::{ClockId, clock_gettime};

use jails::{logged, strict};

const ENTRIES: usize = 200_000;
/// Of so many entries of mixed noise, one is of a service with a jail; of so many of those, one
/// is a failed attempt.
const OF_A_SERVICE: usize = 4;
const FAILED: usize = 8;
/// The longest request line that Apache (`LimitRequestLine`) and nginx
/// (`large_client_header_buffers`) take without being told otherwise.
const REQUEST_LIMIT: usize = 8 * 1024;

fn main() {
    // Also built by `cargo test --all-targets`, which must not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let filters = filters::all();
    println!("{} filters", filters.len());
    let sshd = [("sshd".to_owned(), filters::named("sshd"))];
    let unrelated = || vec![entry(&UNRELATED[0])];
    measure("unrelated entries", &filters, unrelated);
    measure("mixed noise", &filters, || mixed(&filters));
    for (what, counts) in [("sshd, nothing to see", false), ("sshd, failures", true)] {
        measure(what, &filters, || samples(&sshd, counts));
    }
    if wanted("longest line") {
        longest("longest line, as logged", &filters, 0);
        longest("longest line of 8 KiB", &filters, REQUEST_LIMIT);
        longest("longest line of 64 KiB", &filters, FIELD_LIMIT);
    }
}

/// Whether no names are given, or a part of this one.
fn wanted(what: &str) -> bool {
    let mut names = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let first = names.next();
    first.is_none_or(|first| names.chain([first]).any(|name| what.contains(&name)))
}

/// The processor's time that this thread has used.
fn used() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// Unit, identifier and message of what other services log.
const UNRELATED: [[&str; 3]; 6] = [
    [
        "init.scope",
        "systemd",
        "Started session-4.scope - Session 4 of User me.",
    ],
    [
        "cron.service",
        "CRON",
        "(root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    ],
    [
        "dbus.service",
        "dbus-daemon",
        "[system] Successfully activated service 'org.freedesktop.hostname1'",
    ],
    [
        "NetworkManager.service",
        "NetworkManager",
        "<info>  [1700000000.1234] dhcp4 (eth0): state changed new lease, address=192.0.2.9",
    ],
    [
        "user@1000.service",
        "gnome-shell",
        "Can't update stage views actor unnamed because it needs an allocation.",
    ],
    [
        "backup.service",
        "borg",
        "192.0.2.9 - terminating with success status, rc 0",
    ],
];

fn entry([unit, identifier, message]: &[&str; 3]) -> Entry {
    let mut entry = Entry::new(Time::EPOCH);
    for (name, value) in [
        ("_TRANSPORT", "syslog"),
        ("_UID", "0"),
        ("_SYSTEMD_UNIT", unit),
        ("_SYSTEMD_SLICE", "system.slice"),
        ("SYSLOG_IDENTIFIER", identifier),
        ("_PID", "4711"),
        ("MESSAGE", message),
    ] {
        entry.push(name.as_bytes(), value.as_bytes());
    }
    entry
}

/// The samples of `filters` that count, or those that do not.
fn samples(filters: &[(String, FilterFile)], counts: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (_, file) in filters {
        let wanted = |verdict| (verdict == SampleVerdict::Failure) == counts;
        for sample in file
            .spec
            .samples
            .iter()
            .filter(|sample| wanted(sample.verdict))
        {
            entries.extend(
                sample
                    .lines
                    .iter()
                    .map(|line| logged(&file.spec.journalmatch, line)),
            );
        }
    }
    entries
}

/// What a machine logs on which all of these services run.
fn mixed(filters: &[(String, FilterFile)]) -> Vec<Entry> {
    let (failed, quiet) = (samples(filters, true), samples(filters, false));
    (0..ENTRIES)
        .map(|at| {
            let turn = at / OF_A_SERVICE;
            match (at % OF_A_SERVICE, turn % FAILED) {
                (0, 0) => failed[turn / FAILED % failed.len()].clone(),
                (0, _) => quiet[turn % quiet.len()].clone(),
                _ => entry(&UNRELATED[at % UNRELATED.len()]),
            }
        })
        .collect()
}

fn matcher(filters: &[(String, FilterFile)]) -> Matcher {
    Matcher::new(strict(filters))
}

fn measure(what: &str, filters: &[(String, FilterFile)], entries: impl FnOnce() -> Vec<Entry>) {
    if !wanted(what) {
        return;
    }
    let entries = entries();
    let mut best = 0.0_f64;
    let mut verdicts = 0;
    for _ in 0..5 {
        let mut matcher = matcher(filters);
        let mut outcomes = Vec::new();
        let start = used();
        for entry in entries.iter().cycle().take(ENTRIES) {
            outcomes.clear();
            matcher.handle(black_box(entry), &mut outcomes);
        }
        let took = used().saturating_sub(start).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
        let rate = ENTRIES as f64 / took;
        best = best.max(rate);
        verdicts = matcher.counters().failures;
    }
    println!("{what:24} {best:>12.0} entries/s ({verdicts} failures of {ENTRIES})");
}

/// The line that takes longest: each sample, made as long as `limit` at its end or at the place of
/// its user. The best of three, so that it is not the machine that is slow.
fn longest(what: &str, filters: &[(String, FilterFile)], limit: usize) {
    let mut longest = (Duration::ZERO, "", "");
    let mut matcher = matcher(filters);
    for (name, file) in filters {
        for sample in &file.spec.samples {
            let line = sample.lines.last().map_or("", String::as_str);
            let fill = line.repeat(limit / line.len().max(1));
            let long = match &sample.user {
                _ if fill.is_empty() => line.to_owned(),
                Some(user) if !user.is_empty() => line.replacen(user.as_str(), &fill, 1),
                _ => format!("{line} {fill}"),
            };
            let entry = logged(&file.spec.journalmatch, &long);
            let mut outcomes = Vec::new();
            let mut once = || {
                let start = used();
                matcher.handle(black_box(&entry), &mut outcomes);
                used().saturating_sub(start)
            };
            let took = [(); 3].map(|()| once());
            let took = took.into_iter().min().unwrap_or_default();
            if took > longest.0 {
                longest = (took, name, line);
            }
        }
    }
    let (took, name, line) = longest;
    println!("{what:24} {took:>12.1?} ({name}: {line})");
}

//! How many entries a second the matcher handles on one core: `cargo bench --bench matcher`.
//!
//! 150 jails (sshd in mode aggressive, and 149 more filters, each with an identifier of its own);
//! entries with the fields that a real one has for them. Plain timing; the best of five runs.

#[path = "../tests/support/filters.rs"]
mod filters;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use journalban::filter::{Filter, Matcher, MatcherJail};
use journalban::model::{Entry, JailName, JournalMatch, Time};

const ENTRIES: usize = 200_000;
const JAILS: usize = 150;

fn main() {
    // Also built by `cargo test --all-targets`, which must not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let noise = [
        "pam_unix(sshd:session): session opened for user me(uid=1000) by (uid=0)",
        "Accepted publickey for me from 192.0.2.9 port 50273 ssh2: ED25519 SHA256:47DEQpj8HBSa",
        "pam_unix(sshd:session): session closed for user me",
        "Server listening on 0.0.0.0 port 22.",
        "Connection closed by 192.0.2.9 port 50273",
        "Received signal 15; terminating.",
    ];
    let failures = [
        "Invalid user admin from 192.0.2.1 port 50273",
        "Failed password for invalid user admin from 192.0.2.1 port 50273 ssh2",
        "Failed password for root from 2001:db8::1 port 50273 ssh2",
        "Connection closed by authenticating user root 192.0.2.1 port 50273 [preauth]",
    ];
    let unit = "ssh.service";
    measure(
        "unrelated entries",
        &entries(&["Started something."], "other.service", "systemd"),
    );
    measure("sshd, nothing to see", &entries(&noise, unit, "sshd"));
    measure("sshd, failures", &entries(&failures, unit, "sshd"));
}

fn entries(messages: &[&str], unit: &str, identifier: &str) -> Vec<Entry> {
    (0..ENTRIES)
        .map(|at| {
            let mut entry = Entry::new(Time::from_micros(at as u64 * 1000));
            for (name, value) in [
                ("_TRANSPORT", "syslog"),
                ("_UID", "0"),
                ("_SYSTEMD_UNIT", unit),
                ("_SYSTEMD_SLICE", "system.slice"),
                ("SYSLOG_IDENTIFIER", identifier),
                ("_PID", &(at / messages.len() % 30_000).to_string()),
                ("MESSAGE", messages[at % messages.len()]),
            ] {
                entry.push(name.as_bytes(), value.as_bytes());
            }
            entry
        })
        .collect()
}

fn jails() -> Vec<MatcherJail> {
    let sshd = filters::named("sshd");
    let jail = |name: &str, journalmatch, filter| MatcherJail {
        name: JailName::new(name).expect("a name"),
        journalmatch,
        filter,
    };
    let filter = Arc::new(Filter::compile(&sshd, "aggressive").expect("compiles"));
    let mut jails = vec![jail("sshd", sshd.journalmatch.clone(), Arc::clone(&filter))];
    for number in 1..JAILS {
        let journalmatch =
            format!("_SYSTEMD_UNIT=s{number}.service _UID=0 + SYSLOG_IDENTIFIER=s{number}");
        let journalmatch = JournalMatch::parse(&journalmatch).expect("a match");
        jails.push(jail(
            &format!("s{number}"),
            journalmatch,
            Arc::clone(&filter),
        ));
    }
    jails
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn measure(what: &str, entries: &[Entry]) {
    let mut best = 0.0_f64;
    let mut verdicts = 0;
    for _ in 0..5 {
        let mut matcher = Matcher::new(jails());
        let mut outcomes = Vec::new();
        let start = Instant::now();
        for entry in entries {
            outcomes.clear();
            matcher.handle(black_box(entry), &mut outcomes);
        }
        let took = start.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
        let rate = entries.len() as f64 / took;
        best = best.max(rate);
        verdicts = matcher.counters().failures;
    }
    println!(
        "{what:24} {best:>12.0} entries/s ({verdicts} failures of {})",
        entries.len()
    );
}

//! What an attacker writes into a log: nobody else is ever banned for it, and he is still found.

#[path = "../support/filters.rs"]
mod filters;
mod forging;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use journalban::filter::spec::{FilterSpec, SampleSpec, SampleVerdict};
use journalban::filter::{Filter, Matcher, MatcherJail, Outcome, Verdict, replay};
use journalban::model::{Entry, JailName, JournalMatch, Time};
use proptest::prelude::*;

use forging::{forge, hostile, parts};

fn compiled(spec: &FilterSpec, mode: &str) -> Arc<Filter> {
    Arc::new(Filter::compile(spec, mode).expect("compiles"))
}

fn matcher(filter: &Arc<Filter>) -> Matcher {
    Matcher::new(vec![MatcherJail {
        name: JailName::new("test").expect("a name"),
        journalmatch: JournalMatch::default(),
        filter: Arc::clone(filter),
    }])
}

/// What comes of `lines`, with a process id to know the connection by or without.
fn run(filter: &Arc<Filter>, lines: &[Vec<u8>], keyed: bool) -> Vec<Outcome> {
    let mut matcher = matcher(filter);
    let mut outcomes = Vec::new();
    for line in lines {
        let mut entry = Entry::new(Time::EPOCH);
        if keyed {
            entry.push(b"_PID", b"1");
        }
        entry.push(b"MESSAGE", line);
        matcher.handle(&entry, &mut outcomes);
    }
    outcomes
}

/// sshd says "invalid user" of every name that does not exist, so a hostile one comes with it, and
/// with a line of its own before.
fn sshd_lines(lines: &[String], user: &str, peer: &str) -> Vec<String> {
    let mut logged = Vec::new();
    for line in lines {
        let method = ["hostbased", "publickey", "password"]
            .iter()
            .find(|method| line.starts_with(&format!("Failed {method} for {user} ")));
        match method {
            Some(method) => {
                logged.push(format!("Invalid user {user} from {peer} port 50273"));
                let known = format!("{method} for {user} ");
                logged.push(line.replace(&known, &format!("{method} for invalid user {user} ")));
            }
            None => logged.push(line.clone()),
        }
    }
    logged
}

/// What is shown of the forged lines that came out wrong, a filter.
const SHOWN: usize = 3;

#[test]
fn no_text_of_a_client_bans_somebody_else_or_hides_him() {
    let mut tried = 0;
    let mut fooled = Vec::new();
    for (name, file) in filters::all() {
        let mut of_filter = Vec::new();
        for mode in modes(&file.spec) {
            let filter = compiled(&file.spec, &mode);
            let holds = |sample: &&SampleSpec| {
                let counts = sample.verdict == SampleVerdict::Failure;
                counts && (sample.modes.is_empty() || sample.modes.contains(&mode))
            };
            for sample in file.spec.samples.iter().filter(holds) {
                tried += try_texts(&name, &file.spec, &filter, sample, &mut of_filter);
            }
        }
        of_filter.sort();
        of_filter.dedup();
        if !of_filter.is_empty() {
            println!("{name}: {} forged lines came out wrong", of_filter.len());
        }
        for wrong in of_filter.iter().take(SHOWN) {
            println!("  {wrong}");
        }
        fooled.extend(of_filter);
    }
    println!("{tried} forged lines");
    assert!(tried > 1000, "the samples name users: {tried}");
    assert_eq!(fooled.len(), 0, "forged lines came out wrong, see above");
}

/// Runs `sample` with each hostile text in each part that is the attacker's: how many were tried.
fn try_texts(
    name: &str,
    spec: &FilterSpec,
    filter: &Arc<Filter>,
    sample: &SampleSpec,
    fooled: &mut Vec<String>,
) -> usize {
    let mut tried = 0;
    let last = sample.lines.last().expect("a line");
    let host = sample.host.as_deref().expect("a failure has a host");
    let peer: IpAddr = host.parse().expect("an address");
    for part in parts(sample) {
        let mut as_logged = sample.clone();
        if name == "sshd" {
            as_logged.lines = sshd_lines(&sample.lines, &part, host);
        }
        for text in hostile(last, &part, host) {
            let forged = forge(&as_logged, &part, &text);
            let outcomes = replay(spec, &forged, filter);
            let addrs: BTreeSet<IpAddr> = outcomes
                .iter()
                .filter_map(|outcome| Some(outcome.failure.as_ref()?.addr))
                .collect();
            if addrs != [peer].into() {
                let line: String = forged.lines.concat().chars().take(300).collect();
                fooled.push(format!("{addrs:?}: {}", line.escape_debug()));
            }
            tried += 1;
        }
    }
    tried
}

fn modes(spec: &FilterSpec) -> Vec<String> {
    if spec.modes.is_empty() {
        return vec!["normal".to_owned()];
    }
    spec.modes.keys().cloned().collect()
}

/// The lines of sshd that quote a name, alone and without a connection to know the peer from.
#[test]
fn every_sshd_line_about_an_unknown_user_names_its_peer() {
    let filter = compiled(&filters::named("sshd").spec, "aggressive");
    for line in [
        "Invalid user USER from 192.0.2.1",
        "Invalid user USER from 192.0.2.1 port 5",
        "Failed password for invalid user USER from 192.0.2.1 port 5 ssh2",
        "Failed password for USER from 192.0.2.1 port 5 ssh2",
        "Failed none for invalid user USER from 192.0.2.1 port 5 ssh2",
        "Failed keyboard-interactive/pam for invalid user USER from 192.0.2.1 port 5 ssh2",
        "Failed publickey for invalid user USER from 192.0.2.1 port 5 ssh2",
        "Failed publickey for invalid user USER from 192.0.2.1 port 5 ssh2: ED25519 SHA256:abc",
        "error: PAM: Authentication failure for illegal user USER from 192.0.2.1",
        "error: maximum authentication attempts exceeded for invalid user USER from 192.0.2.1 port 5 ssh2 [preauth]",
        "Disconnecting invalid user USER 192.0.2.1 port 5: Too many authentication failures [preauth]",
        "Connection closed by invalid user USER 192.0.2.1 port 5 [preauth]",
        "Connection reset by authenticating user USER 192.0.2.1 port 5 [preauth]",
        "Disconnected from invalid user USER 192.0.2.1 port 5 [preauth]",
        "refused connect from USER@host.example (192.0.2.1)",
        "Bad protocol version identification 'USER' from 192.0.2.1 port 5",
    ] {
        for text in hostile(&line.replace("USER", "x"), "x", "192.0.2.1") {
            let forged = line.replace("USER", &text).into_bytes();
            for keyed in [true, false] {
                let outcomes = run(&filter, std::slice::from_ref(&forged), keyed);
                let addr = outcomes[0]
                    .failure
                    .as_ref()
                    .map(|failure| failure.addr.to_string());
                assert_eq!(
                    addr.as_deref(),
                    Some("192.0.2.1"),
                    "{}",
                    forged.escape_ascii()
                );
            }
        }
    }
}

/// Bytes that have something of a log line in them.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let samples: Vec<String> = filters::all()
        .into_iter()
        .flat_map(|(_, file)| file.spec.samples)
        .flat_map(|sample| sample.lines)
        .collect();
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    let spliced = (
        proptest::sample::select(samples),
        any::<proptest::sample::Index>(),
        any::<proptest::sample::Index>(),
        proptest::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(line, from, to, noise)| {
            let line = line.into_bytes();
            let (from, to) = (from.index(line.len() + 1), to.index(line.len() + 1));
            [&line[..from.min(to)], &noise, &line[from.max(to)..]].concat()
        });
    prop_oneof![noise, spliced]
}

/// Compiled once: a case takes microseconds then.
static FILTERS: LazyLock<Vec<Arc<Filter>>> = LazyLock::new(|| {
    let all = filters::all();
    all.iter()
        .flat_map(|(_, file)| file.modes().map(|mode| compiled(&file.spec, mode)))
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_upset_the_matcher(messages in proptest::collection::vec((message(), 0u8..4, 0u64..1000), 1..40)) {
        for filter in FILTERS.iter() {
            let mut matcher = matcher(filter);
            for (message, pid, time) in &messages {
                let mut entry = Entry::new(Time::from_secs(*time));
                entry.push(b"_PID", &[*pid]);
                entry.push(b"MESSAGE", message);
                let mut outcomes = Vec::new();
                matcher.handle(&entry, &mut outcomes);
                prop_assert_eq!(outcomes.len(), 1);
                for outcome in &outcomes {
                    prop_assert_eq!(outcome.failure.is_some(), outcome.verdict == Verdict::Failure);
                    let failure = outcome.failure.as_ref();
                    prop_assert!(failure.is_none_or(|failure| failure.addr == failure.addr.to_canonical()));
                    prop_assert!(failure.is_none_or(|failure| failure.evidence.len() <= journalban::model::EVIDENCE_LIMIT));
                }
            }
        }
    }
}

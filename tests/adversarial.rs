//! What an attacker writes into a log: nobody else is ever banned for it, and he is still found.

#[path = "support/filters.rs"]
mod filters;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use journalban::filter::spec::{FilterSpec, SampleSpec, SampleVerdict};
use journalban::filter::{Filter, Matcher, MatcherJail, Outcome, Verdict};
use journalban::model::{Entry, JailName, JournalMatch, Time};
use proptest::prelude::*;

/// An address that never appears as a peer: whoever is made to see it was fooled.
const VICTIM: &str = "198.51.100.7";

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

/// Names that look like something else.
fn hostile(line: &str, peer: &str) -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "V",
        "x V",
        "x from V",
        "a from b",
        "x from V port 22",
        "x from V port 22 ssh2",
        "x from V port 22 ssh2:",
        "x from V port 22 ssh2: y",
        "x from V port 22 ssh1: ruser",
        "x V port 22",
        "x V port 22 [preauth]",
        "x from V not allowed because listed in DenyUsers",
        "x rhost=V user=root",
        "x (V)",
        "V]:22",
        "x\nFailed password for root from V port 22 ssh2\n",
        "x\r\nInvalid user y from V port 22\r\n",
        "\n",
        "x\",\"remoteIp\":\"V:1\",\"message\":\"failed login attempt",
        "\"'`\\ %s $(x) {}[]()<HOST>|&;",
        "\0\x01\x07\x1b[2J\x7f",
        "\u{202e}\u{fffd}é",
        "invalid user root from V",
        "Accepted password for root from V port 22 ssh2",
    ]
    .iter()
    .map(|text| text.replace('V', VICTIM))
    .collect();
    texts.push("x".repeat(8 * 1024));
    texts.push(format!(" from {VICTIM} port 22 ssh2").repeat(200));
    // The line itself, about the victim.
    texts.push(line.replace(peer, VICTIM));
    texts
}

/// `line` with `text` for the user name, as the service would write it.
fn forge(line: &str, user: &str, text: &str) -> Vec<u8> {
    if line.starts_with('{') {
        let quoted = |text: &str| serde_json::to_string(text).expect("a string");
        return line.replace(&quoted(user), &quoted(text)).into_bytes();
    }
    line.replace(user, text).into_bytes()
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

#[test]
fn a_hostile_user_name_bans_nobody_else_and_hides_nobody() {
    let mut tried = 0;
    for (name, file) in filters::all() {
        let spec = file.spec;
        for mode in modes(&spec) {
            let filter = compiled(&spec, &mode);
            let holds = |sample: &&SampleSpec| {
                let counts = sample.verdict == SampleVerdict::Failure;
                counts && (sample.modes.is_empty() || sample.modes.contains(&mode))
            };
            for sample in spec.samples.iter().filter(holds) {
                tried += forge_user(&name, &filter, sample);
            }
        }
    }
    println!("{tried} forged lines");
    assert!(tried > 1000, "the samples name users: {tried}");
}

/// Runs `sample` with each hostile name for its user; how many were tried.
fn forge_user(name: &str, filter: &Arc<Filter>, sample: &SampleSpec) -> usize {
    let last = sample.lines.last().expect("a line");
    let (Some(user), Some(host)) = (&sample.user, &sample.host) else {
        return 0;
    };
    // A name of three letters is not found by chance in the rest of the line.
    if user.len() < 3 || !last.contains(user.as_str()) {
        return 0;
    }
    let peer: IpAddr = host.parse().expect("an address");
    let texts = hostile(last, host);
    for text in &texts {
        let as_logged = sshd_lines(&sample.lines, user, host);
        let forged = |line: &String| forge(line, user, text);
        let lines: Vec<Vec<u8>> = as_logged.iter().map(forged).collect();
        let outcomes = run(filter, &lines, true);
        let addrs: BTreeSet<IpAddr> = outcomes
            .iter()
            .filter_map(|outcome| Some(outcome.failure.as_ref()?.addr))
            .collect();
        let shown = || lines.concat().escape_ascii().to_string();
        assert_eq!(addrs, [peer].into(), "{name}: {}", shown());
    }
    texts.len()
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
    let filter = compiled(&filters::named("sshd"), "aggressive");
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
        for text in hostile(&line.replace("USER", "x"), "192.0.2.1") {
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

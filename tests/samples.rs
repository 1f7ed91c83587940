//! The filters that ship against lines: their own samples, and the shared folder of real ones.

#[path = "support/filters.rs"]
mod filters;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journalban::filter::{
    Filter, Host, Matcher, MatcherJail, Outcome, Verdict, check_samples, untried_rules,
};
use journalban::model::{Entry, JailName, JournalMatch, Time};
use serde::Deserialize;

#[test]
fn every_filter_sees_what_its_samples_say() {
    for (name, file) in filters::all() {
        let spec = file.spec;
        assert_eq!(check_samples(&spec), Vec::<String>::new(), "{name}");
        assert_eq!(
            untried_rules(&spec),
            Vec::<usize>::new(),
            "{name}: rules without a sample"
        );
    }
}

#[test]
fn every_mode_compiles_and_asks_for_its_fields() {
    for (name, file) in filters::all() {
        let spec = file.spec;
        for mode in spec.modes.keys() {
            let filter = Filter::compile(&spec, mode).expect(&name);
            assert!(filter.fields().contains("MESSAGE"));
        }
        assert!(Filter::compile(&spec, "no such mode").is_err());
        assert!(
            !spec.journalmatch.is_any(),
            "{name}: would look at every entry"
        );
    }
}

#[test]
fn sshd_is_read_by_trusted_fields_only() {
    let spec = filters::named("sshd");
    for (fields, expected) in [
        (&[("_SYSTEMD_UNIT", "ssh.service"), ("_UID", "0")][..], true),
        (
            &[
                ("_SYSTEMD_UNIT", "ssh@3-192.0.2.1:22-192.0.2.2:5.service"),
                ("_SYSTEMD_SLICE", "system-ssh.slice"),
                ("_UID", "0"),
            ],
            true,
        ),
        (
            &[
                ("_TRANSPORT", "syslog"),
                ("SYSLOG_IDENTIFIER", "sshd-session"),
                ("_UID", "0"),
            ],
            true,
        ),
        (
            &[
                ("_TRANSPORT", "syslog"),
                ("SYSLOG_IDENTIFIER", "sshd"),
                ("_UID", "1000"),
            ],
            false,
        ),
        (&[("_COMM", "sshd"), ("_UID", "1000")], false),
        (
            &[
                ("_SYSTEMD_UNIT", "user@1000.service"),
                ("SYSLOG_IDENTIFIER", "sshd"),
                ("_UID", "1000"),
            ],
            false,
        ),
        (&[("_SYSTEMD_UNIT", "ssh.service")], false),
    ] {
        let mut entry = Entry::new(Time::EPOCH);
        for (name, value) in fields {
            entry.push(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(spec.journalmatch.matches(&entry), expected, "{fields:?}");
    }
}

/// A line of the shared folder (its README tells what the keys mean).
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "line")]
    text: String,
    journal: Option<std::collections::BTreeMap<String, String>>,
    #[serde(rename = "match")]
    counts: bool,
    host: Option<String>,
    user: Option<String>,
    #[serde(default)]
    name: bool,
    #[serde(default)]
    modes: Vec<String>,
}

/// The way that a line takes to the filter.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Journal,
    File,
}

impl Line {
    fn entry(&self, way: Way) -> Option<Entry> {
        let mut entry = Entry::new(Time::EPOCH);
        match way {
            Way::Journal => {
                for (name, value) in self.journal.as_ref()? {
                    entry.push(name.as_bytes(), value.as_bytes());
                }
            }
            Way::File => {
                let (pid, message) = cut(&self.text);
                if let Some(pid) = pid {
                    entry.push(b"SYSLOG_PID", pid.as_bytes());
                }
                entry.push(b"MESSAGE", message.as_bytes());
            }
        }
        Some(entry)
    }

    /// What is wrong with `outcome`, if anything.
    fn wrong(&self, outcome: &Outcome) -> Option<String> {
        let wanted = match (self.counts, self.name) {
            (true, true) => outcome.verdict == Verdict::Name,
            (true, false) => {
                let host = self.host.as_deref().map(|host| Host::read(host.as_bytes()));
                let failed = outcome
                    .failure
                    .as_ref()
                    .map(|failure| Host::Addr(failure.addr));
                outcome.verdict == Verdict::Failure
                    && failed == host
                    && self
                        .user
                        .as_deref()
                        .is_none_or(|user| outcome.user.as_deref() == Some(user))
            }
            (false, _) => outcome.verdict != Verdict::Failure,
        };
        let Outcome {
            verdict,
            host,
            user,
            rule,
            ..
        } = outcome;
        (!wanted).then(|| format!("{verdict:?} {host:?} {user:?} rule {rule:?}: {}", self.text))
    }
}

/// The process id and the message of a line as syslog writes it, with or without a host name; as
/// much as the sshd samples need.
fn cut(line: &str) -> (Option<&str>, &str) {
    if let Some(rest) = line.strip_prefix("<38>1 ") {
        // RFC 5424: time, host, program, process id, message id, structured data.
        let mut parts = rest.splitn(6, ' ');
        let pid = parts.nth(3);
        let rest = parts.nth(1).unwrap_or_default();
        return (
            pid,
            rest.rsplit_once("\"] ")
                .map_or(rest, |(_, message)| message),
        );
    }
    let Some((tag, message)) = line.split_once("]: ") else {
        return (None, line);
    };
    let pid = tag.rsplit_once('[').map(|(_, pid)| pid);
    (pid.filter(|pid| pid.parse::<u32>().is_ok()), message)
}

/// The shared folder, if it is there.
fn lines(file: &str) -> Option<Vec<Line>> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "shared", "samples", file]
        .iter()
        .collect();
    if !Path::new(&path).exists() {
        assert!(
            std::env::var_os("JOURNALBAN_NO_SKIP").is_none(),
            "{} is absent",
            path.display()
        );
        println!("skipped: {} is absent", path.display());
        return None;
    }
    let text = std::fs::read_to_string(path).expect("a readable file");
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a sample"))
            .collect(),
    )
}

/// Runs the lines of `mode` in order through one matcher: how many were judged, and the misses.
fn misses(filter: &str, mode: &str, lines: &[Line], way: Way) -> (usize, Vec<String>) {
    let filter = Filter::compile(&filters::named(filter), mode).expect("compiles");
    let mut matcher = Matcher::new(vec![MatcherJail {
        name: JailName::new("test").expect("a name"),
        journalmatch: JournalMatch::default(),
        filter: Arc::new(filter),
    }]);
    let mut judged = 0;
    let mut misses = Vec::new();
    for line in lines
        .iter()
        .filter(|line| line.modes.is_empty() || line.modes.iter().any(|known| known == mode))
    {
        let Some(entry) = line.entry(way) else {
            continue;
        };
        let mut outcomes = Vec::new();
        matcher.handle(&entry, &mut outcomes);
        judged += 1;
        misses.extend(outcomes.iter().filter_map(|outcome| line.wrong(outcome)));
    }
    (judged, misses)
}

#[test]
fn every_classic_line_of_sshd_is_judged_right_in_its_modes() {
    for file in ["classic/sshd.jsonl", "classic/sshd-journal.jsonl"] {
        let Some(lines) = lines(file) else { return };
        let modes: BTreeSet<&String> = lines.iter().flat_map(|line| &line.modes).collect();
        assert_eq!(modes.len(), 4, "normal, ddos, extra, aggressive");
        for mode in modes {
            for way in [Way::Journal, Way::File] {
                let (judged, misses) = misses("sshd", mode, &lines, way);
                println!(
                    "{file}, mode {mode}, as {way:?}: {} of {judged} right",
                    judged - misses.len()
                );
                assert_eq!(misses, Vec::<String>::new());
            }
        }
    }
}

/// These authors count other events than the classic ones: some lines contradict (a lone pam line
/// that a success may still follow, refused connections). So the figures are printed, and held.
#[test]
fn modern_lines_of_sshd_are_judged_as_far_as_they_agree() {
    for (file, most) in [
        ("modern/sshd.jsonl", 9),
        ("modern/sshd-invalid-bf.jsonl", 0),
        ("modern/opnsense-sshd.jsonl", 0),
    ] {
        let Some(lines) = lines(file) else { return };
        for mode in ["normal", "aggressive"] {
            let (judged, misses) = misses("sshd", mode, &lines, Way::File);
            println!(
                "{file}, mode {mode}: {} of {judged} right",
                judged - misses.len()
            );
            for miss in &misses {
                println!("  {miss}");
            }
            assert!(mode == "normal" || misses.len() <= most);
        }
    }
}

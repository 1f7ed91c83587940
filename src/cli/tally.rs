//! What a test of a filter found: counted while entries stream by, shown at the end.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::filter::{Closest, Host, Outcome, Verdict};
use crate::model::printable;

/// How many hosts and missed lines are shown; what is beyond is counted.
const SHOWN: usize = 20;
/// The most hosts that are counted one by one.
const HOSTS_LIMIT: usize = 1_000_000;
/// The longest piece of a missed line that is shown, in characters.
const LINE_SHOWN: usize = 160;

/// Counts.
#[derive(Default)]
pub(super) struct Tally {
    entries: u64,
    verdicts: HashMap<Verdict, u64>,
    rules: HashMap<usize, u64>,
    hosts: HashMap<Host, u64>,
    /// Messages that no rule matched, the first few.
    missed: Vec<Vec<u8>>,
    /// What became of the first entry.
    first: Option<String>,
}

impl Tally {
    /// Counts what became of an entry with this message.
    pub(super) fn add(&mut self, outcome: Option<&Outcome>, message: &[u8]) {
        self.entries += 1;
        if self.entries == 1 {
            self.first = outcome.map(sentence);
        }
        let verdict = outcome.map_or(Verdict::None, |outcome| outcome.verdict);
        *self.verdicts.entry(verdict).or_default() += 1;
        if verdict == Verdict::None && self.missed.len() < SHOWN {
            self.missed.push(message.to_vec());
        }
        let Some(outcome) = outcome else { return };
        if let Some(rule) = outcome.rule {
            *self.rules.entry(rule).or_default() += 1;
        }
        if let (Verdict::Failure | Verdict::Name, Some(host)) = (verdict, &outcome.host) {
            if let Some(count) = self.hosts.get_mut(host) {
                *count += 1;
            } else if self.hosts.len() < HOSTS_LIMIT {
                self.hosts.insert(host.clone(), 1);
            }
        }
    }

    fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or_default()
    }

    /// Shows it all; `rules` are what the filter's rules are called, in their order.
    pub(super) fn show(
        &self,
        out: &mut impl Write,
        rules: &[String],
        closest: &Closest<'_>,
    ) -> io::Result<()> {
        if let (1, Some(sentence)) = (self.entries, &self.first) {
            writeln!(out, "{sentence}\n")?;
        }
        writeln!(out, "Entries: {}", self.entries)?;
        for (verdict, what) in [
            (Verdict::Failure, "failures, which count"),
            (
                Verdict::Pending,
                "pending: part of a connection, no failure yet",
            ),
            (Verdict::Name, "matched, but the host is no address"),
            (Verdict::Ignored, "ignored by ignoreregex"),
            (Verdict::None, "not matched"),
        ] {
            writeln!(out, "  {:>8}  {what}", self.count(verdict))?;
        }
        writeln!(out, "\nHits per rule")?;
        let mut idle = 0;
        for (at, rule) in rules.iter().enumerate() {
            match self.rules.get(&(at + 1)) {
                Some(hits) => writeln!(out, "  {hits:>8}  {:>3}  {}", at + 1, shortened(rule))?,
                None => idle += 1,
            }
        }
        if idle > 0 {
            writeln!(out, "  {:>8}       {}", 0, others(idle, rules.len()))?;
        }
        let mut hosts: Vec<(&Host, &u64)> = self.hosts.iter().collect();
        hosts.sort_unstable_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        if !hosts.is_empty() {
            writeln!(out, "\nHosts")?;
            for (host, count) in hosts.iter().take(SHOWN) {
                writeln!(out, "  {count:>8}  {}", host_text(host))?;
            }
            more(out, hosts.len())?;
        }
        if !self.missed.is_empty() {
            writeln!(out, "\nMissed")?;
            for message in &self.missed {
                writeln!(out, "  {}", shortened(&String::from_utf8_lossy(message)))?;
                if let Some(near) = closest.to(message) {
                    let rest = shortened(near.expected);
                    writeln!(
                        out,
                        "      closest is rule {}, which stops before: {rest}",
                        near.rule
                    )?;
                }
            }
            more(
                out,
                usize::try_from(self.count(Verdict::None)).unwrap_or(usize::MAX),
            )?;
        }
        Ok(())
    }
}

/// Rules without a hit, so many of `all`.
fn others(idle: usize, all: usize) -> String {
    match (idle, all) {
        (1, 1) => "the only rule".to_owned(),
        (idle, all) if idle == all => format!("all {all} rules"),
        (1, _) => "the other rule".to_owned(),
        _ => format!("the other {idle} rules"),
    }
}

/// What became of an entry.
fn sentence(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    if let Some(host) = &outcome.host {
        parts.push(format!("host {}", host_text(host)));
    }
    if let Some(user) = &outcome.user {
        parts.push(format!("user {}", printable(user)));
    }
    if let Some(rule) = outcome.rule {
        parts.push(format!("by rule {rule}"));
    }
    let verdict = outcome.verdict.as_str();
    if parts.is_empty() {
        return verdict.to_owned();
    }
    format!("{verdict}: {}", parts.join(", "))
}

fn more(out: &mut impl Write, all: usize) -> io::Result<()> {
    match all.saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  … and {more} more"),
    }
}

/// The beginning of a text as a single line.
fn shortened(text: &str) -> String {
    printable(&text.chars().take(LINE_SHOWN).collect::<String>())
}

/// A host as it is shown: attacker's text may be in a name.
pub(super) fn host_text(host: &Host) -> String {
    match host {
        Host::Addr(addr) => addr.to_string(),
        Host::Name(name) => printable(name),
    }
}

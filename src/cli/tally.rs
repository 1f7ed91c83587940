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
}

impl Tally {
    /// Counts what became of an entry with this message.
    pub(super) fn add(&mut self, outcome: Option<&Outcome>, message: &[u8]) {
        self.entries += 1;
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
        for (at, rule) in rules.iter().enumerate() {
            let hits = self.rules.get(&(at + 1)).copied().unwrap_or_default();
            writeln!(out, "  {hits:>8}  {:>3}  {rule}", at + 1)?;
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

//! All jails of one source over its entries: dispatch, rules, connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::filter::dispatch::{Candidate, Dispatch};
use crate::filter::fields::{Json, View};
use crate::filter::message::Message;
use crate::filter::rule::Hit;
use crate::filter::session::{Counted, Line, alone};
use crate::filter::sessions::Sessions;
use crate::filter::shared::{Share, Shared};
use crate::filter::spec::RuleKind;
use crate::filter::{Filter, Host, Login, Outcome, Verdict};
use crate::model::{EVIDENCE_LIMIT, Entry, Failure, JailName, JournalMatch};

/// The field that tells which unit wrote an entry; journald sets it.
const UNIT: &str = "_SYSTEMD_UNIT";
/// What the names of our own units begin with (`journalban.service`, `journalban-hook@….service`).
/// They quote log lines, so a jail that looks at everything would match them again.
const OWN_UNITS: &[u8] = b"journalban";

/// A jail, as far as matching is concerned.
#[derive(Clone, Debug)]
pub struct MatcherJail {
    /// Its name.
    pub name: JailName,
    /// Which entries it looks at.
    pub journalmatch: JournalMatch,
    /// Its filter.
    pub filter: Arc<Filter>,
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Entries handled.
    pub entries: u64,
    /// Entries that at least one jail looked at.
    pub dispatched: u64,
    /// Failures, over all jails.
    pub failures: u64,
    /// Lines that would have counted, but have a name for a host.
    pub names: u64,
    /// Messages that were asked for a value and begin like JSON but are none, or have too many
    /// pairs as logfmt.
    pub unreadable: u64,
    /// Connections remembered now.
    pub sessions: u64,
    /// Connections dropped early because there were too many.
    pub sessions_evicted: u64,
}

/// All jails of one source.
#[derive(Debug)]
pub struct Matcher {
    jails: Vec<Jail>,
    dispatch: Dispatch,
    /// For each company of jails that may look at the same entries.
    shared: Vec<Shared>,
    candidates: Vec<Candidate>,
    counters: Counters,
}

#[derive(Debug)]
struct Jail {
    of: MatcherJail,
    sessions: Sessions,
    company: usize,
    share: Share,
}

impl Matcher {
    /// Takes the jails that read from one source.
    #[must_use]
    pub fn new(jails: Vec<MatcherJail>) -> Self {
        let matches: Vec<&JournalMatch> = jails.iter().map(|jail| &jail.journalmatch).collect();
        let dispatch = Dispatch::new(&matches);
        let mut shared = Vec::new();
        let mut parts = BTreeMap::new();
        for company in dispatch.companies(jails.len()) {
            let filters = company.iter().filter_map(|&at| jails.get(at));
            let (common, each) = Shared::new(filters.map(|jail| &*jail.filter));
            let each = each.into_iter().map(|share| (shared.len(), share));
            parts.extend(company.into_iter().zip(each));
            shared.push(common);
        }
        let jails = jails.into_iter().zip(parts.into_values());
        Self {
            dispatch,
            shared,
            jails: jails
                .map(|(of, (company, share))| Jail {
                    of,
                    sessions: Sessions::default(),
                    company,
                    share,
                })
                .collect(),
            candidates: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Takes over what `old` remembers of connections, for jails of the same name, and its
    /// counters: a reload must not forget half an attempt.
    #[must_use]
    pub fn continuing(mut self, old: Self) -> Self {
        self.counters = old.counters;
        for jail in old.jails {
            if let Some(heir) = self
                .jails
                .iter_mut()
                .find(|heir| heir.of.name == jail.of.name)
            {
                heir.sessions = jail.sessions;
            }
        }
        self
    }

    /// Hands `entry` to each jail whose journalmatch it fulfils; adds one outcome for each to `out`.
    pub fn handle(&mut self, entry: &Entry, out: &mut Vec<Outcome>) {
        self.counters.entries += 1;
        self.dispatch.candidates(entry, &mut self.candidates);
        if self.candidates.is_empty() {
            return;
        }
        if entry
            .get(UNIT.as_bytes())
            .is_some_and(|unit| unit.starts_with(OWN_UNITS))
        {
            return;
        }
        let mut unreadable = false;
        let before = out.len();
        let message = Message::new(entry.message());
        for candidate in &self.candidates {
            if let Some(jail) = self.jails.get_mut(candidate.at)
                && let Some(shared) = self.shared.get_mut(jail.company)
                && (!candidate.unsure || jail.of.journalmatch.matches(entry))
            {
                if !shared.begin(jail.share, self.counters.entries, message.text()) {
                    out.push(jail.nothing(Verdict::None));
                    continue;
                }
                let (outcome, bad) = jail.judge(entry, &message, shared);
                out.push(outcome);
                unreadable |= bad;
            }
        }
        let new = out.get(before..).unwrap_or_default();
        let count = |verdict| {
            new.iter()
                .filter(|outcome| outcome.verdict == verdict)
                .count() as u64
        };
        self.counters.failures += count(Verdict::Failure);
        self.counters.names += count(Verdict::Name);
        self.counters.dispatched += u64::from(!new.is_empty());
        self.counters.unreadable += u64::from(unreadable);
    }

    /// What is wanted of the source: entries that one of the matches fits, with these fields beside
    /// those of the matches. No match at all: every entry.
    #[must_use]
    pub fn wanted(&self) -> (Vec<JournalMatch>, BTreeSet<String>) {
        let matches: Vec<JournalMatch> = self
            .jails
            .iter()
            .map(|jail| jail.of.journalmatch.clone())
            .collect();
        let fields = self
            .jails
            .iter()
            .flat_map(|jail| jail.of.filter.fields().iter().cloned());
        let fields = fields.chain([UNIT.to_owned()]).collect();
        if matches.iter().any(JournalMatch::is_any) {
            return (Vec::new(), fields);
        }
        (matches, fields)
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let sum = |of: fn(&Sessions) -> u64| self.jails.iter().map(|jail| of(&jail.sessions)).sum();
        Counters {
            sessions: sum(|sessions| sessions.len() as u64),
            sessions_evicted: sum(|sessions| sessions.evicted),
            ..self.counters
        }
    }
}

impl Jail {
    /// What comes of `entry`, and whether its `message` could not be read.
    fn judge(
        &mut self,
        entry: &Entry,
        message: &Message<'_>,
        shared: &mut Shared,
    ) -> (Outcome, bool) {
        let seen = shared.cut(self.share, &self.of.filter, message.text());
        let of_its_own = Json::new();
        let json = if seen.len() == message.text().len() {
            shared.json()
        } else {
            &of_its_own
        };
        let view = View::new(entry, seen, json);
        let outcome = self.outcome(&view, message, shared);
        (outcome, view.unreadable())
    }

    /// Nothing comes of an entry.
    fn nothing(&self, verdict: Verdict) -> Outcome {
        Outcome {
            jail: self.of.name.clone(),
            verdict,
            rule: None,
            host: None,
            user: None,
            failure: None,
            success: None,
        }
    }

    fn outcome(&mut self, view: &View<'_>, message: &Message<'_>, shared: &Shared) -> Outcome {
        let filter = &self.of.filter;
        if filter.ignores(view) {
            return self.nothing(Verdict::Ignored);
        }
        let time = view.entry.time();
        let field = filter.connection(view.entry);
        let known = |named: Option<&[u8]>| {
            let (key, idle) = named.or(field).zip(filter.idle())?;
            self.sessions.host(key, time, idle)
        };
        let possible = shared.possible(self.share);
        let Some(mut hit) = filter.recognise(view, possible, |named| known(named).is_some()) else {
            return self.nothing(Verdict::None);
        };
        let rule = hit.rule.number;
        let succeeded = hit.rule.kind == RuleKind::Success;
        let named = hit.session.take();
        let known = known(named.as_deref());
        let host = hit.host.clone().or(known.map(Host::Addr));
        let from = host.as_ref().filter(|_| succeeded).and_then(Host::addr);
        let user = hit.user.clone();
        let connection = named.as_deref().or(field).zip(filter.idle());
        let line = line(hit, message);
        let (verdict, counted) = match connection {
            Some((key, idle)) => self.sessions.take(key, time, idle, line),
            None => alone(line),
        };
        Outcome {
            jail: self.of.name.clone(),
            verdict,
            rule: Some(rule),
            host: counted
                .as_ref()
                .map(|counted| Host::Addr(counted.addr))
                .or(host),
            user: counted
                .as_ref()
                .and_then(|counted| counted.user.clone())
                .or(user),
            failure: counted.map(|counted| failure(&self.of.name, view.entry, counted)),
            success: from.map(|addr| Login { addr, time }),
        }
    }
}

fn line(hit: Hit<'_>, message: &Message<'_>) -> Line {
    Line {
        rule: hit.rule.number,
        kind: hit.rule.kind,
        host: hit.host,
        user: hit.user,
        weight: hit.rule.weight.saturating_mul(message.times()),
        merge: hit.rule.merge,
        evidence: evidence(message.text()),
    }
}

fn failure(jail: &JailName, entry: &Entry, counted: Counted) -> Failure {
    Failure {
        jail: jail.clone(),
        time: entry.time(),
        addr: counted.addr,
        user: counted.user,
        weight: counted.weight,
        evidence: counted.evidence,
        replayed: entry.replayed(),
    }
}

fn evidence(message: &[u8]) -> Box<str> {
    let kept = &message[..message.len().min(EVIDENCE_LIMIT)];
    if let Ok(text) = std::str::from_utf8(kept) {
        return text.into();
    }
    // Bytes that are no UTF-8 become three bytes each, so it is cut once more.
    let text = String::from_utf8_lossy(kept);
    text[..text.floor_char_boundary(EVIDENCE_LIMIT)].into()
}

//! The sources that are read, each with the matcher of the jails that read it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tracing::warn;

use crate::config::Settings;
use crate::filter::{Matcher, MatcherJail, Outcome};
use crate::model::{Position, Time};
use crate::source::journal::{self, Reader};
use crate::source::{Batch, Event, SourceSpec, Start, Wanted};
use crate::store::Store;

/// How many batches may wait for the loop; a source that is ahead of it waits.
const BATCHES_WAITING: usize = 8;

/// One source that is being read.
struct Reading {
    spec: SourceSpec,
    name: String,
    wanted: Wanted,
    matcher: Matcher,
    reader: Option<Reader>,
    events: mpsc::Receiver<Event>,
    position: Option<Position>,
    /// Whether `position` is not in the store yet.
    moved: bool,
    truncated: u64,
}

/// All sources.
#[derive(Default)]
pub(super) struct Sources {
    reading: Vec<Reading>,
    /// Whose turn it is, so that a busy source does not starve the others.
    turn: usize,
}

impl Sources {
    /// Reads what the jails of `settings` want: sources go on where they are, new ones begin at
    /// their stored position (and go back by findtime), the others end.
    pub(super) fn begin(&mut self, settings: &Settings, store: &Store, now: Time) -> Result<()> {
        let mut readers: BTreeMap<SourceSpec, Vec<MatcherJail>> = BTreeMap::new();
        for jail in &settings.jails {
            let Some(filter) = &jail.filter else {
                continue;
            };
            readers
                .entry(jail.source.clone())
                .or_default()
                .push(MatcherJail {
                    name: jail.name.clone(),
                    journalmatch: jail.journalmatch.clone(),
                    filter: Arc::clone(filter),
                });
        }
        let mut before = std::mem::take(&mut self.reading);
        for (spec, jails) in readers {
            let matcher = Matcher::new(jails);
            let wanted = wanted(&matcher);
            let old = before.iter().position(|reading| reading.spec == spec);
            let reading = match old.map(|at| before.swap_remove(at)) {
                Some(old) if old.wanted == wanted => old.with(matcher),
                old => {
                    let (matcher, position, moved, since) = if let Some(mut old) = old {
                        // What its reader had sent and nobody has looked at is read again.
                        old.end();
                        (
                            matcher.continuing(old.matcher),
                            old.position,
                            old.moved,
                            now,
                        )
                    } else {
                        let since = now.before(settings.longest_memory());
                        (matcher, store.position(&spec.to_string())?, false, since)
                    };
                    let start = Start { since, position };
                    Reading::begin(spec, wanted, matcher, start, moved)?
                }
            };
            self.reading.push(reading);
        }
        before.iter_mut().for_each(Reading::end);
        self.turn = 0;
        Ok(())
    }

    /// What the next source that has something to say says, and which one it is.
    pub(super) async fn next(&mut self) -> (usize, Event) {
        poll_fn(|context| {
            let count = self.reading.len();
            for step in 0..count {
                let at = (self.turn + step) % count;
                if let Poll::Ready(Some(event)) = self.reading[at].events.poll_recv(context) {
                    self.turn = (at + 1) % count;
                    return Poll::Ready((at, event));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// What the jails make of a batch; its position is the source's from here on.
    pub(super) fn outcomes(&mut self, source: usize, batch: Batch) -> Vec<Outcome> {
        let reading = &mut self.reading[source];
        let mut outcomes = Vec::new();
        for entry in &batch.entries {
            reading.matcher.handle(entry, &mut outcomes);
        }
        if let Some(position) = batch.position {
            reading.position = Some(position);
            reading.moved = true;
        }
        if batch.truncated > 0 && reading.truncated == 0 {
            warn!(
                "{}: an over-long field was cut; further ones are not reported",
                reading.name
            );
        }
        reading.truncated += batch.truncated;
        outcomes
    }

    /// The positions that are not in the store yet.
    pub(super) fn moved_positions(&self) -> Vec<(String, Position)> {
        self.reading
            .iter()
            .filter(|reading| reading.moved)
            .filter_map(|reading| Some((reading.name.clone(), reading.position.clone()?)))
            .collect()
    }

    /// All positions are in the store.
    pub(super) fn positions_saved(&mut self) {
        self.reading
            .iter_mut()
            .for_each(|reading| reading.moved = false);
    }

    /// Connections that were forgotten, and fields that were cut, over all sources.
    pub(super) fn lost(&self) -> (u64, u64) {
        let of = |count: fn(&Reading) -> u64| self.reading.iter().map(count).sum();
        (
            of(|reading| reading.matcher.counters().sessions_evicted),
            of(|reading| reading.truncated),
        )
    }

    /// What the source is called in messages and in the store.
    pub(super) fn name(&self, source: usize) -> &str {
        &self.reading[source].name
    }

    /// Ends all readers.
    pub(super) fn stop(&mut self) {
        self.reading.iter_mut().for_each(Reading::end);
    }
}

/// What `matcher` wants of its source.
fn wanted(matcher: &Matcher) -> Wanted {
    let wanted = matcher.wanted();
    Wanted {
        matches: wanted.0,
        fields: wanted.1,
    }
}

impl Reading {
    fn begin(
        spec: SourceSpec,
        wanted: Wanted,
        matcher: Matcher,
        start: Start,
        moved: bool,
    ) -> Result<Self> {
        let name = spec.to_string();
        if let Err(error) = journal::self_test(&spec) {
            warn!("{name}: {error:#}");
        }
        let (sender, events) = mpsc::channel(BATCHES_WAITING);
        let position = start.position.clone();
        let reader = Reader::spawn(spec.clone(), wanted.clone(), start, sender)
            .with_context(|| format!("beginning to read {name}"))?;
        Ok(Self {
            spec,
            name,
            wanted,
            matcher,
            reader: Some(reader),
            events,
            position,
            moved,
            truncated: 0,
        })
    }

    /// The same source read on for other jails.
    fn with(self, matcher: Matcher) -> Self {
        Self {
            matcher: matcher.continuing(self.matcher),
            ..self
        }
    }

    /// Ends the reader. The channel is closed first: the reader may be waiting for a place in it.
    fn end(&mut self) {
        self.events.close();
        if let Some(Err(error)) = self.reader.take().map(Reader::stop) {
            warn!("{}: {error:#}", self.name);
        }
    }
}

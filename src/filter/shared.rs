//! What jails that look at the same entries share: a prefix is cut from a message once, a message
//! is read as JSON once, and the texts of all their patterns are looked for in one pass.
//!
//! Some thirty jails look at a line of a web server, and most of them want the same cut from it.

use crate::filter::Filter;
use crate::filter::fields::Json;
use crate::filter::pattern::{Possible, Texts};

/// What a company of jails shares.
#[derive(Debug)]
pub(super) struct Shared {
    prefixes: Vec<Box<str>>,
    texts: Option<Texts>,
    now: Message,
}

/// What is known of the message that is looked at.
#[derive(Debug, Default)]
struct Message {
    /// Its number.
    number: u64,
    /// How many bytes each prefix takes away, as far as somebody asked.
    cuts: Vec<Option<usize>>,
    /// The message as JSON, nothing cut.
    json: Json,
    /// What came of the look for texts.
    possible: Possible,
}

/// Where a jail has its part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    prefix: Option<usize>,
    first_pattern: usize,
    patterns: usize,
    /// Nothing comes of a message that none of them matches.
    needs_pattern: bool,
}

impl Shared {
    /// Takes what the `filters` of a company's jails have in common; the shares are theirs, in
    /// their order.
    pub fn new<'f>(filters: impl Iterator<Item = &'f Filter> + Clone) -> (Self, Vec<Share>) {
        let mut prefixes: Vec<Box<str>> = Vec::new();
        let mut first_pattern = 0;
        let mut share = |filter: &Filter| {
            let prefix = filter.prefix().map(|prefix| {
                let known = prefixes.iter().position(|known| **known == *prefix);
                known.unwrap_or_else(|| {
                    prefixes.push(prefix.into());
                    prefixes.len() - 1
                })
            });
            let share = Share {
                prefix,
                first_pattern,
                patterns: filter.patterns().count(),
                needs_pattern: filter.needs_pattern(),
            };
            first_pattern += share.patterns;
            share
        };
        let all = filters.clone().map(&mut share).collect();
        let shared = Self {
            prefixes,
            texts: Texts::of(filters.flat_map(Filter::patterns)),
            now: Message::default(),
        };
        (shared, all)
    }

    /// Begins with `message`, if its `number` is a new one, and tells whether anything can come of
    /// it for a jail.
    pub fn begin(&mut self, share: Share, number: u64, message: &[u8]) -> bool {
        if self.now.number != number {
            self.now.number = number;
            self.now.cuts.clear();
            self.now.cuts.resize(self.prefixes.len(), None);
            self.now.json = Json::new();
            if let Some(texts) = &self.texts {
                texts.look(message, &mut self.now.possible);
            }
        }
        let end = share.first_pattern + share.patterns;
        !share.needs_pattern || self.now.possible.any(share.first_pattern..end)
    }

    /// What the patterns of `filter` see of `message`.
    pub fn cut<'m>(&mut self, share: Share, filter: &Filter, message: &'m [u8]) -> &'m [u8] {
        let Some(known) = share.prefix.and_then(|at| self.now.cuts.get_mut(at)) else {
            return message;
        };
        let cut = known.get_or_insert_with(|| message.len() - filter.cut(message).len());
        message.get(*cut..).unwrap_or_default()
    }

    /// The message as JSON, nothing cut, once somebody has asked.
    pub fn json(&self) -> &Json {
        &self.now.json
    }

    /// Tells which of a jail's patterns may match the message.
    pub fn possible(&self, share: Share) -> impl Fn(usize) -> bool {
        let possible = &self.now.possible;
        move |at| possible.has(share.first_pattern + at)
    }
}

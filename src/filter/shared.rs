//! What jails that look at the same entries share: a prefix is cut from a message once, and the
//! texts of all their patterns are looked for in one pass.
//!
//! Some thirty jails look at a line of a web server, and most of them want the same cut from it.

use crate::filter::Filter;
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
    /// What came of the look for texts, if there was one.
    looked: bool,
    possible: Possible,
}

/// Where a jail has its part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    prefix: Option<usize>,
    first_pattern: usize,
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
            };
            first_pattern += filter.patterns().count();
            share
        };
        let shares = filters.clone().map(&mut share).collect();
        let shared = Self {
            prefixes,
            texts: Texts::of(filters.flat_map(Filter::patterns)),
            now: Message::default(),
        };
        (shared, shares)
    }

    /// Forgets the message before, if `number` is another one.
    pub fn begin(&mut self, number: u64) {
        if self.now.number != number {
            self.now.number = number;
            self.now.looked = false;
            self.now.cuts.clear();
            self.now.cuts.resize(self.prefixes.len(), None);
        }
    }

    /// What the patterns of `filter` see of `message`.
    pub fn cut<'m>(&mut self, share: Share, filter: &Filter, message: &'m [u8]) -> &'m [u8] {
        let Some(known) = share.prefix.and_then(|at| self.now.cuts.get_mut(at)) else {
            return message;
        };
        let cut = known.get_or_insert_with(|| message.len() - filter.cut(message).len());
        message.get(*cut..).unwrap_or_default()
    }

    /// Tells which of a jail's patterns may match `message`.
    pub fn possible(&mut self, share: Share, message: &[u8]) -> impl Fn(usize) -> bool {
        if let Some(texts) = self.texts.as_ref().filter(|_| !self.now.looked) {
            texts.look(message, &mut self.now.possible);
            self.now.looked = true;
        }
        let possible = &self.now.possible;
        move |at| possible.has(share.first_pattern + at)
    }
}

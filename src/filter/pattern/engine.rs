//! The regex engines behind a pattern: one for lines as services write them, one for long ones.
//!
//! The lazy DFA that a regex usually begins with is the fastest on a text of some kilobytes. On a
//! line of a hundred bytes, with a thousand patterns that take turns, its tables are never in the
//! processor's cache: 8 to 20 µs a match, where the backtracker, whose program is small, takes 1
//! to 3. Most lines that are not meant never get here: the literals of a pattern see to that.

use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::Input;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;

use super::{NEST_LIMIT, PROGRAM_LIMIT};

/// From so many bytes on, a line is long. The backtracker marks where it has been, a bit for each
/// byte and state, and has room for 5 KiB with the largest patterns that ship.
const LONG: usize = 2 * 1024;
/// The cache for the states that a search of a long line visits, a pattern and thread; a thousand
/// patterns must stay affordable. When it is full it is cleared; matching goes on.
const CACHE_LIMIT: usize = 256 * 1024;
/// Where groups begin and end, for patterns with up to so many of them, without an allocation.
const SLOTS: usize = 32;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Engine {
    text: Box<str>,
    short: Regex,
    /// Compiled for the first long line, if one comes.
    long: OnceLock<Option<Regex>>,
}

/// Where the groups of a match are; the first is the whole match.
pub(super) struct Groups {
    few: [Option<NonMaxUsize>; SLOTS],
    many: Vec<Option<NonMaxUsize>>,
}

impl Engine {
    /// Compiles `text`, which parses; `None` if it takes more than [`PROGRAM_LIMIT`].
    pub fn new(text: &str) -> Option<Self> {
        let short = compile(text, Config::new().hybrid(false).onepass(false))?;
        Some(Self {
            text: text.into(),
            short,
            long: OnceLock::new(),
        })
    }

    /// The names of its groups.
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.short
            .group_info()
            .pattern_names(regex_automata::PatternID::ZERO)
    }

    /// Whether it matches.
    pub fn is_match(&self, message: &[u8]) -> bool {
        // Without a place to tell, a short line would be left to the slowest engine.
        self.find(message).is_some()
    }

    /// Where its first match is.
    pub fn find(&self, message: &[u8]) -> Option<Range<usize>> {
        self.of(message).find(message).map(|found| found.range())
    }

    /// Where the groups of its first match are.
    pub fn groups(&self, message: &[u8]) -> Option<Groups> {
        let regex = self.of(message);
        let wanted = regex.captures_len() * 2;
        let mut groups = Groups {
            few: [None; SLOTS],
            many: Vec::new(),
        };
        let slots = match groups.few.get_mut(..wanted) {
            Some(slots) => slots,
            None => {
                groups.many.resize(wanted, None);
                &mut groups.many
            }
        };
        regex.search_slots(&Input::new(message), slots)?;
        Some(groups)
    }

    fn of(&self, message: &[u8]) -> &Regex {
        if message.len() < LONG {
            return &self.short;
        }
        let config = || Config::new().hybrid_cache_capacity(CACHE_LIMIT);
        let long = self.long.get_or_init(|| compile(&self.text, config()));
        long.as_ref().unwrap_or(&self.short)
    }
}

impl Groups {
    /// Where the group `number` is, if it took part.
    pub fn get(&self, number: usize) -> Option<Range<usize>> {
        let slots = if self.many.is_empty() {
            &self.few[..]
        } else {
            &self.many
        };
        let slot = |at: usize| slots.get(at).copied().flatten().map(NonMaxUsize::get);
        Some(slot(number * 2)?..slot(number * 2 + 1)?)
    }
}

fn compile(text: &str, config: Config) -> Option<Regex> {
    let syntax = syntax::Config::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .nest_limit(NEST_LIMIT);
    let config = config.utf8_empty(false).nfa_size_limit(Some(PROGRAM_LIMIT));
    Regex::builder()
        .configure(config)
        .syntax(syntax)
        .build(text)
        .ok()
}

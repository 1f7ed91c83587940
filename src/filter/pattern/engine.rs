//! The regex engines behind a pattern: a table where nobody asks for groups, a backtracker for
//! lines as services write them; before it a lazy DFA on long ones.
//!
//! The lazy DFA that a regex usually begins with is the fastest on a text of some kilobytes. On lines
//! of a hundred bytes, with a thousand patterns that take turns, its tables are cold in the
//! processor's cache: on mixed noise (benches/matcher) they took about half of the matcher's time.
//! The backtracker's program is small, and all patterns use the same marks. A table made beforehand
//! has no such cost, but takes too much memory for patterns with groups of addresses. Most lines
//! that are not meant never get here: the literals of a pattern see to that.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton, StartKind};
use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::{
    self, backtrack, backtrack::BoundedBacktracker, pikevm::PikeVM,
};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, PatternID};

use super::{NEST_LIMIT, PROGRAM_LIMIT};

/// From so many bytes on, a line is long.
const LONG: usize = 2 * 1024;
/// The cache for the states that a search of a long line visits, a pattern and thread; a thousand
/// patterns must stay affordable. When it is full it is cleared; matching goes on.
const CACHE_LIMIT: usize = 256 * 1024;
/// The most memory for marks of where the backtracker has been, a bit for each byte and state:
/// those of 4000 states in 64 KiB. Beyond that an engine without marks takes over, which takes five
/// times as long.
const MARKS_LIMIT: usize = 32 * 1024 * 1024;
/// Where groups begin and end, for patterns with up to so many of them, without an allocation.
const SLOTS: usize = 32;

/// The most memory for the table of a pattern without groups, and for its making. Half of
/// those that ship take less than 6 KB, none more than 45 KB.
const TABLE_LIMIT: usize = 64 * 1024;

thread_local! {
    /// The marks for short lines. They mean nothing from one search to the next; shared by all
    /// patterns, they stay in the processor's cache.
    static MARKS: RefCell<Option<backtrack::Cache>> = const { RefCell::new(None) };
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Engine {
    text: Box<str>,
    groups: BoundedBacktracker,
    /// For a pattern of which nobody asks more than where it ends: one step a byte.
    table: Option<DFA<Vec<u32>>>,
    /// Finds a match in a long line; compiled for the first one, if one comes.
    whole: OnceLock<Option<Regex>>,
}

/// Where the groups of a match are; the first is the whole match.
pub(super) struct Groups {
    few: [Option<NonMaxUsize>; SLOTS],
    many: Vec<Option<NonMaxUsize>>,
}

impl Engine {
    /// Compiles `text`, which parses; `None` if it takes more than [`PROGRAM_LIMIT`].
    pub fn new(text: &str) -> Option<Self> {
        let program = thompson::Config::new()
            .utf8(false)
            .nfa_size_limit(Some(PROGRAM_LIMIT));
        let groups = BoundedBacktracker::builder()
            .configure(backtrack::Config::new().visited_capacity(MARKS_LIMIT))
            .thompson(program)
            .syntax(syntax())
            .build(text)
            .ok()?;
        Some(Self {
            text: text.into(),
            groups,
            table: None,
            whole: OnceLock::new(),
        })
    }

    /// The same, if nobody asks for groups.
    pub fn without_groups(mut self) -> Self {
        let config = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(TABLE_LIMIT))
            .determinize_size_limit(Some(TABLE_LIMIT * 4));
        let table = DFA::builder()
            .configure(config)
            .thompson(thompson::Config::new().utf8(false))
            .syntax(syntax())
            .build(&self.text);
        self.table = table.ok();
        self
    }

    /// What was compiled.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its groups.
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        let groups = self.groups.get_nfa().group_info();
        groups.pattern_names(PatternID::ZERO)
    }

    /// Whether it matches.
    pub fn is_match(&self, message: &[u8]) -> bool {
        self.end(message).is_some()
    }

    /// Where its first match ends.
    pub fn end(&self, message: &[u8]) -> Option<usize> {
        let table = self.table.as_ref();
        if let Some(Ok(found)) = table.map(|table| table.try_search_fwd(&Input::new(message))) {
            return found.map(|found| found.offset());
        }
        if let Some(whole) = self.long(message) {
            return whole.find(message).map(|found| found.end());
        }
        let mut slots = [None; 2];
        self.search_short(message, &mut slots)?;
        slots[1].map(NonMaxUsize::get)
    }

    /// Where the groups of its first match are.
    pub fn groups(&self, message: &[u8]) -> Option<Groups> {
        let wanted = self.groups.get_nfa().group_info().slot_len();
        let mut groups = Groups {
            few: [None; SLOTS],
            many: Vec::new(),
        };
        let slots = if let Some(slots) = groups.few.get_mut(..wanted) {
            slots
        } else {
            groups.many.resize(wanted, None);
            &mut groups.many
        };
        match self.long(message) {
            Some(whole) => self.search_long(whole, message, slots)?,
            None => self.search_short(message, slots)?,
        }
        Some(groups)
    }

    /// The engine for `message`, if it is a long line.
    fn long(&self, message: &[u8]) -> Option<&Regex> {
        if message.len() < LONG {
            return None;
        }
        let config = Config::new().hybrid_cache_capacity(CACHE_LIMIT);
        let whole = self.whole.get_or_init(|| compile(&self.text, config));
        whole.as_ref()
    }

    fn search_short(&self, message: &[u8], slots: &mut [Option<NonMaxUsize>]) -> Option<()> {
        MARKS.with_borrow_mut(|marks| {
            let marks = marks.get_or_insert_with(|| self.groups.create_cache());
            self.search(marks, &Input::new(message), slots)
        })
    }

    /// The lazy DFA tells whether and where; the groups within are left to the backtracker, which
    /// is faster than the engine that needs no marks: the samples, each 64 KiB long, are read in
    /// less than half the time.
    fn search_long(
        &self,
        whole: &Regex,
        message: &[u8],
        slots: &mut [Option<NonMaxUsize>],
    ) -> Option<()> {
        let input = Input::new(message);
        let found = whole.find(input.clone())?;
        let within = input.span(found.range()).anchored(Anchored::Yes);
        // Marks of its own: so many are not kept.
        self.search(&mut self.groups.create_cache(), &within, slots)
    }

    fn search(
        &self,
        marks: &mut backtrack::Cache,
        input: &Input<'_>,
        slots: &mut [Option<NonMaxUsize>],
    ) -> Option<()> {
        let found = self.groups.try_search_slots(marks, input, slots);
        let found = found.unwrap_or_else(|_too_many_marks| {
            let slow = PikeVM::new_from_nfa(self.groups.get_nfa().clone()).ok()?;
            slow.search_slots(&mut slow.create_cache(), input, slots)
        });
        found.map(|_| ())
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

fn syntax() -> syntax::Config {
    syntax::Config::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .nest_limit(NEST_LIMIT)
}

fn compile(text: &str, config: Config) -> Option<Regex> {
    let config = config.utf8_empty(false).nfa_size_limit(Some(PROGRAM_LIMIT));
    let mut builder = Regex::builder();
    builder.configure(config).syntax(syntax()).build(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slowest engine, which has no limits.
    fn reference(text: &str, message: &[u8]) -> Option<Vec<Option<Range<usize>>>> {
        let config = Config::new().hybrid(false).onepass(false).backtrack(false);
        let regex = compile(text, config).expect("compiles");
        let mut captures = regex.create_captures();
        regex.captures(message, &mut captures);
        let group = |number| captures.get_group(number).map(|span| span.range());
        captures
            .is_match()
            .then(|| (0..captures.group_len()).map(group).collect())
    }

    #[test]
    fn every_engine_finds_the_same_groups() {
        let large = format!(
            "^a ({}|.*) (from) (.*)$",
            "y".repeat(MARKS_LIMIT * 8 / 60_000)
        );
        let many = format!("^(x+){}$", "(y)?".repeat(SLOTS));
        for (text, unit) in [
            (
                "^a (?P<u>.*) from ([0-9.]+) port ([0-9]+)",
                "x from 1.2 port 3 ",
            ),
            (
                "^a (.*?) from ([0-9.]+)(?: port ([0-9]+))?",
                "x from 1.2 port ",
            ),
            (
                "^a (.*) from ([0-9.]+) port [0-9]+ from 9$",
                "x from 1.2 port 3 ",
            ),
            ("^a (?:(x)|(x from)) (?:1.2|from) .*$", "x from 1.2 port 3 "),
            (r"^a (\w+ )*(from|x) \b{start-half}(\d+)$", "x 12 from 3 "),
            ("from ([0-9]+)", "x "),
            ("^a$", "a"),
            ("b", "aa"),
            (&many, "x"),
            // Its marks for a long line would take too much: the slow engine takes over.
            (&large, "x from 1.2 "),
        ] {
            let engine = Engine::new(text).expect("compiles");
            let tabled = Engine::new(text).expect("compiles").without_groups();
            for times in [0, 1, 2, LONG / unit.len() + 1, 60_000 / unit.len()] {
                for end in ["", "from 9", "y"] {
                    let message = format!("a {}{end}", unit.repeat(times));
                    let message = message.trim_end().as_bytes();
                    let expected = reference(text, message);
                    let whole = expected.as_ref().and_then(|groups| groups[0].clone());
                    let found = engine.groups(message).map(|groups| {
                        let count = engine.group_names().count();
                        (0..count).map(|number| groups.get(number)).collect()
                    });
                    assert_eq!(found, expected, "{text} on {times} of {unit}, {end}");
                    let end = whole.map(|whole| whole.end);
                    assert_eq!(engine.end(message), end);
                    assert_eq!(tabled.end(message), end);
                }
            }
        }
    }
}

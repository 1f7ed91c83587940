//! A parsed pattern as a graph of states, to ask questions about all the lines that it matches.
//!
//! The regex crate answers for one line at a time. This is the textbook construction (Thompson,
//! 1968), with marks where a host begins and ends; it never matches anything.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::filter::placeholder::HOST_GROUP;

/// More states than that have only patterns with large counted repetitions.
const STATES_LIMIT: usize = 16 * 1024;

/// A state, with the numbers of those that follow.
#[derive(Debug)]
pub(super) enum State {
    /// One byte of these ranges.
    Bytes(Box<[(u8, u8)]>, usize),
    /// Any of these, without a byte.
    Either(Vec<usize>),
    /// A host begins.
    HostBegins(usize),
    /// It ends.
    HostEnds(usize),
    /// The line ends here.
    LineEnds(usize),
    /// The pattern has matched; the line may go on.
    Matched,
}

/// A graph of states.
#[derive(Debug)]
pub(super) struct Program {
    pub states: Vec<State>,
    pub start: usize,
}

impl Program {
    /// The graph of `hir`; `None` if it is too large.
    pub fn of(hir: &Hir) -> Option<Self> {
        let mut program = Self {
            states: vec![State::Matched],
            start: 0,
        };
        program.start = program.before(hir, 0)?;
        Some(program)
    }

    /// States that match `hir` and go on to `next`; where they begin.
    ///
    /// Boundaries of words are taken for granted: the graph matches a little more than the pattern.
    fn before(&mut self, hir: &Hir, next: usize) -> Option<usize> {
        match hir.kind() {
            HirKind::Look(Look::End) => self.add(State::LineEnds(next)),
            HirKind::Empty | HirKind::Look(_) => Some(next),
            HirKind::Literal(literal) => literal.0.iter().rev().try_fold(next, |next, &byte| {
                self.add(State::Bytes([(byte, byte)].into(), next))
            }),
            HirKind::Class(class) => {
                let ranges = match class {
                    Class::Bytes(class) => class
                        .iter()
                        .map(|range| (range.start(), range.end()))
                        .collect(),
                    Class::Unicode(_) => [(0, u8::MAX)].into(),
                };
                self.add(State::Bytes(ranges, next))
            }
            HirKind::Capture(group) => {
                let host = group.name.as_deref();
                if !host.is_some_and(|name| name.starts_with(HOST_GROUP)) {
                    return self.before(&group.sub, next);
                }
                let end = self.add(State::HostEnds(next))?;
                let inner = self.before(&group.sub, end)?;
                self.add(State::HostBegins(inner))
            }
            HirKind::Concat(parts) => parts
                .iter()
                .rev()
                .try_fold(next, |next, part| self.before(part, next)),
            HirKind::Alternation(parts) => {
                let each: Option<Vec<usize>> =
                    parts.iter().map(|part| self.before(part, next)).collect();
                self.add(State::Either(each?))
            }
            HirKind::Repetition(repeated) => {
                let mut begin = next;
                if let Some(max) = repeated.max {
                    for _ in repeated.min..max {
                        let once = self.before(&repeated.sub, begin)?;
                        begin = self.add(State::Either(vec![once, next]))?;
                    }
                } else {
                    let again = self.add(State::Either(vec![next]))?;
                    let once = self.before(&repeated.sub, again)?;
                    if let Some(State::Either(ways)) = self.states.get_mut(again) {
                        ways.push(once);
                    }
                    begin = again;
                }
                (0..repeated.min).try_fold(begin, |next, _| self.before(&repeated.sub, next))
            }
        }
    }

    fn add(&mut self, state: State) -> Option<usize> {
        if self.states.len() >= STATES_LIMIT {
            return None;
        }
        self.states.push(state);
        Some(self.states.len() - 1)
    }
}

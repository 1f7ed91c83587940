//! Whether a pattern can read a line in two ways, with the address in two places.
//!
//! If it can, the one who writes a part of the line may choose which address is taken: the regex
//! prefers one of the two, and he places his own there. If it cannot, no text in the line moves
//! the address, whatever `.*` the pattern holds. So this is the criterion for a pattern that
//! nobody can steer, and it is decided exactly but for the boundaries of words: two walkers go
//! through the pattern's graph over the same line, byte by byte, and it is asked whether both can
//! arrive with the second one's host behind the beginning of the first one's.

use std::collections::HashSet;

use super::program::{Program, State};

/// The most pairs of states that are visited. The longest patterns that ship need a tenth.
const PAIRS_LIMIT: usize = 1_000_000;

/// How many ways there are to read a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filter) enum Readings {
    /// The address has one place.
    One,
    /// It may begin within what is the address in another reading.
    Within,
    /// It may stand in two places.
    Two,
    /// The pattern is too large to tell.
    Unknown,
}

/// How far the hosts of the two walkers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Neither has begun.
    Before,
    /// The first has begun, but with nothing that belongs to an address (`[`).
    Opened,
    /// The first is within its host.
    Inside,
    /// The first has ended.
    Behind,
    /// The second began within the first.
    Within,
    /// The second began behind the first.
    Two,
}

/// Where the two walkers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pair {
    first: usize,
    second: usize,
    phase: Phase,
    /// Whether one of them needs the line to end here.
    ended: bool,
}

/// In how many ways `program` can read a line.
pub(super) fn readings(program: &Program) -> Readings {
    let mut walk = Walk {
        program,
        seen: HashSet::new(),
        open: Vec::new(),
    };
    walk.visit(Pair {
        first: program.start,
        second: program.start,
        phase: Phase::Before,
        ended: false,
    });
    let mut readings = Readings::One;
    while let Some(pair) = walk.open.pop() {
        if walk.seen.len() > PAIRS_LIMIT {
            return Readings::Unknown;
        }
        let state = |at: usize| program.states.get(at);
        if let (Some(State::Matched), Some(State::Matched)) =
            (state(pair.first), state(pair.second))
        {
            match pair.phase {
                Phase::Two => return Readings::Two,
                Phase::Within => readings = Readings::Within,
                _ => {}
            }
        }
        walk.without_byte(pair);
        if !pair.ended {
            walk.with_byte(pair);
        }
    }
    readings
}

struct Walk<'p> {
    program: &'p Program,
    seen: HashSet<Pair>,
    open: Vec<Pair>,
}

impl Walk<'_> {
    fn visit(&mut self, pair: Pair) {
        if self.seen.insert(pair) {
            self.open.push(pair);
        }
    }

    /// One of the two goes on without a byte.
    fn without_byte(&mut self, pair: Pair) {
        match self.program.states.get(pair.first) {
            Some(State::Either(ways)) => {
                for &first in ways {
                    self.visit(Pair { first, ..pair });
                }
            }
            Some(&State::LineEnds(first)) => self.visit(Pair {
                first,
                ended: true,
                ..pair
            }),
            Some(&State::HostBegins(first)) => {
                // A second host of its own is told elsewhere; the first one counts.
                let phase = match pair.phase {
                    Phase::Before => Phase::Opened,
                    other => other,
                };
                self.visit(Pair {
                    first,
                    phase,
                    ..pair
                });
            }
            Some(&State::HostEnds(first)) => {
                let phase = match pair.phase {
                    Phase::Opened | Phase::Inside => Phase::Behind,
                    other => other,
                };
                self.visit(Pair {
                    first,
                    phase,
                    ..pair
                });
            }
            _ => {}
        }
        match self.program.states.get(pair.second) {
            Some(State::Either(ways)) => {
                for &second in ways {
                    self.visit(Pair { second, ..pair });
                }
            }
            Some(&State::LineEnds(second)) => self.visit(Pair {
                second,
                ended: true,
                ..pair
            }),
            Some(&State::HostBegins(second)) => {
                let phase = match pair.phase {
                    // Both in one place, or the second before the first: another walk.
                    Phase::Before | Phase::Opened => return,
                    Phase::Inside => Phase::Within,
                    Phase::Behind => Phase::Two,
                    other => other,
                };
                self.visit(Pair {
                    second,
                    phase,
                    ..pair
                });
            }
            Some(&State::HostEnds(second)) => self.visit(Pair { second, ..pair }),
            _ => {}
        }
    }

    /// Both read the same byte.
    fn with_byte(&mut self, pair: Pair) {
        const ANY: &[(u8, u8)] = &[(0, u8::MAX)];
        let step = |at: usize| match self.program.states.get(at) {
            Some(State::Bytes(ranges, next)) => Some((&**ranges, *next)),
            Some(State::Matched) => Some((ANY, at)),
            _ => None,
        };
        let (Some((one, first)), Some((other, second))) = (step(pair.first), step(pair.second))
        else {
            return;
        };
        let (mut bracket, mut more) = (false, false);
        for &(low, high) in one {
            for &(from, to) in other {
                let (low, high) = (low.max(from), high.min(to));
                bracket |= low <= b'[' && b'[' <= high;
                more |= low <= high && (low, high) != (b'[', b'[');
            }
        }
        let next = |phase| Pair {
            first,
            second,
            phase,
            ended: false,
        };
        if pair.phase == Phase::Opened {
            if bracket {
                self.visit(next(Phase::Opened));
            }
            if more {
                self.visit(next(Phase::Inside));
            }
        } else if bracket || more {
            self.visit(next(pair.phase));
        }
    }
}

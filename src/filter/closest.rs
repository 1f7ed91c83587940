//! The rule that comes closest to a message that none matches, and where it stops: for people who
//! write filters.

use crate::filter::Filter;
use crate::filter::pattern::Beginnings;
use crate::filter::spec::FilterSpec;

/// A rule must match so much of its pattern to be worth telling: an anchor and a word or so.
const WORTH_TELLING: usize = 5;

/// The patterns of a filter, ready to tell how far they come.
pub struct Closest<'a> {
    filter: &'a Filter,
    patterns: Vec<(usize, &'a str, Beginnings)>,
}

/// A rule that nearly matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss<'a> {
    /// Which rule, counted from 1 as in the file.
    pub rule: usize,
    /// The part of its pattern that matches.
    pub matched: &'a str,
    /// The rest, of which the beginning does not.
    pub expected: &'a str,
}

impl<'a> Closest<'a> {
    /// Takes on the patterns of `spec`, of which `filter` is compiled.
    #[must_use]
    pub fn new(spec: &'a FilterSpec, filter: &'a Filter) -> Self {
        let patterns = spec.rules.iter().enumerate().flat_map(|(index, rule)| {
            let patterns = rule.failregex.iter();
            patterns.filter_map(move |pattern| {
                Some((index + 1, pattern.as_str(), Beginnings::of(pattern)?))
            })
        });
        Self {
            filter,
            patterns: patterns.collect(),
        }
    }

    /// The rule that comes closest to `message`, if any comes close.
    #[must_use]
    pub fn to(&self, message: &[u8]) -> Option<NearMiss<'a>> {
        let message = self.filter.cut(message);
        self.patterns
            .iter()
            .map(|(rule, pattern, beginnings)| (*rule, *pattern, beginnings.reach(message)))
            .filter(|(_, pattern, reach)| (WORTH_TELLING..pattern.len()).contains(reach))
            // Of several as close, the first in the file.
            .rev()
            .max_by_key(|(_, _, reach)| *reach)
            .and_then(|(rule, pattern, reach)| {
                let (matched, expected) = pattern.split_at_checked(reach)?;
                Some(NearMiss {
                    rule,
                    matched,
                    expected,
                })
            })
    }
}

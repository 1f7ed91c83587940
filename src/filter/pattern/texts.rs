//! The texts of a filter's patterns, looked for in one pass over a message.
//!
//! A filter for what web servers are asked for has a dozen patterns with some fifty texts each. To
//! look for those of one pattern takes 200 to 400 ns, for all of them together not much longer.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::Pattern;

/// So many patterns with several texts are worth the pass.
const PATTERNS_LEAST: usize = 4;

/// The texts, if a pass is worth it.
#[derive(Debug)]
pub(in crate::filter) struct Texts {
    all: AhoCorasick,
    /// Whose each text is: the place of the pattern.
    owners: Vec<usize>,
    /// Which patterns may match whatever texts a message has.
    always: Vec<bool>,
}

/// Which patterns of a filter may match a message; `None`: all.
pub(in crate::filter) struct Possible(Option<Vec<bool>>);

impl Texts {
    /// Collects those of `patterns`: of each the place with the longest.
    pub fn of<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Option<Self> {
        let mut texts: Vec<&[u8]> = Vec::new();
        let (mut owners, mut always) = (Vec::new(), Vec::new());
        for (at, pattern) in patterns.enumerate() {
            let place = pattern.required.several();
            always.push(place.is_none());
            for text in place.into_iter().flat_map(|place| &place.texts) {
                texts.push(text);
                owners.push(at);
            }
        }
        if always.iter().filter(|always| !**always).count() < PATTERNS_LEAST {
            return None;
        }
        // In any case: what only some patterns accept they sort out themselves.
        let all = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts)
            .ok()?;
        Some(Self {
            all,
            owners,
            always,
        })
    }

    /// The patterns whose texts `message` has.
    pub fn possible(&self, message: &[u8]) -> Possible {
        let mut possible = self.always.clone();
        for found in self.all.find_overlapping_iter(message) {
            let owner = self.owners.get(found.pattern().as_usize());
            if let Some(here) = owner.and_then(|&owner| possible.get_mut(owner)) {
                *here = true;
            }
        }
        Possible(Some(possible))
    }
}

impl Possible {
    /// Nobody looked.
    pub const ALL: Self = Self(None);

    /// Whether the pattern at `at` is one of them.
    pub fn has(&self, at: usize) -> bool {
        let known = self.0.as_ref();
        known.is_none_or(|known| known.get(at).copied().unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_may_match_has_one_of_its_texts() {
        let patterns: Vec<Pattern> = [
            "^.*(?:Failed|refused) <ADDR>",
            "^.*(?:Invalid|illegal) user",
            "(?i)^.*(?:UNION|from).*sel",
            r"^\d+$",
            "^.*(?:invalid|unknown)",
            "^.*one text",
        ]
        .iter()
        .map(|text| Pattern::new(text).expect("a pattern"))
        .collect();
        let texts = Texts::of(patterns.iter()).expect("worth it");
        for (message, may) in [
            ("refused 192.0.2.1", [true, false, false, true, false, true]),
            ("an illegal user", [false, true, false, true, false, true]),
            ("unionSelect", [false, false, true, true, false, true]),
            ("Invalid user", [false, true, false, true, true, true]),
            ("", [false, false, false, true, false, true]),
        ] {
            let possible = texts.possible(message.as_bytes());
            assert_eq!(
                [0, 1, 2, 3, 4, 5].map(|at| possible.has(at)),
                may,
                "{message}"
            );
        }
        assert!(Texts::of(patterns[..3].iter()).is_none());
    }
}

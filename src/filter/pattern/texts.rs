//! The texts of many patterns, looked for in one pass over a message.
//!
//! The jails for web servers have 140 patterns, of which 77 have to look for texts in a line.
//! Together they make a quarter more entries of mixed noise (benches/matcher) than one by one.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::Pattern;
use super::literal::PLACES_LIMIT;

/// So many patterns that each would look for texts are worth the pass. Of most patterns the
/// beginning of a message tells enough.
const SEARCHES_LEAST: usize = 8;
/// Only so much of a text is looked for, in bytes: enough to be rare, and the table stays small.
const TEXT_MOST: usize = 8;

// A bit for each place.
const _: () = assert!(PLACES_LIMIT <= u8::BITS as usize);

/// The texts, if a pass is worth it.
#[derive(Debug)]
pub(in crate::filter) struct Texts {
    all: AhoCorasick,
    /// Where each text may stand: patterns, and a bit for the place in each.
    owners: Vec<Vec<(usize, u8)>>,
    /// The places of each pattern.
    places: Vec<u8>,
}

/// Which patterns may match a message.
#[derive(Debug, Default)]
pub(in crate::filter) struct Possible {
    /// The places of each pattern of which no text was found.
    missing: Vec<u8>,
    /// The texts that were found.
    found: Vec<bool>,
}

impl Texts {
    /// Collects those of `patterns`.
    pub fn of<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Option<Self> {
        let mut owners: HashMap<Vec<u8>, Vec<(usize, u8)>> = HashMap::new();
        let mut places = Vec::new();
        let mut searches = 0;
        for (at, pattern) in patterns.enumerate() {
            searches += usize::from(pattern.required.searches());
            let mut all = 0;
            for (place, bit) in pattern
                .required
                .sought()
                .iter()
                .zip((0..).map(|bit| 1 << bit))
            {
                all |= bit;
                for text in &place.texts {
                    // In any case: what only some patterns accept they sort out themselves.
                    let text = text[..text.len().min(TEXT_MOST)].to_ascii_lowercase();
                    owners.entry(text).or_default().push((at, bit));
                }
            }
            places.push(all);
        }
        if searches < SEARCHES_LEAST {
            return None;
        }
        let (texts, owners): (Vec<_>, Vec<_>) = owners.into_iter().unzip();
        let all = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts)
            .ok()?;
        Some(Self {
            all,
            owners,
            places,
        })
    }

    /// Looks for them in `message`.
    pub fn look(&self, message: &[u8], possible: &mut Possible) {
        possible.missing.clone_from(&self.places);
        possible.found.clear();
        possible.found.resize(self.owners.len(), false);
        for found in self.all.find_overlapping_iter(message) {
            let text = found.pattern().as_usize();
            // A text that a client repeats is looked at once.
            let known = possible.found.get_mut(text);
            if known.is_none_or(|known| std::mem::replace(known, true)) {
                continue;
            }
            for &(pattern, place) in self.owners.get(text).into_iter().flatten() {
                if let Some(missing) = possible.missing.get_mut(pattern) {
                    *missing &= !place;
                }
            }
        }
    }
}

impl Possible {
    /// Whether one of the patterns of `range` is.
    pub fn any(&self, range: Range<usize>) -> bool {
        self.missing
            .get(range)
            .is_none_or(|missing| missing.contains(&0))
    }

    /// Whether the pattern at `at` is one of them; nobody looked: it is.
    pub fn has(&self, at: usize) -> bool {
        self.missing.get(at).is_none_or(|missing| *missing == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_may_match_has_its_texts() {
        let patterns: Vec<Pattern> = [
            "^.*(?:Failed|refused) <ADDR>",
            "^.*(?:Invalid|illegal) user",
            "(?i)^.*(?:UNION|from).*sel",
            r"^\d+$",
            "^.*(?:invalid|unknown)",
            "^.*one text",
            "^.*a text much longer than that",
            "^.*x.*y.*zz.*zzz",
            "^.*refused",
            "^.*user",
        ]
        .iter()
        .map(|text| Pattern::new(text).expect("a pattern"))
        .collect();
        let texts = Texts::of(patterns.iter()).expect("worth it");
        let mut possible = Possible::default();
        assert!(possible.has(0) && possible.any(0..1));
        for (message, may) in [
            ("refused 192.0.2.1", &[0, 3, 8][..]),
            ("an illegal user", &[1, 3, 9]),
            ("illegal use", &[3]),
            ("unionSelect", &[2, 3]),
            ("union", &[3]),
            ("Invalid user", &[1, 3, 4, 9]),
            ("ONE TEXT, a text mu", &[3, 5, 6]),
            ("zzz", &[3, 7]),
            ("", &[3]),
        ] {
            texts.look(message.as_bytes(), &mut possible);
            let found: Vec<usize> = (0..patterns.len()).filter(|&at| possible.has(at)).collect();
            assert_eq!(found, may, "{message}");
            assert!(possible.any(0..4) && !possible.any(0..0));
            assert_eq!(possible.any(4..6), may.contains(&4) || may.contains(&5));
        }
        assert!(Texts::of(patterns[..3].iter()).is_none());
    }
}

//! The literals that every match of a pattern must contain, read off the parsed pattern: a message
//! without them needs no regex.
//!
//! Most lines that a jail looks at are not for most of its patterns, and a regex that says no costs
//! a microsecond, most of it for memory that went cold. So all of a pattern's texts are asked for,
//! in their order, until one is missing.

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// More beginnings than that cost more than the regex itself.
const STARTS_LIMIT: usize = 16;
/// More texts in one place than that are not looked for; a list of paths has some fifty.
const TEXTS_LIMIT: usize = 128;
/// The most places in a pattern whose texts are looked for, and the shortest text that is worth it.
pub(super) const PLACES_LIMIT: usize = 4;
const TEXT_LEAST: usize = 2;

/// What every match contains.
#[derive(Debug)]
pub(super) struct Required {
    /// Which bytes it begins with, if it begins the message.
    first: Option<Box<[bool; 256]>>,
    start: Vec<Box<[u8]>>,
    /// What follows each other, anywhere.
    texts: Vec<Finder<'static>>,
    /// The same, of places with several texts, with the length of the shortest; it takes longer to
    /// find one of them.
    several_texts: Vec<(AhoCorasick, usize)>,
    /// The places that are worth a look for those of all patterns at once.
    sought: Vec<Place>,
}

impl Required {
    /// Reads it off a parsed pattern.
    pub fn of(hir: &Hir) -> Self {
        let anchored = hir.properties().look_set_prefix().contains(Look::Start);
        let start = if anchored { starts(hir) } else { Vec::new() };
        let mut places = places(hir);
        if places.first().is_some_and(|first| first.begins(&start)) {
            places.remove(0);
        }
        let mut worth: Vec<usize> = places.iter().map(Place::least).collect();
        worth.sort_unstable_by(|a, b| b.cmp(a));
        let least = worth
            .get(PLACES_LIMIT - 1)
            .map_or(TEXT_LEAST, |&least| least.max(TEXT_LEAST));
        places.retain(|place| place.least() >= least);
        Self {
            first: if anchored { first_bytes(hir) } else { None },
            texts: places.iter().filter_map(Place::finder).collect(),
            several_texts: places.iter().filter_map(Place::finders).collect(),
            sought: match Place::of(&start) {
                // It tells as much as the rest.
                start if start.least() >= TEXT_LEAST => vec![start],
                _ => places,
            },
            start,
        }
    }

    /// Whether the beginning of a message does not tell, so that texts have to be looked for.
    pub fn searches(&self) -> bool {
        self.start.is_empty() && !self.sought.is_empty()
    }

    /// The places whose texts are worth a look, [`PLACES_LIMIT`] or fewer.
    pub fn sought(&self) -> &[Place] {
        &self.sought
    }

    /// Whether `message` has what a match needs.
    pub fn met(&self, message: &[u8]) -> bool {
        let begins = |first: &[bool; 256]| {
            let byte = message.first();
            byte.is_some_and(|&byte| first[usize::from(byte)])
        };
        self.first.as_ref().is_none_or(|first| begins(first))
            && (self.start.is_empty() || self.start.iter().any(|text| message.starts_with(text)))
            && in_turn(message, &self.texts, |text, rest| {
                text.find(rest).map(|at| at + text.needle().len())
            })
            // The leftmost may be longer than one that begins behind it.
            && in_turn(message, &self.several_texts, |(texts, least), rest| {
                texts.find(rest).map(|found| found.start() + least)
            })
    }
}

/// Whether `all` are found in `message`, each behind the one before; `end` tells where one ends.
/// The first end of each leaves most of the message to those that follow.
fn in_turn<T>(message: &[u8], all: &[T], end: impl Fn(&T, &[u8]) -> Option<usize>) -> bool {
    let mut rest = message;
    all.iter().all(|one| {
        let behind = end(one, rest).and_then(|end| rest.get(end..));
        behind.inspect(|behind| rest = behind).is_some()
    })
}

/// The texts of which one begins every match of `hir`, if there are only a few.
fn starts(hir: &Hir) -> Vec<Box<[u8]>> {
    let starts = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    let starts = starts.literals().unwrap_or_default();
    if starts.len() > STARTS_LIMIT || starts.iter().any(Literal::is_empty) {
        return Vec::new();
    }
    starts.iter().map(|start| start.as_bytes().into()).collect()
}

/// The bytes with which a match of `hir` can begin; `None` if it can be empty.
fn first_bytes(hir: &Hir) -> Option<Box<[bool; 256]>> {
    let mut first = Box::new([false; 256]);
    (!may_be_empty(hir, &mut first)).then_some(first)
}

/// Adds the bytes with which a match of `hir` can begin; whether it can be empty.
fn may_be_empty(hir: &Hir, first: &mut [bool; 256]) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            if let Some(&byte) = literal.0.first() {
                first[usize::from(byte)] = true;
            }
            literal.0.is_empty()
        }
        HirKind::Class(Class::Bytes(class)) => {
            for range in class.iter() {
                first[usize::from(range.start())..=usize::from(range.end())].fill(true);
            }
            false
        }
        HirKind::Class(Class::Unicode(_)) => {
            first.fill(true);
            false
        }
        HirKind::Repetition(repeated) => may_be_empty(&repeated.sub, first) || repeated.min == 0,
        HirKind::Capture(group) => may_be_empty(&group.sub, first),
        HirKind::Concat(parts) => parts.iter().all(|part| may_be_empty(part, first)),
        HirKind::Alternation(parts) => {
            let empty = |any, part: &Hir| may_be_empty(part, first) || any;
            parts.iter().fold(false, empty)
        }
    }
}

/// Texts of which every match contains at least one.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub texts: Vec<Vec<u8>>,
    /// In capitals or not.
    any_case: bool,
}

impl Place {
    /// That where a message begins.
    fn of(starts: &[Box<[u8]>]) -> Self {
        Self {
            texts: starts.iter().map(|start| start.to_vec()).collect(),
            any_case: false,
        }
    }

    /// Whether each of `starts` begins with one of the texts: they tell all that it tells.
    fn begins(&self, starts: &[Box<[u8]>]) -> bool {
        let told = |start: &[u8]| self.texts.iter().any(|text| start.starts_with(text));
        !starts.is_empty() && starts.iter().all(|start| told(start))
    }

    fn is_several(&self) -> bool {
        self.texts.len() > 1 || self.any_case
    }

    fn finder(&self) -> Option<Finder<'static>> {
        let text = self.texts.first().filter(|_| !self.is_several())?;
        Some(Finder::new(text).into_owned())
    }

    fn finders(&self) -> Option<(AhoCorasick, usize)> {
        if !self.is_several() {
            return None;
        }
        // Of the kinds of match this is the one with a vectorised search.
        let texts = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .ascii_case_insensitive(self.any_case)
            .build(&self.texts);
        texts.ok().map(|texts| (texts, self.least()))
    }

    /// The length of the shortest.
    pub fn least(&self) -> usize {
        self.texts.iter().map(Vec::len).min().unwrap_or_default()
    }
}

/// The places of `hir` that have texts, in the order in which a match contains them.
fn places(hir: &Hir) -> Vec<Place> {
    match hir.kind() {
        HirKind::Capture(group) => places(&group.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => places(&repeated.sub),
        HirKind::Concat(parts) => in_order(parts),
        HirKind::Alternation(parts) => one_of(parts).into_iter().collect(),
        HirKind::Literal(_) | HirKind::Class(_) => in_order(std::slice::from_ref(hir)),
        HirKind::Repetition(_) | HirKind::Empty | HirKind::Look(_) => Vec::new(),
    }
}

/// The places of parts that follow each other. A letter in either case is a class to the parser.
fn in_order(parts: &[Hir]) -> Vec<Place> {
    let mut found = Vec::new();
    let mut text = Place::default();
    for part in parts {
        let (bytes, any_case) = match part.kind() {
            HirKind::Literal(literal) => (literal.0.to_vec(), false),
            HirKind::Class(class) => match either_case(class) {
                Some(letter) => (vec![letter], true),
                None => (Vec::new(), false),
            },
            _ => (Vec::new(), false),
        };
        if !bytes.is_empty() {
            text.any_case |= any_case;
            match text.texts.first_mut() {
                Some(text) => text.extend(bytes),
                None => text.texts.push(bytes),
            }
            continue;
        }
        found.extend(Some(std::mem::take(&mut text)).filter(|text| text.least() > 0));
        if !matches!(part.kind(), HirKind::Class(_)) {
            found.extend(places(part));
        }
    }
    found.extend(Some(text).filter(|text| text.least() > 0));
    found
}

/// The best place of each of `parts`, as one.
fn one_of(parts: &[Hir]) -> Option<Place> {
    let mut all = Place::default();
    for part in parts {
        let best = places(part).into_iter().max_by_key(Place::least)?;
        all.any_case |= best.any_case;
        all.texts.extend(best.texts);
    }
    (all.texts.len() <= TEXTS_LIMIT).then_some(all)
}

/// The letter whose capital and small form are all that `class` holds.
fn either_case(class: &Class) -> Option<u8> {
    let Class::Bytes(class) = class else {
        return None;
    };
    match class.ranges() {
        [capital, small]
            if capital.len() == 1
                && small.len() == 1
                && capital.start().is_ascii_uppercase()
                && capital.start().eq_ignore_ascii_case(&small.start()) =>
        {
            Some(small.start())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(pattern: &str) -> Hir {
        crate::filter::pattern::parser()
            .parse(pattern)
            .expect("a pattern")
    }

    #[test]
    fn literals_come_from_the_parsed_pattern() {
        for (pattern, starts, texts) in [
            ("^(?:error: )?Failed", 2, &["Failed"][..]),
            ("(?:Failed|Invalid) host", 0, &["Failed|Invalid", " host"]),
            (r"\d+ login x?", 0, &[" login "]),
            ("(?:abc)?", 0, &[]),
            (
                "^abc .* from .* port (?i:tls)x$",
                1,
                &[" from ", " port tlsx"],
            ),
            ("^.*(?:ab(?:c|d)|[ef]gh)i", 0, &["ab|gh"]),
            ("^.*(?:ab|[ef])ij", 0, &["ij"]),
            ("ab.cd.ef.ghi.jkl.mno.pqr", 0, &["ghi", "jkl", "mno", "pqr"]),
            (r"(?:ab\d){2}", 0, &["ab"]),
        ] {
            let hir = parsed(pattern);
            let required = Required::of(&hir);
            let start = required.start.len();
            let searches = required.texts.len() + required.several_texts.len();
            let found: Vec<String> = places(&hir)
                .iter()
                .map(|place| place.texts.join(&b'|'))
                .map(|texts| String::from_utf8_lossy(&texts).into_owned())
                .collect();
            assert_eq!((start, searches), (starts, texts.len()), "{pattern}");
            assert!(
                texts
                    .iter()
                    .all(|text| found.iter().any(|found| found == text)),
                "{pattern}: {found:?}"
            );
        }
    }

    #[test]
    fn what_matches_has_what_is_required() {
        for (pattern, message) in [
            ("(?:Failed|Invalid) host", "Failed host"),
            ("(?i)^failed host", "FAILED host"),
            ("(?i)^.*failed host", "x fAILED Host"),
            (r"^\s*x\x41y host", "  xAy host"),
            ("a(?:b|c(?:d|e)){2} host", "abce host"),
            ("^abcabd .*abd", "abcabd abd"),
            (".*aab.*aab", "aaabaab"),
            ("(?:abcd|bc)cde", "bccde"),
            (r"^(?:\[|a*)*[0-9]+", "aa[1"),
            (r"^\s?(?:x|)<?", ""),
        ] {
            assert!(
                Required::of(&parsed(pattern)).met(message.as_bytes()),
                "{pattern}"
            );
        }
        for (pattern, message) in [
            ("^ab.*cd", "xabcd"),
            ("ab.*cd", "acdb abd"),
            ("ab.*cd", "cd ab"),
            ("abc.*bcd", "abcd"),
            (r"^(?:\[|a*)*[0-9]+", "b1"),
            ("^[^ ]+ .", " x y"),
            ("(?i).*union.*select", "select union"),
        ] {
            assert!(
                !Required::of(&parsed(pattern)).met(message.as_bytes()),
                "{pattern}"
            );
        }
    }
}

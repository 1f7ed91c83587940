//! The literals that every match of a pattern must contain, read off the parsed pattern: a message
//! without them needs no regex.

use memchr::memmem::Finder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use regex_syntax::hir::{Hir, HirKind, Look};

/// More literals than that cost more than the regex itself.
const LITERAL_LIMIT: usize = 16;

/// The literals of which every match contains at least one.
#[derive(Debug)]
pub(super) enum Required {
    /// None are known.
    Unknown,
    /// At the beginning of the message; `first` tells which bytes they begin with.
    Start {
        texts: Vec<Box<[u8]>>,
        first: Box<[bool; 256]>,
    },
    /// Anywhere.
    Within(Vec<Finder<'static>>),
}

impl Required {
    /// Reads them off a parsed pattern.
    pub fn of(hir: &Hir) -> Self {
        if hir.properties().look_set_prefix().contains(Look::Start) {
            let starts = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
            if let Some(starts) = starts.literals()
                && starts.len() <= LITERAL_LIMIT
                && !starts.is_empty()
                && !starts.iter().any(Literal::is_empty)
            {
                let texts = starts.iter().map(|start| start.as_bytes().into());
                return Self::at_start(texts.collect());
            }
        }
        match required(hir) {
            Some(texts) => Self::Within(
                texts
                    .iter()
                    .map(|text| Finder::new(text).into_owned())
                    .collect(),
            ),
            None => Self::Unknown,
        }
    }

    fn at_start(texts: Vec<Box<[u8]>>) -> Self {
        let mut first = Box::new([false; 256]);
        for &byte in texts.iter().filter_map(|text| text.first()) {
            first[usize::from(byte)] = true;
        }
        Self::Start { texts, first }
    }

    /// Whether `message` has what a match needs.
    pub fn met(&self, message: &[u8]) -> bool {
        match self {
            Self::Unknown => true,
            Self::Start { texts, first } => {
                message
                    .first()
                    .is_some_and(|&byte| first[usize::from(byte)])
                    && texts.iter().any(|text| message.starts_with(text))
            }
            Self::Within(finders) => finders.iter().any(|finder| finder.find(message).is_some()),
        }
    }
}

/// A set of literals of which every match of `hir` contains at least one; the most telling set, or
/// `None`.
fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(group) => required(&group.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => required(&repeated.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(required)
            .max_by_key(|texts| texts.iter().map(Vec::len).min()),
        HirKind::Alternation(parts) => {
            let each: Vec<_> = parts.iter().map(required).collect::<Option<_>>()?;
            let all: Vec<_> = each.into_iter().flatten().collect();
            (all.len() <= LITERAL_LIMIT).then_some(all)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_come_from_the_parsed_pattern() {
        let required = |pattern: &str| {
            Required::of(
                &crate::filter::pattern::parser()
                    .parse(pattern)
                    .expect("a pattern"),
            )
        };
        assert!(
            matches!(required("^(?:error: )?Failed"), Required::Start { texts, .. } if texts.len() == 2)
        );
        assert!(
            matches!(required("(?:Failed|Invalid) host"), Required::Within(texts) if texts.len() == 1 || texts.len() == 2)
        );
        assert!(
            matches!(required(r"\d+ login x?"), Required::Within(texts) if texts[0].needle() == b" login ")
        );
        assert!(matches!(required("(?:abc)?"), Required::Unknown));
        assert!(matches!(
            required("(?i)^failed host"),
            Required::Start { .. } | Required::Within(_)
        ));
        for (pattern, message) in [
            ("(?:Failed|Invalid) host", "Failed host"),
            ("(?i)^failed host", "FAILED host"),
            (r"^\s*x\x41y host", "  xAy host"),
            ("a(?:b|c(?:d|e)){2} host", "abce host"),
        ] {
            assert!(required(pattern).met(message.as_bytes()), "{pattern}");
        }
    }
}

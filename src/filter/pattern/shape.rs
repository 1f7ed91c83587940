//! What can be said of a pattern without a line: for the [lint](crate::filter::lint).

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::program::Program;
use super::readings::{Readings, readings};
use super::{expand, parser};
use crate::filter::placeholder::HOST_GROUP;

/// A class of no more bytes than that says nearly as much as a letter (`[45]0[13]`, `(?i)`).
const NARROW: usize = 8;

/// What a pattern is like.
#[derive(Debug)]
pub(in crate::filter) struct Shape {
    /// Whether it can match at the beginning of a message only.
    pub anchored: bool,
    /// The most hosts that one match can have.
    pub hosts: usize,
    /// The fewest characters of fixed text that a match has beside the host; blanks, brackets and
    /// quotes are in every message.
    pub text_bytes: usize,
    /// Whether a part of it takes any text of any length.
    pub takes_anything: bool,
    /// Whether the host always stands in one place, if it is anchored.
    pub readings: Readings,
}

impl Shape {
    /// The shape of `text`; `None` if it is no pattern.
    pub fn of(text: &str) -> Option<Self> {
        let hir = parser().parse(&expand(text).ok()?.text).ok()?;
        let hosts = hosts(&hir);
        Some(Self {
            anchored: hir.properties().look_set_prefix().contains(Look::Start),
            hosts,
            text_bytes: text_bytes(&hir),
            takes_anything: takes_anything(&hir),
            readings: match Program::of(&hir) {
                _ if hosts == 0 => Readings::One,
                Some(program) => readings(&program),
                None => Readings::Unknown,
            },
        })
    }
}

fn is_host(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with(HOST_GROUP))
}

fn hosts(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Capture(group) if is_host(group.name.as_deref()) => 1,
        HirKind::Capture(group) => hosts(&group.sub),
        HirKind::Repetition(repeated) => {
            let most = repeated.max.map_or(2, |max| max as usize);
            hosts(&repeated.sub).saturating_mul(most)
        }
        HirKind::Concat(parts) => parts.iter().map(hosts).sum(),
        HirKind::Alternation(parts) => parts.iter().map(hosts).max().unwrap_or_default(),
        _ => 0,
    }
}

fn text_bytes(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Literal(literal) => {
            // Bytes beyond ASCII are parts of letters.
            let telling = |byte: &&u8| {
                byte.is_ascii_graphic() && !b"[]\"".contains(*byte) || !byte.is_ascii()
            };
            literal.0.iter().filter(telling).count()
        }
        HirKind::Class(class) => usize::from(size(class) <= NARROW),
        HirKind::Capture(group) if is_host(group.name.as_deref()) => 0,
        HirKind::Capture(group) => text_bytes(&group.sub),
        HirKind::Repetition(repeated) => {
            text_bytes(&repeated.sub).saturating_mul(repeated.min as usize)
        }
        HirKind::Concat(parts) => parts.iter().map(text_bytes).sum(),
        HirKind::Alternation(parts) => parts.iter().map(text_bytes).min().unwrap_or_default(),
        _ => 0,
    }
}

fn takes_anything(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(repeated) => {
            let wide = matches!(repeated.sub.kind(), HirKind::Class(class) if is_any(class));
            wide && repeated.max.is_none() || takes_anything(&repeated.sub)
        }
        HirKind::Capture(group) => takes_anything(&group.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(takes_anything),
        _ => false,
    }
}

/// Whether every printable byte is in it: `.`, `[^\n]`.
fn is_any(class: &Class) -> bool {
    match class {
        Class::Bytes(class) => class
            .iter()
            .any(|range| range.start() <= b' ' && range.end() >= b'~'),
        Class::Unicode(_) => false,
    }
}

fn size(class: &Class) -> usize {
    match class {
        Class::Bytes(class) => class
            .iter()
            .map(regex_syntax::hir::ClassBytesRange::len)
            .sum(),
        Class::Unicode(class) => class
            .iter()
            .map(regex_syntax::hir::ClassUnicodeRange::len)
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(pattern: &str) -> Shape {
        Shape::of(pattern).expect("a pattern")
    }

    #[test]
    fn the_address_has_one_place_if_nothing_can_imitate_what_is_around_it() {
        use Readings::{One, Two, Within};
        for (pattern, expected) in [
            ("^from <ADDR>", One),
            ("^from <ADDR>: .*$", One),
            ("^user .* from <ADDR>$", One),
            (r"^user .* from <ADDR>(?: port \d+)?$", One),
            ("^user [^ ]* from <ADDR>: .*", One),
            (r#"^user "(?:[^"\\]|\\.)*" from <ADDR>, agent .*$"#, One),
            ("^(?:a <ADDR>|b .* <ADDR>)$", One),
            ("^refused (?:.*@)?<HOST>$", One),
            (r"^client \[?<ADDR>\]?: x", One),
            ("^user .* from <ADDR>", Two),
            ("^user .* from <ADDR>: .*$", Two),
            (r#"^user ".*" from <ADDR>, agent ".*"$"#, Two),
            (r"^user .*? from <ADDR>(?: .*)?$", Two),
            ("^.*<ADDR>$", Within),
            (r"^(?:::ffff:)?<ADDR>$", Within),
            (r"^by [^ ]*<HOST>$", Within),
            // Bounded: what it takes is too short for another host.
            (r"^user .* from <ADDR>: why .{0,10}$", One),
            (r"^user .* from <ADDR>: why .{0,30}$", Two),
        ] {
            assert_eq!(shape(pattern).readings, expected, "{pattern}");
        }
        assert_eq!(
            shape("^x <ADDR>(?:.{1000}){100}").readings,
            Readings::Unknown
        );
    }

    #[test]
    fn hosts_and_text_are_counted_along_a_match() {
        for (pattern, hosts, text_bytes) in [
            ("^отказ <ADDR>", 1, 10),
            ("^<ADDR>$", 1, 0),
            ("^(?:a <ADDR>|bb <ADDR>) x", 1, 2),
            ("^<ADDR> to <ADDR>$", 2, 2),
            ("^(?:<ADDR> )+failed", 2, 6),
            (r#"^<HOST> \[.*\] "(?i)get [^ ]+" 40[13] "#, 1, 6),
            (r"^<HOST> .*(?:\.\./|etc)", 1, 3),
            ("^failed(?: hard)?$", 0, 6),
        ] {
            let shape = shape(pattern);
            assert_eq!(
                (shape.hosts, shape.text_bytes),
                (hosts, text_bytes),
                "{pattern}"
            );
        }
        assert!(shape(r"^\[.*\] <ADDR>").takes_anything);
        assert!(!shape(r"^\[[^]]*\] .{0,9}<ADDR>").takes_anything);
    }
}

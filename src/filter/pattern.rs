//! Patterns over a message: the only place that knows a regex crate.
//!
//! Matching takes time linear in the message (`regex`; no look-around, no back-references), without
//! Unicode tables, over bytes. Before the regex runs, the literals that every match must contain
//! are looked for; they come from the parsed pattern, never from its text.

mod engine;
mod literal;
mod program;
mod reach;
mod readings;
mod shape;
mod texts;

use regex_syntax::ast::ErrorKind;
use regex_syntax::hir::{Hir, Look};
use regex_syntax::{Parser, ParserBuilder};

use crate::filter::Host;
use crate::filter::placeholder::{Expanded, HOST_GROUP, SESSION_GROUP, USER_GROUP, expand};
use engine::{Engine, Groups};
use literal::Required;
pub(super) use reach::Beginnings;

pub(super) use readings::Readings;
pub(super) use shape::Shape;
pub(super) use texts::{Possible, Texts};

/// The longest pattern, in bytes as written. The longest that ship have a few hundred.
const TEXT_LIMIT: usize = 8 * 1024;
/// The most memory that a compiled program may take; counted repetitions (`.{1000}`) multiply.
const PROGRAM_LIMIT: usize = 1 << 20;
/// How deep groups may nest; the parser recurses.
const NEST_LIMIT: u32 = 64;
/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    engine: Engine,
    required: Required,
    hosts: Vec<usize>,
    users: Vec<usize>,
    sessions: Vec<usize>,
    anchored: bool,
}

/// What a pattern took from a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'m> {
    /// The text of the host group that took part, and whether it stands alone: an address that
    /// was cut out of `192.0.2.1.example.com` does not.
    pub host: Option<(&'m [u8], bool)>,
    /// The text of the user group.
    pub user: Option<&'m [u8]>,
    /// The text of the group that names the connection.
    pub session: Option<&'m [u8]>,
}

impl Found<'_> {
    /// The host as a value.
    pub fn host(&self) -> Option<Host> {
        self.host.map(|(text, alone)| {
            if alone {
                Host::read(text)
            } else {
                Host::name(text)
            }
        })
    }
}

impl Pattern {
    /// Compiles `text`. The error is one line: where, what, and what would be right.
    pub fn new(text: &str) -> Result<Self, String> {
        let (expanded, hir) = read(text)?;
        let engine = Engine::new(&expanded.text).ok_or_else(|| {
            format!(
                "the compiled pattern takes more than {PROGRAM_LIMIT} bytes: write smaller counts than in .{{1000}}"
            )
        })?;
        let groups = |prefix: &str| -> Vec<usize> {
            engine
                .group_names()
                .enumerate()
                .filter_map(|(index, name)| name?.starts_with(prefix).then_some(index))
                .collect()
        };
        let hosts = groups(HOST_GROUP);
        let users = groups(USER_GROUP);
        let sessions = groups(SESSION_GROUP);
        let takes = [&hosts, &users, &sessions]
            .iter()
            .any(|groups| !groups.is_empty());
        Ok(Self {
            hosts,
            users,
            sessions,
            anchored: hir.properties().look_set_prefix().contains(Look::Start),
            required: Required::of(&hir),
            engine: if takes {
                engine
            } else {
                engine.without_groups()
            },
        })
    }

    /// Its text, with placeholders replaced.
    pub fn as_str(&self) -> &str {
        self.engine.as_str()
    }

    /// Whether it can take a host from a message.
    pub fn names_host(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Whether it can take the name of a connection from a message.
    pub fn names_session(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Whether it can match at the beginning of a message only.
    pub fn anchored(&self) -> bool {
        self.anchored
    }

    /// Whether it matches.
    pub fn matches(&self, message: &[u8]) -> bool {
        self.required.met(message) && self.engine.is_match(message)
    }

    /// Its first match.
    pub fn find<'m>(&self, message: &'m [u8]) -> Option<Found<'m>> {
        if !self.required.met(message) {
            return None;
        }
        if self.hosts.is_empty() && self.users.is_empty() && self.sessions.is_empty() {
            let matched = self.engine.is_match(message);
            return matched.then_some(Found {
                host: None,
                user: None,
                session: None,
            });
        }
        let groups = self.engine.groups(message)?;
        let user = first(&groups, &self.users).map(|user| &message[user]);
        let session = first(&groups, &self.sessions).map(|session| &message[session]);
        let host = first(&groups, &self.hosts).map(|host| {
            (
                &message[host.clone()],
                stands_alone(message, &groups, &host),
            )
        });
        Some(Found {
            host,
            user,
            session,
        })
    }

    /// What is left of `message` behind its first match; all of it if there is none.
    pub fn cut<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        let end = self.engine.end(message);
        end.map_or(message, |end| &message[end..])
    }
}

/// What is wrong with the syntax of `text` as a pattern, in one line.
#[must_use]
pub fn syntax_error(text: &str) -> Option<String> {
    read(text).err()
}

/// Parses `text`, with its placeholders replaced.
fn read(text: &str) -> Result<(Expanded, Hir), String> {
    if text.trim().is_empty() {
        return Err(
            "the pattern is empty and would match every line: write what the line must contain"
                .to_owned(),
        );
    }
    if text.len() > TEXT_LIMIT {
        return Err(format!(
            "the pattern has {} bytes, {TEXT_LIMIT} are allowed: split it into several",
            text.len()
        ));
    }
    let expanded = expand(text).map_err(|error| at(error.offset, &error.message))?;
    let hir = parser()
        .parse(&expanded.text)
        .map_err(|error| describe(&error, &expanded))?;
    Ok((expanded, hir))
}

fn first(found: &Groups, groups: &[usize]) -> Option<std::ops::Range<usize>> {
    groups.iter().find_map(|&group| found.get(group))
}

/// Whether the host is more than a piece of a longer name. Only what the pattern itself did not
/// look at is asked: `<ADDR>\.\d+` may well want `192.0.2.1.22`.
fn stands_alone(message: &[u8], groups: &Groups, host: &std::ops::Range<usize>) -> bool {
    let whole = groups.get(0).unwrap_or_default();
    let joins = |joint: Option<&u8>, beyond: Option<&u8>| {
        matches!(joint, Some(b'.' | b'-')) && beyond.is_some_and(u8::is_ascii_alphanumeric)
    };
    let before = |back: usize| host.start.checked_sub(back).and_then(|at| message.get(at));
    let begins = whole.start < host.start || !joins(before(1), before(2));
    let ends = host.end < whole.end || !joins(message.get(host.end), message.get(host.end + 1));
    begins && ends
}

fn parser() -> Parser {
    ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .nest_limit(NEST_LIMIT)
        .build()
}

fn at(offset: usize, message: &str) -> String {
    format!("at offset {offset}: {message}")
}

fn describe(error: &regex_syntax::Error, expanded: &Expanded) -> String {
    let (offset, what, hint) = match error {
        regex_syntax::Error::Parse(error) => (
            error.span().start.offset,
            error.kind().to_string(),
            hint(error.kind()),
        ),
        regex_syntax::Error::Translate(error) => (
            error.span().start.offset,
            error.kind().to_string(),
            "patterns are over bytes: write ASCII classes",
        ),
        other => {
            return format!(
                "the pattern cannot be read: {}",
                other.to_string().replace('\n', " ")
            );
        }
    };
    at(expanded.origin(offset), &format!("{what}: {hint}"))
}

/// What would be right.
fn hint(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnsupportedLookAround => {
            "patterns run in linear time: write what must stand there instead, or an ignoreregex"
        }
        ErrorKind::UnsupportedBackreference => "patterns run in linear time: write the text out",
        ErrorKind::GroupUnclosed => "write \")\" where it ends, or \"\\(\" for the character",
        ErrorKind::GroupUnopened => "write \"(\" where it begins, or \"\\)\" for the character",
        ErrorKind::ClassUnclosed => "write \"]\" where it ends, or \"\\[\" for the character",
        ErrorKind::RepetitionMissing => {
            "write what is repeated before it, or a \"\\\" for the character"
        }
        ErrorKind::EscapeUnrecognized => "a letter behind \"\\\" has a meaning: write it without",
        ErrorKind::NestLimitExceeded(_) => "write it with fewer groups within groups",
        _ => "the syntax is that of https://docs.rs/regex/#syntax",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(pattern: &str, message: &str) -> Option<String> {
        let pattern = Pattern::new(pattern).expect("a pattern");
        let found = pattern.find(message.as_bytes())?;
        found.host().map(|host| match host {
            Host::Addr(addr) => addr.to_string(),
            Host::Name(name) => format!("name {name}"),
        })
    }

    #[test]
    fn addresses_are_taken_whole_or_not_at_all() {
        for (pattern, message, expected) in [
            ("from <ADDR>", "from 192.0.2.1 port 22", Some("192.0.2.1")),
            ("from <ADDR>", "from 192.0.2.1:22", Some("192.0.2.1")),
            ("from <ADDR>", "from 192.0.2.1.", Some("192.0.2.1")),
            (
                "from <ADDR>",
                "from 192.0.2.1.example.com",
                Some("name 192.0.2.1"),
            ),
            ("from <ADDR>", "from 192.0.2.1234", None),
            ("from <ADDR>", "from 192.030.0.6", Some("name 192.030.0.6")),
            ("<ADDR> asks", "10.192.0.2.1 asks", Some("name 192.0.2.1")),
            (
                "from <ADDR>: ",
                "from 2001:db8::1: bye",
                Some("2001:db8::1"),
            ),
            ("from <ADDR>", "from 2001:db8::1: bye", Some("2001:db8::1")),
            ("from <ADDR>", "from 2001:db8:: ", Some("2001:db8::")),
            ("from <ADDR>", "from ::ffff:192.0.2.1", Some("192.0.2.1")),
            ("from <ADDR>", "from [2001:db8::1]:22", Some("2001:db8::1")),
            ("from <ADDR>", "from fe80::1%eth0 ", Some("fe80::1")),
            (
                "from <HOST>$",
                "from 192.0.2.1.example.com",
                Some("name 192.0.2.1.example.com"),
            ),
            ("from <HOST>$", "from [2001:db8::1]", Some("2001:db8::1")),
            ("from <HOST> ", "from 192.0.2.1 ", Some("192.0.2.1")),
            ("from <IP4>", "from 2001:db8::1", None),
            ("from <IP6>", "from 192.0.2.1", None),
            ("from <CIDR>$", "from 192.0.2.0/24", Some("192.0.2.0")),
            ("(?:a <ADDR>|b <ADDR>)$", "b 192.0.2.2", Some("192.0.2.2")),
            // A careless pattern finds nobody rather than somebody else.
            (".*<ADDR>", "from 192.0.2.10", Some("192.0.2.10")),
            (".*<ADDR>", "from 2001:db8::10", Some("name :10")),
        ] {
            assert_eq!(
                host(pattern, message).as_deref(),
                expected,
                "{pattern} on {message}"
            );
        }
    }

    #[test]
    fn a_message_is_one_haystack_newlines_included() {
        let pattern = "^Invalid user <F-USER>.*</F-USER> from <ADDR>$";
        let message = "Invalid user a\nInvalid user b from 198.51.100.7\n from 192.0.2.1";
        assert_eq!(host(pattern, message).as_deref(), Some("192.0.2.1"));
        assert_eq!(host(pattern, "Invalid user a from 192.0.2.1\nx"), None);
        assert_eq!(host(pattern, "x\nInvalid user a from 192.0.2.1"), None);
    }

    #[test]
    fn bad_patterns_say_where_and_what_would_be_right() {
        for (pattern, place, part) in [
            ("a <HOTS>", "offset 2", "<HOST>"),
            ("<ADDR> (x", "offset 7", "unclosed group"),
            ("<ADDR> x)", "offset 8", "write \"(\""),
            ("(?!x)<ADDR>", "offset 0", "linear time"),
            (r"(a)\1", "offset 3", "linear time"),
            ("*<ADDR>", "offset 0", "repeated"),
            ("[é]<ADDR>", "offset 1", "ASCII"),
            (" ", "", "empty"),
            (&"x".repeat(TEXT_LIMIT + 1), "", "split"),
            ("(?:.{1000}){1000}", "", "smaller counts"),
        ] {
            let error = Pattern::new(pattern).expect_err(pattern);
            assert!(error.contains(place) && error.contains(part), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

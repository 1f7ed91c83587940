//! One compiled rule: whether it matches an entry, and what it takes from it.

use crate::filter::Host;
use crate::filter::fields::View;
use crate::filter::pattern::{Found, Pattern};
use crate::filter::spec::{Condition, RuleKind, Selector};

/// The longest user name that is kept, in bytes; it is stored with the connection.
const USER_LIMIT: usize = 256;

/// The longest name of a connection, in bytes: process ids and the hashes and UUIDs that services
/// log are shorter.
const CONNECTION_LIMIT: usize = 128;

/// A rule as it runs.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its place in the filter's file, from 1.
    pub number: usize,
    pub kind: RuleKind,
    pub patterns: Vec<Pattern>,
    /// The place of the first among the patterns of all rules.
    pub first_pattern: usize,
    pub conditions: Vec<Condition>,
    pub host: Option<Selector>,
    pub user: Option<Selector>,
    pub weight: u32,
    pub merge: bool,
}

/// A match of a rule.
#[derive(Clone, Debug)]
pub(super) struct Hit<'r> {
    pub rule: &'r Rule,
    pub host: Option<Host>,
    pub user: Option<Box<str>>,
    /// What the line calls its connection.
    pub session: Option<Box<[u8]>>,
}

impl Rule {
    /// The first match in which `accept` finds what it wants, of those of its patterns that may
    /// match: `possible` tells, asked with the place among the patterns of all rules.
    pub fn hits<'r>(
        &'r self,
        view: &View<'_>,
        possible: impl Fn(usize) -> bool,
        mut accept: impl FnMut(&Hit<'r>) -> bool,
    ) -> Option<Hit<'r>> {
        if !self
            .conditions
            .iter()
            .all(|condition| view.holds(condition))
        {
            return None;
        }
        let mut taken = |found: Found<'_>| {
            let hit = self.hit(&found, view);
            accept(&hit).then_some(hit)
        };
        if self.patterns.is_empty() {
            let nothing = Found {
                host: None,
                user: None,
                session: None,
            };
            return taken(nothing);
        }
        self.patterns
            .iter()
            .zip(self.first_pattern..)
            .filter(|(_, at)| possible(*at))
            .filter_map(|(pattern, _)| pattern.find(view.message))
            .find_map(taken)
    }

    fn hit(&self, found: &Found<'_>, view: &View<'_>) -> Hit<'_> {
        let selected = |selector: &Option<Selector>| view.value(selector.as_ref()?);
        let host = match selected(&self.host) {
            Some(text) => Some(Host::read(&text)),
            None => found.host(),
        };
        let user = match selected(&self.user) {
            Some(text) => Some(user_name(&text)),
            None => found.user.map(user_name),
        };
        let session = found.session.filter(|key| names_connection(key));
        Hit {
            rule: self,
            host,
            user,
            session: session.map(Box::from),
        }
    }
}

/// Whether `key` may name a connection: one that is cut might be another's.
pub(super) fn names_connection(key: &[u8]) -> bool {
    (1..=CONNECTION_LIMIT).contains(&key.len())
}

fn user_name(text: &[u8]) -> Box<str> {
    String::from_utf8_lossy(&text[..text.len().min(USER_LIMIT)]).into()
}

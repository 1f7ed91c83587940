//! From an entry to failures: which jails look at it, what their rules make of it.
//!
//! Pure: no I/O, no clock. [`spec`] says what a filter file may hold, [`Filter`] is one compiled
//! for a mode, [`Matcher`] runs all jails of one source over its entries: dispatch by field, then
//! the rules, then what the connection is known to be.
//!
//! A `MESSAGE` is one haystack from its first to its last byte, newlines included: `.` matches
//! every byte, `^` and `$` only the real ends. So a newline that an attacker puts into a name
//! neither hides the line (a `.*` that stops there) nor forges another one (a `^` that begins
//! again). Colours, and blanks at the end of a message, are cut out before patterns see it, and what a
//! syslog daemon made one message of is counted as often as it was logged.

mod closest;
mod compile;
mod dispatch;
mod fields;
mod host;
mod json;
mod lint;
mod logfmt;
mod matcher;
mod message;
mod outcome;
mod pattern;
mod placeholder;
mod rule;
mod sample;
mod session;
mod sessions;
mod shared;
pub mod spec;
#[cfg(test)]
mod tests;

pub use closest::{Closest, NearMiss};
pub use compile::{Filter, RuleError};
pub use host::Host;
pub use lint::lint;
pub use matcher::{Counters, Matcher, MatcherJail};
pub use outcome::{Login, Outcome, Verdict};
pub use pattern::syntax_error;
pub use sample::{check_samples, replay, untried_rules};

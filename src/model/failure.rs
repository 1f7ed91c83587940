//! A failed attempt that counts against an address.

use std::net::IpAddr;

use crate::model::{JailName, Time};

/// The longest piece of a log line that is kept as evidence, in bytes.
pub const EVIDENCE_LIMIT: usize = 512;

/// One failed attempt, as a filter recognised it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The jail that it counts in.
    pub jail: JailName,
    /// When it happened, by the log.
    pub time: Time,
    /// Who did it, canonical.
    pub addr: IpAddr,
    /// The user name that was tried, as far as the log tells; attacker's text.
    pub user: Option<Box<str>>,
    /// How much it counts; 1 unless the rule says otherwise.
    pub weight: u32,
    /// The line that shows it, cut to [`EVIDENCE_LIMIT`]; attacker's text.
    pub evidence: Box<str>,
    /// Whether the entry was [replayed](crate::model::Entry::replayed).
    pub replayed: bool,
}

//! What the daemon tells in its own log, with the fields and message ids that others filter by.
//!
//! The message ids are explained in `units/journalban.catalog`; a test holds the two together.

use tracing::{error, info, warn};

use crate::log::printable;
use crate::model::{Ban, Decision, Origin, Unban, UnbanCause, format_duration};

/// A prefix was banned.
pub const BAN: &str = "7b0d3c5e0f4c4a0b9a0b5a1f6a3d1e01";
/// A ban ended.
pub const UNBAN: &str = "7b0d3c5e0f4c4a0b9a0b5a1f6a3d1e02";
/// The configuration was not taken.
pub const CONFIGURATION: &str = "7b0d3c5e0f4c4a0b9a0b5a1f6a3d1e03";
/// Log entries are gone that nobody read.
pub const GAP: &str = "7b0d3c5e0f4c4a0b9a0b5a1f6a3d1e04";
/// Somebody else took bans away, and they are back.
pub const HEALED: &str = "7b0d3c5e0f4c4a0b9a0b5a1f6a3d1e05";

/// Logs one decision.
pub fn decision(decision: &Decision) {
    match decision {
        Decision::Ban(ban) => banned(ban),
        Decision::Unban(unban) => unbanned(unban),
    }
}

fn banned(ban: &Ban) {
    let how_long = match ban.until {
        Some(until) => format!("for {}", format_duration(until.since(ban.since))),
        None => "forever".to_owned(),
    };
    let why = match ban.origin {
        Origin::Log => format!("after {} failures, the last: {}", ban.failures, printable(&ban.reason)),
        Origin::Manual if ban.reason.is_empty() => "by hand".to_owned(),
        Origin::Manual => format!("by hand: {}", printable(&ban.reason)),
    };
    info!(
        MESSAGE_ID = BAN,
        JOURNALBAN_ACTION = "ban",
        JOURNALBAN_JAIL = %ban.jail,
        JOURNALBAN_ADDRESS = %ban.prefix,
        JOURNALBAN_FAILURES = ban.failures,
        JOURNALBAN_UNTIL = %ban.until.map_or_else(|| "forever".to_owned(), |until| until.to_string()),
        "{}: banned {} {how_long} {why}",
        ban.jail,
        ban.prefix,
    );
}

fn unbanned(unban: &Unban) {
    let why = match unban.cause {
        UnbanCause::Expired => "its bantime is over",
        UnbanCause::Manual => "by hand",
        UnbanCause::Ignored => "it is ignored now",
        UnbanCause::Removed => "the jail is no longer enabled",
    };
    info!(
        MESSAGE_ID = UNBAN,
        JOURNALBAN_ACTION = "unban",
        JOURNALBAN_JAIL = %unban.jail,
        JOURNALBAN_ADDRESS = %unban.prefix,
        JOURNALBAN_CAUSE = unban.cause.as_str(),
        "{}: unbanned {}: {why}",
        unban.jail,
        unban.prefix,
    );
}

/// Logs that entries are gone.
pub fn gap(source: &str, what: &str) {
    warn!(MESSAGE_ID = GAP, JOURNALBAN_SOURCE = source, "{source}: {what}");
}

/// Logs a mistake in the configuration.
pub fn problem(problem: &impl std::fmt::Display) {
    error!(MESSAGE_ID = CONFIGURATION, "{problem}");
}

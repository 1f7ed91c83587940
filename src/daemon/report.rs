//! What the daemon tells in its own log, with the fields and message ids that others filter by.
//!
//! The message ids are explained in `units/journalban.catalog`; a test holds the two together.

use tracing::{error, info, warn};

use crate::backend::Told;

use crate::model::{
    Ban, Decision, JailName, Opening, Origin, Unban, UnbanCause, format_duration, printable,
};

/// A prefix was banned.
pub const BAN: &str = "7f1e705c77ce4bfbb45921c0c41a83f8";
/// There were more decisions than are told one by one.
pub const MORE: &str = "45070016f8d1429887662dbd9c86a27c";
/// A ban ended.
pub const UNBAN: &str = "23d9b5559c6548cfbe77d968b642684f";
/// The configuration was not taken.
pub const CONFIGURATION: &str = "f7697aff985142bea60bfac67bc11264";
/// Log entries are gone that nobody read.
pub const GAP: &str = "3e0973f88d67431fb20ef3e08849ef3f";
/// Somebody else took bans away, and they are back.
pub const HEALED: &str = "3727f4483705455cb7f935db2228bb82";

/// A hook does not do its work.
pub const HOOK: &str = "655ea3555847442cb0b1463194c0947f";

/// Logs that a hook does not do its work.
pub fn hook(line: &str) {
    warn!(MESSAGE_ID = HOOK, "{line}");
}

/// Logs one decision.
pub fn decision(decision: &Decision) {
    match decision {
        Decision::Ban(ban) => banned(ban),
        Decision::Open(opening) => opened(opening),
        // Whoever asked for it has the answer.
        Decision::Pardon(_) => {}
        Decision::Unban(unban) => unbanned(unban),
    }
}

fn banned(ban: &Ban) {
    let how_long = match ban.until {
        Some(until) => format!("for {}", format_duration(until.since(ban.since))),
        None => "forever".to_owned(),
    };
    let why = match ban.origin {
        Origin::Log => format!(
            "after {} failures, the last: {}",
            ban.failures,
            printable(&ban.reason)
        ),
        Origin::Aggregate | Origin::Recidive | Origin::Adopted => printable(&ban.reason),
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
        UnbanCause::Replaced => "another ban took its place",
        UnbanCause::Displaced => {
            "there are more bans than the limit allows, and it was the next to end"
        }
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

fn opened(opening: &Opening) {
    let open = if opening.open.is_empty() {
        "nothing".to_owned()
    } else {
        let parts: Vec<String> = opening.open.iter().map(ToString::to_string).collect();
        parts.join(", ")
    };
    info!(
        JOURNALBAN_ACTION = "open",
        JOURNALBAN_JAIL = %opening.jail,
        JOURNALBAN_ADDRESS = %opening.prefix,
        JOURNALBAN_OPEN = open,
        "{}: of the banned {}, {open} is open now, as what is ignored has changed",
        opening.jail,
        opening.prefix,
    );
}

/// Decisions of one jail that are not told one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// Prefixes that were banned.
    pub bans: u64,
    /// Bans that ended.
    pub unbans: u64,
    /// Bans of which another part is open.
    pub opened: u64,
}

/// Logs how many decisions of a jail were not logged.
pub fn more(jail: &JailName, more: More) {
    let parts = [
        (more.bans, "bans"),
        (more.unbans, "unbans"),
        (more.opened, "changes of what stays open"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} more {what}"))
        .collect();
    info!(
        MESSAGE_ID = MORE,
        JOURNALBAN_ACTION = "more",
        JOURNALBAN_JAIL = %jail,
        JOURNALBAN_BANS = more.bans,
        JOURNALBAN_UNBANS = more.unbans,
        "{jail}: and {}; \"journalban history --jail {jail}\" has them",
        parts.join(", "),
    );
}

/// Logs that entries are gone.
pub fn gap(source: &str, what: &str) {
    warn!(
        MESSAGE_ID = GAP,
        JOURNALBAN_SOURCE = source,
        "{source}: {what}"
    );
}

/// Logs that a reload changed nothing.
pub fn not_reloaded(problems: usize) {
    error!(
        MESSAGE_ID = CONFIGURATION,
        "not reloaded: {problems} problems; the old configuration stays whole"
    );
}

/// Logs a mistake in the configuration.
pub fn problem(problem: &impl std::fmt::Display) {
    error!(MESSAGE_ID = CONFIGURATION, "{problem}");
}

/// Logs what the enforcer tells.
pub fn enforcer(told: &Told) {
    match told {
        Told::Healed {
            backend,
            error: None,
            how_many,
            after,
        } => warn!(
            MESSAGE_ID = HEALED,
            "{backend}: somebody else changed what is ours; all {how_many} bans were in force again after {after:.1?}"
        ),
        Told::Healed {
            error: Some(error),
            how_many,
            after,
            ..
        } => warn!(
            MESSAGE_ID = HEALED,
            "{error}; all {how_many} bans were put in force anew, after {after:.1?}"
        ),
        Told::Failed(error) => {
            error!("bans are not in force as they should be: {error}; trying again");
        }
        Told::Recovered => warn!("all bans are in force again"),
        Told::NotEnded(why) => {
            warn!("connections that were open before a ban may go on (end_connections): {why}");
        }
        Told::NotCleared(error) => {
            warn!("bans that are not wanted here any more may still be in force: {error}");
        }
    }
}

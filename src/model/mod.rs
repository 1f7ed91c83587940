//! The words everything else is written in: time, prefix, entry, journalmatch, failure, ban, name.
//!
//! Nothing here does I/O or reads a clock, and nothing here knows of filters, jails' policies or
//! backends. Addresses are canonical (`::ffff:a.b.c.d` is IPv4) from the moment they are parsed.

mod ban;
mod entry;
mod failure;
mod host_name;
mod journalmatch;
mod name;
mod prefix;
mod query;
mod text;
mod time;
mod totals;

pub use ban::{Ban, Bantime, Decision, Opening, Origin, Pardon, PastBan, Story, Unban, UnbanCause};
pub use entry::{Entry, FIELD_LIMIT, Position};
pub use failure::{EVIDENCE_LIMIT, Failure};
pub use host_name::{HostName, HostNameError};
pub use journalmatch::{JournalMatch, JournalMatchError};
pub use name::{JailName, NameError};
pub use prefix::{Prefix, PrefixError, PrefixLengths, canonical};
pub use query::{BanPlace, BanPlaceError, HistoryQuery, ListQuery};
pub use text::printable;
pub use time::{DurationError, Time, TimeError, format_duration, parse_duration};
pub use totals::Totals;

//! Where entries come from.
//!
//! A source runs on a thread of its own and sends batches to the daemon over a bounded channel;
//! the daemon answers nothing, so that queues form no cycle.
//!
//! [`journal`] reads journald, live; [`input`] reads what `journalban test` is given, to its end,
//! with [`mod@line`] for a text log's lines and [`export`] for those of `journalctl -o json`.

pub mod export;
pub mod input;
pub mod journal;
pub mod line;
mod stamp;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::model::{Entry, JournalMatch, Position, Time};

/// Which log is read. Its text form is the key under which its position is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceSpec {
    /// The machine's own journal.
    #[default]
    Journal,
    /// The journal of a namespace (`LogNamespace=`, systemd.exec(5)).
    Namespace(String),
    /// All journal files below a directory.
    Directory(PathBuf),
    /// Single journal files.
    Files(Vec<PathBuf>),
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal => f.write_str("journal"),
            Self::Namespace(name) => write!(f, "journal namespace {name}"),
            Self::Directory(path) => write!(f, "journal directory {}", path.display()),
            Self::Files(paths) => {
                f.write_str("journal files")?;
                paths
                    .iter()
                    .try_for_each(|path| write!(f, " {}", path.display()))
            }
        }
    }
}

/// What is wanted of a source: entries that match, and of those, these fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// An entry is wanted if one of these matches it. Empty: every entry.
    pub matches: Vec<JournalMatch>,
    /// The fields that are read (beside those that `matches` look at). Empty: all.
    pub fields: BTreeSet<String>,
}

/// Where reading begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// How far to go back; entries up to `position` come out as
    /// [replayed](crate::model::Entry::replayed).
    pub since: Time,
    /// Up to where entries were handled before; `None`: none were, nothing is marked as replayed.
    pub position: Option<Position>,
}

/// What a source tells.
#[derive(Debug)]
pub enum Event {
    /// Entries, in the order of the log.
    Entries(Batch),
    /// All that had been written before the start is out; from here on it is live.
    CaughtUp,
    /// Entries after the stored position are gone (vacuumed, rotated away): a sentence that says
    /// from when to when.
    Gap(String),
    /// Reading failed; it is tried again. A sentence that says what was being done.
    Failed(String),
}

/// Entries that were read together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The wanted ones, in order.
    pub entries: Vec<Entry>,
    /// Where the source stands behind the last entry that it looked at, wanted or not; `None` while
    /// that is still behind the stored position.
    pub position: Option<Position>,
    /// How many field values were cut to [`FIELD_LIMIT`](crate::model::FIELD_LIMIT).
    pub truncated: u64,
}

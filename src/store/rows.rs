//! Bans as rows of the state file.
//!
//! What is read is checked value by value: a row that makes no sense (of a newer version, or edited
//! by hand) is `None`, and costs itself only.

use rusqlite::Row;
use rusqlite::types::{FromSql, ValueRef};

use crate::model::{Ban, JailName, Origin, PastBan, Prefix, Story, Time, UnbanCause};

/// The longest text of lines that is kept with a ban, in bytes; of more, the newest.
const LINES_LIMIT: usize = 16 * 1024;

/// The columns that [`Columns::ban`] reads. For a whole ban, `reason` and `lines` follow.
pub(super) const BAN: &str = "jail, prefix, since, until, origin, offence, failures, open";
/// What an ended ban has besides.
pub(super) const END: &str = "ended, cause";

/// Reads rows, one after the other. Remembers the last jail's name, which most rows share.
#[derive(Default)]
pub(super) struct Columns {
    jail: Option<JailName>,
}

impl Columns {
    /// Jail and prefix, which are the columns `at` and the one behind.
    pub fn key(&mut self, row: &Row<'_>, at: usize) -> Option<(JailName, Prefix)> {
        let jail = text(row, at)?;
        let prefix = text(row, at + 1)?.parse().ok()?;
        Some((self.jail(jail)?, prefix))
    }

    fn jail(&mut self, name: &str) -> Option<JailName> {
        if let Some(last) = &self.jail
            && last.as_str() == name
        {
            return Some(last.clone());
        }
        self.jail = JailName::new(name).ok();
        self.jail.clone()
    }

    /// A ban of the columns [`BAN`], from `at`, without its story.
    pub fn ban(&mut self, row: &Row<'_>, at: usize) -> Option<Ban> {
        let (jail, prefix) = self.key(row, at)?;
        Some(Ban {
            jail,
            prefix,
            since: time(row, at + 2)?,
            until: optional(row, at + 3, time).ok()?,
            origin: origin(row, at + 4)?,
            offence: value(row, at + 5)?,
            failures: value(row, at + 6)?,
            open: open(row, at + 7)?,
            reason: Box::default(),
            lines: Box::default(),
        })
    }

    /// A ban of the columns [`BAN`], `reason` and `lines`, from `at`.
    pub fn whole_ban(&mut self, row: &Row<'_>, at: usize) -> Option<Ban> {
        let ban = self.ban(row, at)?;
        Some(Ban {
            reason: text(row, at + 8)?.into(),
            lines: list(row, at + 9)?,
            ..ban
        })
    }

    /// A ban of the columns [`BAN`], `reason`, `lines` and [`END`], from `at`.
    pub fn story(&mut self, row: &Row<'_>, at: usize) -> Option<Story> {
        Some(Story {
            ban: self.whole_ban(row, at)?,
            ended: optional(row, at + 10, time).ok()?,
            cause: optional(row, at + 11, cause).ok()?,
        })
    }

    /// What is remembered of a ban of the columns [`BAN`] and [`END`].
    pub fn past(&mut self, row: &Row<'_>) -> Option<PastBan> {
        let (jail, prefix) = self.key(row, 0)?;
        Some(PastBan {
            jail,
            prefix,
            since: time(row, 2)?,
            until: optional(row, 3, time).ok()?,
            ended: optional(row, 8, time).ok()?,
            offence: value(row, 5)?,
            origin: origin(row, 4)?,
            forgiven: optional(row, 9, cause).ok()? == Some(UnbanCause::Manual),
        })
    }
}

fn value<T: FromSql>(row: &Row<'_>, at: usize) -> Option<T> {
    row.get(at).ok()
}

fn text<'a>(row: &'a Row<'_>, at: usize) -> Option<&'a str> {
    row.get_ref(at).ok()?.as_str().ok()
}

pub(super) fn time(row: &Row<'_>, at: usize) -> Option<Time> {
    u64::try_from(value::<i64>(row, at)?)
        .ok()
        .map(Time::from_micros)
}

fn is_null(row: &Row<'_>, at: usize) -> bool {
    matches!(row.get_ref(at), Ok(ValueRef::Null))
}

/// A value that is there and makes no sense.
struct NoSense;

/// A value that may be NULL.
fn optional<T>(
    row: &Row<'_>,
    at: usize,
    read: impl FnOnce(&Row<'_>, usize) -> Option<T>,
) -> Result<Option<T>, NoSense> {
    if is_null(row, at) {
        return Ok(None);
    }
    read(row, at).map(Some).ok_or(NoSense)
}

fn origin(row: &Row<'_>, at: usize) -> Option<Origin> {
    let word = text(row, at)?;
    Origin::ALL.into_iter().find(|it| it.as_str() == word)
}

fn cause(row: &Row<'_>, at: usize) -> Option<UnbanCause> {
    let word = text(row, at)?;
    UnbanCause::ALL.into_iter().find(|it| it.as_str() == word)
}

fn list(row: &Row<'_>, at: usize) -> Option<Box<[Box<str>]>> {
    if is_null(row, at) {
        return Some(Box::default());
    }
    serde_json::from_str(text(row, at)?).ok()
}

fn open(row: &Row<'_>, at: usize) -> Option<Box<[Prefix]>> {
    if is_null(row, at) {
        return Some(Box::default());
    }
    serde_json::from_str(text(row, at)?).ok()
}

/// What stays open of a ban, as its column has it.
pub(super) fn open_column(open: &[Prefix]) -> Option<String> {
    // Texts always become JSON.
    (!open.is_empty())
        .then(|| serde_json::to_string(open).ok())
        .flatten()
}

/// The lines of a ban, as their column has them.
pub(super) fn lines_column(lines: &[Box<str>]) -> Option<String> {
    let mut room = LINES_LIMIT;
    let kept = lines
        .iter()
        .rev()
        .take_while(|line| {
            let fits = line.len() <= room;
            room = room.saturating_sub(line.len());
            fits
        })
        .count();
    let kept = &lines[lines.len() - kept..];
    (!kept.is_empty())
        .then(|| serde_json::to_string(kept).ok())
        .flatten()
}

pub(super) fn sql_time(time: Time) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

//! What clients ask of the state file: read through a connection of their own, on a thread of their
//! own, while the daemon goes on writing (WAL).
//!
//! Everything comes in pages, and between two of them nothing of the file is held, so that a slow
//! client neither needs memory nor keeps the write-ahead log from being emptied. What ends while it
//! is read may therefore be missing.

use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, params};

use super::rows::{BAN, Columns, END, sql_time};
use crate::model::{Ban, HistoryQuery, JailName, ListQuery, Story};

/// A read-only connection to a state file.
pub struct Reader {
    db: Connection,
}

impl Reader {
    /// Opens the state file at `path`, which a [`Store`](super::Store) has open.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)
            .with_context(|| format!("opening the state file {}", path.display()))?;
        Ok(Self { db })
    }

    /// Hands the bans in force that `wanted` names to `each`, at most `page` at a time, until it
    /// answers false: by jail, since and prefix. What makes no sense is left out.
    pub fn list(
        &self,
        wanted: &ListQuery,
        page: usize,
        mut each: impl FnMut(Vec<Ban>) -> bool,
    ) -> Result<()> {
        let ids = self.listed(wanted).context("listing bans")?;
        for ids in ids.chunks(page) {
            let bans = self.bans(ids, false)?;
            if !bans.is_empty() && !each(bans) {
                break;
            }
        }
        Ok(())
    }

    /// The rows of all bans that are to be listed, in order: 8 bytes for each.
    fn listed(&self, wanted: &ListQuery) -> Result<Vec<i64>, rusqlite::Error> {
        let after = wanted.after.as_ref();
        let mut query = self.db.prepare(
            "SELECT id FROM ban WHERE (?1 IS NULL OR jail = ?1) \
             AND (?2 IS NULL OR (jail, since, prefix) > (?2, ?3, ?4)) \
             ORDER BY jail, since, prefix LIMIT ?5",
        )?;
        let ids = query.query_map(
            params![
                wanted.jail.as_ref().map(JailName::as_str),
                after.map(|place| place.jail.as_str()),
                after.map(|place| sql_time(place.since)),
                after.map(|place| place.prefix.to_string()),
                // SQLite takes a negative limit for none.
                wanted
                    .limit
                    .map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)),
            ],
            |row| row.get(0),
        )?;
        ids.collect()
    }

    /// The bans in these rows, as far as they are still there; the lines that led to them only if
    /// `lines` says so.
    pub fn bans(&self, ids: &[i64], lines: bool) -> Result<Vec<Ban>> {
        let lines = if lines { "lines" } else { "NULL" };
        let read = || -> Result<Vec<Ban>, rusqlite::Error> {
            let mut query = self.db.prepare_cached(&format!(
                "SELECT {BAN}, reason, {lines} FROM ban WHERE id = ?1"
            ))?;
            let mut columns = Columns::default();
            let mut bans = Vec::with_capacity(ids.len());
            // One snapshot for all of them.
            let snapshot = self.db.unchecked_transaction()?;
            for id in ids {
                let mut rows = query.query([id])?;
                bans.extend(rows.next()?.and_then(|row| columns.whole_ban(row, 0)));
            }
            snapshot.finish()?;
            Ok(bans)
        };
        read().context("reading bans")
    }

    /// Hands the bans that `wanted` names to `each`, at most `page` at a time, until it answers
    /// false: those in force, the newest first, and then those that ended, the last one first.
    pub fn history(
        &self,
        wanted: &HistoryQuery,
        page: usize,
        mut each: impl FnMut(Vec<Story>) -> bool,
    ) -> Result<()> {
        let mut told = 0;
        let mut stopped = false;
        let lines = wanted.lines();
        let in_force =
            format!("SELECT id, {BAN}, reason, {lines}, NULL, NULL FROM ban WHERE since > ?3");
        self.stories(&in_force, i64::MIN, wanted, page, |stories| {
            told += stories.len() as u64;
            stopped = !each(stories);
            !stopped
        })?;
        let rest = HistoryQuery {
            limit: wanted.limit.map(|limit| limit.saturating_sub(told)),
            ..wanted.clone()
        };
        if stopped {
            return Ok(());
        }
        self.ended(&rest, page, each)
    }

    /// As [`history`](Self::history), but for bans in force.
    pub fn ended(
        &self,
        wanted: &HistoryQuery,
        page: usize,
        each: impl FnMut(Vec<Story>) -> bool,
    ) -> Result<()> {
        let lines = wanted.lines();
        let ended =
            format!("SELECT id, {BAN}, reason, {lines}, {END} FROM history WHERE ended > ?3");
        // The id of what ended is never before the end.
        self.stories(&ended, wanted.after(), wanted, page, each)
    }

    /// Hands on what `select` finds, from the highest id down to `floor`.
    fn stories(
        &self,
        select: &str,
        floor: i64,
        wanted: &HistoryQuery,
        page: usize,
        mut each: impl FnMut(Vec<Story>) -> bool,
    ) -> Result<()> {
        let sql = format!(
            "{select} AND id < ?1 AND id > ?2 AND (?4 IS NULL OR jail = ?4) \
             ORDER BY id DESC LIMIT {SCANNED}"
        );
        let mut left = wanted.limit.unwrap_or(u64::MAX);
        let mut below = Some(i64::MAX);
        while let (Some(id), true) = (below, left > 0) {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(page);
            let found;
            (found, below) = self
                .scan(&sql, id, floor, wanted, most)
                .context("reading the history of bans")?;
            left -= found.len() as u64;
            if !found.is_empty() && !each(found) {
                break;
            }
        }
        Ok(())
    }

    /// Looks at some rows; the answer is those that are wanted, and below which to go on.
    fn scan(
        &self,
        sql: &str,
        below: i64,
        floor: i64,
        wanted: &HistoryQuery,
        most: usize,
    ) -> Result<(Vec<Story>, Option<i64>), rusqlite::Error> {
        let mut columns = Columns::default();
        let jail = wanted.jail.as_ref().map(JailName::as_str);
        let mut query = self.db.prepare_cached(sql)?;
        let mut rows = query.query(params![below, floor, wanted.after(), jail])?;
        let (mut found, mut seen) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            seen += 1;
            let id = row.get(0)?;
            let near = columns.key(row, 1).is_some_and(|(_, prefix)| {
                wanted.prefix.is_none_or(|asked| asked.overlaps(prefix))
            });
            if near {
                found.extend(columns.story(row, 1));
            }
            if found.len() == most || seen == SCANNED {
                return Ok((found, Some(id)));
            }
        }
        Ok((found, None))
    }
}

/// How many rows of the history are looked at in one piece.
const SCANNED: usize = 4000;

impl HistoryQuery {
    /// The column of lines, which so many are too many of to be told.
    fn lines(&self) -> &'static str {
        if self.prefix.is_some() {
            "lines"
        } else {
            "NULL"
        }
    }

    fn after(&self) -> i64 {
        self.since.map_or(i64::MIN, sql_time)
    }
}

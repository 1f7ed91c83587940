//! What must survive a restart: bans, their history, totals, positions.
//!
//! One SQLite file in WAL mode with `synchronous=NORMAL`: consistent after a crash, and at most the
//! last commits are lost in a power cut, which the replay of the journal makes good. An
//! administrator can open it with `sqlite3` (`SELECT * FROM bans_in_force`). A position is written in
//! the same transaction as the decisions of the entries before it, so that it is never ahead of them.
//!
//! [`Store`] is the daemon's and writes; a [`Reader`] answers clients beside it. `schema` says how
//! the file looks and why, `write` what a decision changes in it.

mod file;
mod places;
mod reader;
mod restore;
mod rows;
mod schema;
mod write;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Decision, JailName, Position, Prefix, Time, Totals};
use rows::sql_time;
use write::Rows;

pub use reader::Reader;
pub use restore::{InForce, Restored};

/// The largest that the file grows by its history, in bytes: some million ended bans. Beyond it the
/// oldest ones go, whatever their age.
const SIZE_LIMIT: i64 = 1 << 30;

/// How many ended bans are forgotten in one piece, so that it takes milliseconds.
const PURGED_AT_ONCE: usize = 5000;

/// The state file.
pub struct Store {
    db: Connection,
    path: PathBuf,
    /// Unknown until the bans in force were read.
    rows: Option<Rows>,
    size_limit: i64,
    /// Whether SQLite has said that the file is damaged: the next start then looks at all of it.
    damaged: Cell<bool>,
    /// Locked as long as this daemon lives, so that no second one works on the same state.
    _lock: File,
}

/// What belongs together: decisions, and how far the log was read when they were made.
#[derive(Debug, Default)]
pub struct Commit<'a> {
    /// What was decided.
    pub decisions: &'a [Decision],
    /// Where sources stand behind the entries that led to it.
    pub positions: &'a [(String, Position)],
    /// Totals as they are now.
    pub totals: &'a [(JailName, Totals)],
}

impl Store {
    /// Opens the state file in `directory`, and makes both if need be. A file that SQLite cannot
    /// read is moved aside (the answer's second part says where to), and a new one begun.
    pub fn open(directory: &Path) -> Result<(Self, Option<PathBuf>)> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("making the state directory {}", directory.display()))?;
        let lock = file::lock(directory)?;
        let path = directory.join("state.db");
        let (db, aside) = match file::open(&path) {
            Ok(db) => (db, None),
            Err(error) if is_damage(&error) => {
                let aside = file::move_aside(&path)
                    .with_context(|| format!("moving the damaged {} aside", path.display()))?;
                (file::open(&path)?, Some(aside))
            }
            Err(error) => return Err(error),
        };
        let store = Self {
            db,
            path,
            rows: None,
            size_limit: SIZE_LIMIT,
            damaged: Cell::new(false),
            _lock: lock,
        };
        Ok((store, aside))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nothing was ever committed to this file: there was none before, or none that could
    /// be read.
    pub fn is_new(&self) -> Result<bool> {
        let tables = ["ban", "history", "totals", "position"];
        let none = tables.map(|table| format!("NOT EXISTS (SELECT 1 FROM {table})"));
        let sql = format!("SELECT {}", none.join(" AND "));
        self.checked(self.db.query_row(&sql, [], |row| row.get(0)))
            .with_context(|| format!("reading the state file {}", self.path.display()))
    }

    /// Writes what belongs together, all or nothing.
    pub fn commit(&mut self, commit: &Commit<'_>) -> Result<()> {
        if self.rows.is_none() {
            self.in_force().finish()?;
        }
        let mut rows = self.rows.take().unwrap_or_default();
        let written = self.checked(self.write(&mut rows, commit));
        match &written {
            Ok(()) => rows.committed(),
            Err(_) => rows.rolled_back(),
        }
        self.rows = Some(rows);
        written.with_context(|| format!("writing the state file {}", self.path.display()))
    }

    fn write(&self, rows: &mut Rows, commit: &Commit<'_>) -> Result<(), rusqlite::Error> {
        // Nobody else writes, and this is the only transaction: it cannot be nested.
        let transaction = self.db.unchecked_transaction()?;
        let mut ended = 0;
        for decision in commit.decisions {
            rows.decision(&transaction, decision)?;
            ended += usize::from(matches!(decision, Decision::Unban(_)));
        }
        // Faster than it grows, so that it comes down to the limit again.
        if ended > 0 && self.size()? > self.size_limit {
            forget_oldest(&transaction, i64::MAX, 2 * ended)?;
        }
        for (source, position) in commit.positions {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO position (source, mark) VALUES (?1, ?2)")?
                .execute(params![source, position.as_str()])?;
        }
        for (jail, totals) in commit.totals {
            let json = serde_json::to_string(totals)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO totals (jail, json) VALUES (?1, ?2)")?
                .execute(params![jail.as_str(), json])?;
        }
        transaction.commit()
    }

    /// What is in use of the file, in bytes.
    fn size(&self) -> Result<i64, rusqlite::Error> {
        self.db
            .prepare_cached(
                "SELECT (page_count - freelist_count) * page_size \
                 FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
            )?
            .query_row([], |row| row.get(0))
    }

    /// Forgets some of the bans that ended before `before`; true if there may be more of them. What
    /// is settled is not known any more then, so it must be longer ago than any findtime.
    pub fn purge(&mut self, before: Time) -> Result<bool> {
        let deleted = self
            .db
            .execute("DELETE FROM pardon WHERE time < ?1", [sql_time(before)])
            .and_then(|_| forget_oldest(&self.db, sql_time(before), PURGED_AT_ONCE));
        let deleted = self
            .checked(deleted)
            .with_context(|| format!("purging the state file {}", self.path.display()))?;
        Ok(deleted == PURGED_AT_ONCE)
    }

    /// Where `source` stood at the last commit.
    pub fn position(&self, source: &str) -> Result<Option<Position>> {
        let mark = self
            .db
            .query_row(
                "SELECT mark FROM position WHERE source = ?1",
                [source],
                |row| row.get::<_, String>(0),
            )
            .optional();
        self.checked(mark)
            .map(|mark| mark.map(|mark| Position::new(&mark)))
            .with_context(|| {
                format!(
                    "reading the position of {source} in {}",
                    self.path.display()
                )
            })
    }

    /// The rows in which the ban of `prefix` on behalf of `jail` may be, for
    /// [`Reader::bans`]; there may be a wrong one among them.
    #[must_use]
    pub fn rows_of(&self, jail: &JailName, prefix: Prefix) -> Vec<i64> {
        let places = self.rows.as_ref().map(|rows| &rows.places);
        places.map_or_else(Vec::new, |places| places.of(places.key(jail, prefix)))
    }

    /// Remembers it if the file turns out to be damaged.
    fn checked<T>(&self, outcome: Result<T, rusqlite::Error>) -> Result<T, rusqlite::Error> {
        if outcome.as_ref().is_err_and(file::damage) {
            self.damaged.set(true);
        }
        outcome
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if !self.damaged.get() {
            // Otherwise the next start takes a little longer.
            let _ = schema::set_closed_cleanly(&self.db, true);
        }
    }
}

/// Deletes at most `most` ended bans, the first ones to end before `before`; how many it were.
fn forget_oldest(db: &Connection, before: i64, most: usize) -> Result<usize, rusqlite::Error> {
    db.prepare_cached(
        "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE id < ?1 ORDER BY id LIMIT ?2)",
    )?
    .execute(params![before, i64::try_from(most).unwrap_or(i64::MAX)])
}

/// Whether an error says that the file is damaged: the next [`Store::open`] moves it aside.
#[must_use]
pub fn is_damage(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<rusqlite::Error>()
        .is_some_and(file::damage)
}

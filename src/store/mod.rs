//! What must survive a restart: bans, when prefixes were last settled, totals, positions.
//!
//! One SQLite file in WAL mode with `synchronous=NORMAL`: consistent after a crash, and at most the
//! last commits are lost in a power cut, which the replay of the journal makes good. An
//! administrator can open it with `sqlite3`. A position is written in the same transaction as the
//! decisions of the entries before it, so that it is never ahead of them.

mod rows;

#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Ban, Decision, JailName, Position, Prefix, Time, Totals};
use rows::{end_ban, insert_ban, read_ban, read_time, sql_time};

/// What `PRAGMA user_version` says of a file that this program wrote.
const SCHEMA_VERSION: u32 = 1;

/// Times are microseconds since 1970; `until` NULL is forever, `ended` NULL is still in force.
const SCHEMA: &str = "
CREATE TABLE ban (
    jail     TEXT NOT NULL,
    prefix   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    failures INTEGER NOT NULL,
    origin   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    ended    INTEGER,
    cause    TEXT
) STRICT;
CREATE UNIQUE INDEX ban_in_force ON ban (jail, prefix) WHERE ended IS NULL;
CREATE INDEX ban_ended ON ban (ended) WHERE ended IS NOT NULL;
CREATE TABLE settled (
    jail   TEXT NOT NULL,
    prefix TEXT NOT NULL,
    time   INTEGER NOT NULL,
    PRIMARY KEY (jail, prefix)
) STRICT, WITHOUT ROWID;
CREATE TABLE totals (
    jail TEXT PRIMARY KEY,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE position (
    source TEXT PRIMARY KEY,
    mark   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// The state file.
pub struct Store {
    db: Connection,
    path: PathBuf,
    /// Locked as long as this daemon lives, so that no second one works on the same state.
    _lock: File,
}

/// What was in a state file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Bans in force, those that ran out meanwhile included.
    pub bans: Vec<Ban>,
    /// Up to when failures of a prefix are settled.
    pub settled: Vec<(JailName, Prefix, Time)>,
    /// Totals of each jail.
    pub totals: Vec<(JailName, Totals)>,
    /// Rows that could not be read (of a newer version, or edited by hand) and are left alone.
    pub unreadable: usize,
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
        let lock = lock(directory)?;
        let path = directory.join("state.db");
        let (db, aside) = match open_file(&path) {
            Ok(db) => (db, None),
            Err(error) if is_damage(&error) => {
                let aside = directory.join("state.db.damaged");
                std::fs::rename(&path, &aside)
                    .with_context(|| format!("moving damaged {} aside", path.display()))?;
                for suffix in ["-wal", "-shm"] {
                    // They belong to the damaged file and may not exist.
                    let _ = std::fs::remove_file(directory.join(format!("state.db{suffix}")));
                }
                (open_file(&path)?, Some(aside))
            }
            Err(error) => return Err(error),
        };
        Ok((
            Self {
                db,
                path,
                _lock: lock,
            },
            aside,
        ))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what belongs together, all or nothing.
    pub fn commit(&mut self, commit: &Commit<'_>) -> Result<()> {
        let path = &self.path;
        let db = &mut self.db;
        let mut write = || -> Result<(), rusqlite::Error> {
            let transaction = db.transaction()?;
            for decision in commit.decisions {
                match decision {
                    Decision::Ban(ban) => insert_ban(&transaction, ban)?,
                    // What is open follows from the configuration; it is not kept.
                    Decision::Open(_) => {}
                    Decision::Unban(unban) => end_ban(&transaction, unban)?,
                }
            }
            for (source, position) in commit.positions {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO position (source, mark) VALUES (?1, ?2)",
                    )?
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
        };
        write().with_context(|| format!("writing the state file {}", path.display()))
    }

    /// Forgets what no longer matters: failures settled before `settled`, and bans that ended
    /// before `ended`.
    pub fn purge(&mut self, settled: Time, ended: Time) -> Result<()> {
        let delete = || -> Result<(), rusqlite::Error> {
            self.db
                .execute("DELETE FROM settled WHERE time < ?1", [sql_time(settled)])?;
            self.db
                .execute("DELETE FROM ban WHERE ended < ?1", [sql_time(ended)])?;
            Ok(())
        };
        delete().with_context(|| format!("purging the state file {}", self.path.display()))
    }

    /// What the file holds.
    pub fn restore(&self) -> Result<Restored> {
        let path = &self.path;
        let read = || -> Result<Restored, rusqlite::Error> {
            let mut restored = Restored::default();
            let mut query = self.db.prepare(
                "SELECT jail, prefix, since, until, failures, origin, reason FROM ban WHERE ended IS NULL",
            )?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                match read_ban(row)? {
                    Some(ban) => restored.bans.push(ban),
                    None => restored.unreadable += 1,
                }
            }
            let mut query = self.db.prepare("SELECT jail, prefix, time FROM settled")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let (jail, prefix): (String, String) = (row.get(0)?, row.get(1)?);
                match (JailName::new(&jail), prefix.parse(), row.get(2)?) {
                    (Ok(jail), Ok(prefix), time) => {
                        restored.settled.push((jail, prefix, read_time(time)));
                    }
                    _ => restored.unreadable += 1,
                }
            }
            let mut query = self.db.prepare("SELECT jail, json FROM totals")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let (jail, json): (String, String) = (row.get(0)?, row.get(1)?);
                match (JailName::new(&jail), serde_json::from_str(&json)) {
                    (Ok(jail), Ok(totals)) => restored.totals.push((jail, totals)),
                    _ => restored.unreadable += 1,
                }
            }
            Ok(restored)
        };
        read().with_context(|| format!("reading the state file {}", path.display()))
    }

    /// Where `source` stood at the last commit.
    pub fn position(&self, source: &str) -> Result<Option<Position>> {
        self.db
            .query_row(
                "SELECT mark FROM position WHERE source = ?1",
                [source],
                |row| row.get::<_, String>(0),
            )
            .optional()
            .map(|mark| mark.map(|mark| Position::new(&mark)))
            .with_context(|| {
                format!(
                    "reading the position of {source} in {}",
                    self.path.display()
                )
            })
    }

    /// Every ban in force with its story, by jail and prefix.
    pub fn bans(&self) -> Result<Vec<Ban>> {
        let read = || -> Result<Vec<Ban>, rusqlite::Error> {
            let mut query = self.db.prepare_cached(
                "SELECT jail, prefix, since, until, failures, origin, reason FROM ban \
                 WHERE ended IS NULL ORDER BY jail, since, prefix",
            )?;
            let mut rows = query.query([])?;
            let mut bans = Vec::new();
            while let Some(row) = rows.next()? {
                bans.extend(read_ban(row)?);
            }
            Ok(bans)
        };
        read().with_context(|| format!("reading the bans in {}", self.path.display()))
    }
}

fn open_file(path: &Path) -> Result<Connection> {
    let open = || -> Result<(Connection, u32), rusqlite::Error> {
        let mut db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        // A checkpoint on a slow disk must not come in the middle of every burst.
        db.pragma_update(None, "wal_autocheckpoint", 4000)?;
        let version =
            |db: &Connection| db.pragma_query_value(None, "user_version", |row| row.get(0));
        if version(&db)? == 0_u32 {
            let begun = db.transaction()?;
            begun.execute_batch(SCHEMA)?;
            begun.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            begun.commit()?;
        }
        let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(damaged(&verdict));
        }
        let version = version(&db)?;
        Ok((db, version))
    };
    let (db, version) =
        open().with_context(|| format!("opening the state file {}", path.display()))?;
    anyhow::ensure!(
        version == SCHEMA_VERSION,
        "{} was written by a newer journalban (version {version} of its form, {SCHEMA_VERSION} is known)",
        path.display()
    );
    Ok(db)
}

fn lock(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            anyhow::bail!(
                "another journalban works on {} already",
                directory.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

fn damaged(verdict: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(verdict.to_owned()),
    )
}

fn is_damage(error: &anyhow::Error) -> bool {
    let code = error
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    matches!(
        code,
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}

//! The form of the state file, and how a file of an earlier form becomes one of this.
//!
//! Every ban costs one row at the end of one b-tree, and its end moves that row to the end of
//! another: no index of it is in the file. With a unique index on jail and prefix, which attackers
//! fill in random order, a million bans in force made a commit ten times slower (15 000 to 25 000
//! bans a second instead of 240 000), as each ban dirtied a page of its own; a table in the order
//! of that key was slower still. Which row a ban is in, [`Places`](super::places::Places) knows.

use rusqlite::{Connection, OptionalExtension};

/// What `PRAGMA user_version` says of a file that this program wrote.
pub(super) const VERSION: u32 = 2;

/// Times are microseconds since 1970; `until` NULL is never. `open` and `lines` are JSON arrays of
/// texts, or NULL if there are none. An `id` in `ban` only counts up. One in `history` is the
/// instant of the end, or a little later so that it differs from every other: never earlier, so that
/// what ended (or began) after an instant has a greater one.
const SCHEMA: &str = "
CREATE TABLE ban (
    id       INTEGER PRIMARY KEY,
    jail     TEXT NOT NULL,
    prefix   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    origin   TEXT NOT NULL,
    offence  INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    open     TEXT,
    reason   TEXT NOT NULL,
    lines    TEXT
) STRICT;
CREATE TABLE history (
    id       INTEGER PRIMARY KEY,
    jail     TEXT NOT NULL,
    prefix   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    origin   TEXT NOT NULL,
    offence  INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    open     TEXT,
    ended    INTEGER NOT NULL,
    cause    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    lines    TEXT
) STRICT;
CREATE TABLE pardon (
    jail     TEXT NOT NULL,
    prefix   TEXT NOT NULL,
    time     INTEGER NOT NULL,
    PRIMARY KEY (jail, prefix)
) STRICT, WITHOUT ROWID;
CREATE TABLE closed (
    cleanly  INTEGER NOT NULL
) STRICT;
INSERT INTO closed VALUES (0);
CREATE VIEW bans_in_force AS
    SELECT jail, prefix, datetime(since / 1000000, 'unixepoch') AS since_utc,
        coalesce(datetime(until / 1000000, 'unixepoch'), 'forever') AS until_utc,
        origin, offence, failures, reason
    FROM ban;
CREATE VIEW bans_ended AS
    SELECT jail, prefix, datetime(since / 1000000, 'unixepoch') AS since_utc,
        datetime(ended / 1000000, 'unixepoch') AS ended_utc, cause,
        origin, offence, failures, reason
    FROM history;
";

/// What has been the same in every form.
const LASTING: &str = "
CREATE TABLE totals (
    jail TEXT PRIMARY KEY,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE position (
    source TEXT PRIMARY KEY,
    mark   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// In version 1, `ban` held what had ended as well. `settled` said what its rows say, too.
const FROM_1: &str = "
DROP INDEX ban_in_force;
DROP INDEX ban_ended;
ALTER TABLE ban RENAME TO ban_1;
DROP TABLE settled;
";
const ROWS_FROM_1: &str = "
INSERT INTO ban (jail, prefix, since, until, origin, offence, failures, reason)
    SELECT jail, prefix, since, until, origin, 1, failures, reason
    FROM ban_1 WHERE ended IS NULL ORDER BY since, rowid;
INSERT INTO history (id, jail, prefix, since, until, origin, offence, failures, ended, cause, reason)
    SELECT ended + row_number() OVER (ORDER BY ended, rowid),
        jail, prefix, since, until, origin, 1, failures, ended, coalesce(cause, 'expired'), reason
    FROM ban_1 WHERE ended IS NOT NULL;
DROP TABLE ban_1;
";

/// Brings a file that was just opened into the present form, after a look for damage unless it was
/// closed cleanly. The answer is the form it has: a file of a newer one is not touched.
pub(super) fn bring_up_to_date(db: &mut Connection) -> Result<u32, rusqlite::Error> {
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => build(db, &[LASTING, SCHEMA])?,
        1 => {
            check(db)?;
            build(db, &[FROM_1, SCHEMA, ROWS_FROM_1])?;
        }
        VERSION if !was_closed_cleanly(db)? => check(db)?,
        newer => return Ok(newer),
    }
    Ok(VERSION)
}

fn build(db: &mut Connection, steps: &[&str]) -> Result<(), rusqlite::Error> {
    let transaction = db.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn was_closed_cleanly(db: &Connection) -> Result<bool, rusqlite::Error> {
    let flag: Option<i64> = db
        .query_row("SELECT cleanly FROM closed", [], |row| row.get(0))
        .optional()?;
    Ok(flag == Some(1))
}

/// Says in the file whether it is closed, and all in it is right as far as is known.
pub(super) fn set_closed_cleanly(db: &Connection, cleanly: bool) -> Result<(), rusqlite::Error> {
    db.execute("UPDATE closed SET cleanly = ?1", [i64::from(cleanly)])
        .map(drop)
}

/// Reads the whole file: half a second for a million bans.
fn check(db: &Connection) -> Result<(), rusqlite::Error> {
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(verdict),
    ))
}

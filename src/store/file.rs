//! The state file on disk: opened, locked, and moved aside when it is damaged.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rusqlite::{Connection, ErrorCode};

use super::schema;

/// After so many pages of 4 KiB the write-ahead log goes into the file, which holds up one commit:
/// 10 to 20 ms with 1000 pages, 30 to 50 ms with 4000, 70 to 190 ms with 16000 (measured on a disk
/// that syncs in 0.1 ms). Bans a second differ by a tenth at most, but each time costs two syncs,
/// which a slow disk makes the larger part. A larger cache than SQLite's default gains nothing, as
/// rows only come to the end.
const CHECKPOINT_PAGES: u32 = 4000;

/// Statements that are kept prepared; there are fewer.
const STATEMENTS: usize = 32;

/// Opens the file at `path`, or makes it, in the present form.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let begin = || -> Result<(Connection, u32), rusqlite::Error> {
        let mut db = Connection::open(path)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let version = schema::bring_up_to_date(&mut db)?;
        if version == schema::VERSION {
            match schema::set_closed_cleanly(&db, false) {
                // It is said again at the next start, which may then miss damage; but who is
                // attacked while the disk is full needs a daemon.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {}
                other => other?,
            }
        }
        Ok((db, version))
    };
    let (db, version) =
        begin().with_context(|| format!("opening the state file {}", path.display()))?;
    anyhow::ensure!(
        version == schema::VERSION,
        "{} was written by a newer journalban (version {version} of its form, {} is known)",
        path.display(),
        schema::VERSION
    );
    Ok(db)
}

/// Locks `directory` for this daemon.
pub(super) fn lock(directory: &Path) -> Result<File> {
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

/// Gives a damaged file another name, with its write-ahead log, of which more may be readable; the
/// answer is that name. One that was moved aside earlier stays.
pub(super) fn move_aside(path: &Path) -> std::io::Result<PathBuf> {
    let with = |path: &Path, suffix: &str| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut aside = with(path, ".damaged");
    let mut number = 1;
    while aside.symlink_metadata().is_ok() {
        number += 1;
        aside = with(path, &format!(".damaged.{number}"));
    }
    std::fs::rename(path, &aside)?;
    // They may not exist.
    let _ = std::fs::rename(with(path, "-wal"), with(&aside, "-wal"));
    let _ = std::fs::remove_file(with(path, "-shm"));
    Ok(aside)
}

/// Whether SQLite says that the file is damaged.
pub(super) fn damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

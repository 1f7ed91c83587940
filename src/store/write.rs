//! Decisions become rows: what a commit does with each of them.

use rusqlite::{Connection, params};

use super::places::{Key, Places};
use super::rows::{lines_column, open_column, sql_time};
use crate::model::{Ban, Decision, JailName, Opening, Pardon, Prefix, Unban, UnbanCause};

/// Where the next rows go, and where those in force are.
#[derive(Default)]
pub(super) struct Rows {
    pub places: Places,
    /// The number of the next ban's row.
    pub next_id: i64,
    /// The number of the newest row of `history`.
    pub last_ended: i64,
    /// What the open transaction has changed in `places`, to be undone if it fails.
    changed: Vec<Changed>,
}

enum Changed {
    Added(Key, i64),
    Removed(Key, i64),
}

impl Rows {
    pub fn decision(
        &mut self,
        db: &Connection,
        decision: &Decision,
    ) -> Result<(), rusqlite::Error> {
        match decision {
            Decision::Ban(ban) => self.begin(db, ban),
            Decision::Open(opening) => self.open(db, opening),
            Decision::Unban(unban) => self.end(db, unban),
            Decision::Pardon(pardon) => forgive(db, pardon),
        }
    }

    /// The transaction is in the file.
    pub fn committed(&mut self) {
        self.changed.clear();
    }

    /// The transaction is not in the file.
    pub fn rolled_back(&mut self) {
        while let Some(changed) = self.changed.pop() {
            match changed {
                Changed::Added(key, id) => self.places.remove(key, id),
                // It was there, so its number is none that is too large.
                Changed::Removed(key, id) => drop(self.places.add(key, id)),
            }
        }
    }

    /// A ban of a prefix that is banned already takes that one's place, which goes into the history,
    /// unless it is the same once more.
    fn begin(&mut self, db: &Connection, ban: &Ban) -> Result<(), rusqlite::Error> {
        let key = self.places.key(&ban.jail, ban.prefix);
        let replaced = Unban {
            jail: ban.jail.clone(),
            prefix: ban.prefix,
            time: ban.since,
            cause: UnbanCause::Replaced,
        };
        self.end(db, &replaced)?;
        for id in self.places.of(key) {
            self.delete(db, key, id, &ban.jail, ban.prefix)?;
        }
        let id = self.next_id;
        db.prepare_cached(
            "INSERT INTO ban (id, jail, prefix, since, until, origin, offence, failures, open, \
             reason, lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            id,
            ban.jail.as_str(),
            ban.prefix.to_string(),
            sql_time(ban.since),
            ban.until.map(sql_time),
            ban.origin.as_str(),
            ban.offence,
            ban.failures,
            open_column(&ban.open),
            ban.reason,
            lines_column(&ban.lines),
        ])?;
        if !self.places.add(key, id) {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, id));
        }
        self.changed.push(Changed::Added(key, id));
        self.next_id += 1;
        Ok(())
    }

    fn open(&mut self, db: &Connection, opening: &Opening) -> Result<(), rusqlite::Error> {
        let key = self.places.key(&opening.jail, opening.prefix);
        for id in self.places.of(key) {
            db.prepare_cached(
                "UPDATE ban SET open = ?4 WHERE id = ?1 AND jail = ?2 AND prefix = ?3",
            )?
            .execute(params![
                id,
                opening.jail.as_str(),
                opening.prefix.to_string(),
                open_column(&opening.open),
            ])?;
        }
        Ok(())
    }

    /// Moves a ban into the history, which also says up to when failures of the prefix are settled
    /// and must not count again when the log is replayed.
    fn end(&mut self, db: &Connection, unban: &Unban) -> Result<(), rusqlite::Error> {
        let key = self.places.key(&unban.jail, unban.prefix);
        for id in self.places.of(key) {
            let ended = sql_time(unban.time);
            let past_id = ended.max(self.last_ended.saturating_add(1));
            let moved = db
                .prepare_cached(
                    "INSERT INTO history (id, jail, prefix, since, until, origin, offence, \
                     failures, open, ended, cause, reason, lines) \
                     SELECT ?4, jail, prefix, since, until, origin, offence, failures, open, \
                     ?5, ?6, reason, lines \
                     FROM ban WHERE id = ?1 AND jail = ?2 AND prefix = ?3 \
                     AND (?6 <> 'replaced' OR since <> ?5)",
                )?
                .execute(params![
                    id,
                    unban.jail.as_str(),
                    unban.prefix.to_string(),
                    past_id,
                    ended,
                    unban.cause.as_str(),
                ])?;
            if moved > 0 {
                self.last_ended = past_id;
                self.delete(db, key, id, &unban.jail, unban.prefix)?;
            }
        }
        Ok(())
    }

    fn delete(
        &mut self,
        db: &Connection,
        key: Key,
        id: i64,
        jail: &JailName,
        prefix: Prefix,
    ) -> Result<(), rusqlite::Error> {
        let deleted = db
            .prepare_cached("DELETE FROM ban WHERE id = ?1 AND jail = ?2 AND prefix = ?3")?
            .execute(params![id, jail.as_str(), prefix.to_string()])?;
        if deleted > 0 {
            self.places.remove(key, id);
            self.changed.push(Changed::Removed(key, id));
        }
        Ok(())
    }
}

/// What the history says of who was banned, is said here of who was not.
fn forgive(db: &Connection, pardon: &Pardon) -> Result<(), rusqlite::Error> {
    db.prepare_cached("INSERT OR REPLACE INTO pardon (jail, prefix, time) VALUES (?1, ?2, ?3)")?
        .execute(params![
            pardon.jail.as_str(),
            pardon.prefix.to_string(),
            sql_time(pardon.time),
        ])?;
    Ok(())
}

//! What a start reads.

use std::cmp::Reverse;

use super::rows::{BAN, Columns, END, sql_time, time};
use super::{Store, write::Rows};
use crate::model::{Ban, JailName, PastBan, Prefix, Time, Totals};
use anyhow::{Context, Result};

/// How many rows are read at a time.
const PAGE: usize = 1000;

/// What was in a state file, but for the bans in force.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Up to when failures of a prefix are settled; of several for one, the last counts.
    pub settled: Vec<(JailName, Prefix, Time)>,
    /// Totals of each jail.
    pub totals: Vec<(JailName, Totals)>,
    /// Every ban that began after the instant asked for, in the order in which they began.
    pub past: Vec<PastBan>,
    /// Rows that could not be read (of a newer version, or edited by hand) and are left alone.
    pub unreadable: usize,
}

/// Bans in force as they are read, without their stories; those that ran out meanwhile included.
pub struct InForce<'a> {
    store: &'a mut Store,
    rows: Rows,
    columns: Columns,
    /// A part of them, the next one last.
    page: Vec<(i64, Option<Ban>)>,
    after: i64,
    unreadable: usize,
    failed: Option<rusqlite::Error>,
}

impl Store {
    /// Reads the bans in force one after the other, so that a million of them do not lie in memory
    /// twice. [`finish`](InForce::finish) says whether these were all.
    pub fn in_force(&mut self) -> InForce<'_> {
        InForce {
            store: self,
            rows: Rows::default(),
            columns: Columns::default(),
            page: Vec::new(),
            after: i64::MIN,
            unreadable: 0,
            failed: None,
        }
    }

    /// What else the file holds: what was settled after `settled`, and, if wanted, all bans that
    /// began after `past`.
    pub fn restore(&self, settled: Time, past: Option<Time>) -> Result<Restored> {
        let read = || -> Result<Restored, rusqlite::Error> {
            let mut restored = Restored::default();
            self.read_settled(settled, &mut restored)?;
            self.read_totals(&mut restored)?;
            if let Some(past) = past {
                self.read_past(past, &mut restored)?;
            }
            Ok(restored)
        };
        self.checked(read())
            .with_context(|| format!("reading the state file {}", self.path.display()))
    }

    fn read_settled(&self, since: Time, into: &mut Restored) -> Result<(), rusqlite::Error> {
        let mut columns = Columns::default();
        // An id is never earlier than the end.
        let mut query = self.db.prepare(
            "SELECT jail, prefix, ended FROM history WHERE id > ?1 AND ended > ?1 \
             UNION ALL SELECT jail, prefix, time FROM pardon WHERE time > ?1",
        )?;
        let mut rows = query.query([sql_time(since)])?;
        while let Some(row) = rows.next()? {
            match (columns.key(row, 0), time(row, 2)) {
                (Some((jail, prefix)), Some(time)) => into.settled.push((jail, prefix, time)),
                _ => into.unreadable += 1,
            }
        }
        Ok(())
    }

    fn read_totals(&self, into: &mut Restored) -> Result<(), rusqlite::Error> {
        let mut query = self.db.prepare("SELECT jail, json FROM totals")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (jail, json): (String, String) = (row.get(0)?, row.get(1)?);
            match (JailName::new(&jail), serde_json::from_str(&json)) {
                (Ok(jail), Ok(totals)) => into.totals.push((jail, totals)),
                _ => into.unreadable += 1,
            }
        }
        Ok(())
    }

    fn read_past(&self, since: Time, into: &mut Restored) -> Result<(), rusqlite::Error> {
        let mut columns = Columns::default();
        for (rows, order) in [
            (format!("SELECT {BAN}, NULL, NULL FROM ban"), ""),
            // What began after an instant ended after it, too.
            (format!("SELECT {BAN}, {END} FROM history"), "id > ?1 AND"),
        ] {
            let mut query = self
                .db
                .prepare(&format!("{rows} WHERE {order} since > ?1"))?;
            let mut rows = query.query([sql_time(since)])?;
            while let Some(row) = rows.next()? {
                // What makes no sense in `ban` is counted where the bans in force are read.
                into.past.extend(columns.past(row));
            }
        }
        // Of those that began together, the narrower led to the wider.
        into.past
            .sort_by_key(|ban| (ban.since, Reverse(ban.prefix.len())));
        Ok(())
    }
}

impl InForce<'_> {
    /// Reads the rest, and answers how many rows made no sense and are left alone.
    pub fn finish(mut self) -> Result<usize> {
        let path = self.store.path.clone();
        while self.next().is_some() {}
        let read = match self.failed.take() {
            Some(error) => Err(error),
            None => self.store.db.query_row(
                "SELECT (SELECT max(id) FROM ban), (SELECT max(id) FROM history)",
                [],
                |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)),
            ),
        };
        let (newest, last_ended) = self
            .store
            .checked(read)
            .with_context(|| format!("reading the bans in {}", path.display()))?;
        self.rows.next_id = newest.map_or(1, |id| id.max(0) + 1);
        self.rows.last_ended = last_ended.unwrap_or_default();
        self.store.rows = Some(self.rows);
        Ok(self.unreadable)
    }

    fn read_page(&mut self) -> Result<(), rusqlite::Error> {
        let mut query = self.store.db.prepare_cached(&format!(
            "SELECT id, {BAN} FROM ban WHERE id > ?1 ORDER BY id LIMIT {PAGE}"
        ))?;
        let mut rows = query.query([self.after])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            self.page.push((id, self.columns.ban(row, 1)));
            self.after = id;
        }
        self.page.reverse();
        Ok(())
    }
}

impl Iterator for InForce<'_> {
    type Item = Ban;

    fn next(&mut self) -> Option<Ban> {
        loop {
            if self.page.is_empty() && self.failed.is_none() {
                self.failed = self.read_page().err();
            }
            let (id, ban) = self.page.pop()?;
            let Some(ban) = ban else {
                self.unreadable += 1;
                continue;
            };
            let key = self.rows.places.key(&ban.jail, ban.prefix);
            self.rows.places.add(key, id);
            return Some(ban);
        }
    }
}

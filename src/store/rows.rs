//! Bans as rows of the state file.

use rusqlite::{Connection, params};

use crate::model::{Ban, JailName, Origin, Prefix, Time, Unban};

pub(super) fn insert_ban(db: &Connection, ban: &Ban) -> Result<(), rusqlite::Error> {
    db.prepare_cached(
        "INSERT INTO ban (jail, prefix, since, until, failures, origin, reason) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (jail, prefix) WHERE ended IS NULL DO UPDATE SET \
         since = excluded.since, until = excluded.until, failures = excluded.failures, \
         origin = excluded.origin, reason = excluded.reason",
    )?
    .execute(params![
        ban.jail.as_str(),
        ban.prefix.to_string(),
        sql_time(ban.since),
        ban.until.map(sql_time),
        ban.failures,
        ban.origin.as_str(),
        ban.reason,
    ])?;
    settle(db, &ban.jail, ban.prefix, ban.since)
}

pub(super) fn end_ban(db: &Connection, unban: &Unban) -> Result<(), rusqlite::Error> {
    db.prepare_cached(
        "UPDATE ban SET ended = ?3, cause = ?4 WHERE jail = ?1 AND prefix = ?2 AND ended IS NULL",
    )?
    .execute(params![
        unban.jail.as_str(),
        unban.prefix.to_string(),
        sql_time(unban.time),
        unban.cause.as_str(),
    ])?;
    settle(db, &unban.jail, unban.prefix, unban.time)
}

/// Failures of the prefix up to `time` must not count again when the log is replayed.
fn settle(
    db: &Connection,
    jail: &JailName,
    prefix: Prefix,
    time: Time,
) -> Result<(), rusqlite::Error> {
    db.prepare_cached("INSERT OR REPLACE INTO settled (jail, prefix, time) VALUES (?1, ?2, ?3)")?
        .execute(params![jail.as_str(), prefix.to_string(), sql_time(time)])?;
    Ok(())
}

pub(super) fn read_ban(row: &rusqlite::Row<'_>) -> Result<Option<Ban>, rusqlite::Error> {
    let (jail, prefix, origin): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(5)?);
    let origin = Origin::ALL.into_iter().find(|it| it.as_str() == origin);
    let (Ok(jail), Ok(prefix), Some(origin)) = (JailName::new(&jail), prefix.parse(), origin)
    else {
        return Ok(None);
    };
    Ok(Some(Ban {
        jail,
        prefix,
        since: read_time(row.get(2)?),
        until: row.get::<_, Option<i64>>(3)?.map(read_time),
        failures: row.get(4)?,
        origin,
        offence: 1,
        open: Box::default(),
        reason: row.get::<_, String>(6)?.into(),
        lines: Box::default(),
    }))
}

pub(super) fn sql_time(time: Time) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn read_time(micros: i64) -> Time {
    Time::from_micros(u64::try_from(micros).unwrap_or_default())
}

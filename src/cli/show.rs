//! Tables, trees and JSON: how results look.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::control::protocol::{JailReport, Lost};
use crate::model::{Ban, Time, format_duration, printable};

/// Prints `value` as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Whether the reader of our output went away, as `head` does.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// An instant on the machine's own clock, to the second.
pub(super) fn local(time: Time) -> String {
    i64::try_from(time.as_micros())
        .ok()
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
        .map_or_else(
            || time.to_string(),
            |timestamp| {
                let zoned = timestamp.to_zoned(jiff::tz::TimeZone::system());
                zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
            },
        )
}

/// All jails, a line each.
pub(super) fn jail_table(out: &mut impl Write, jails: &[JailReport]) -> io::Result<()> {
    if jails.is_empty() {
        return writeln!(out, "no jail is enabled; see /etc/journalban/jail.d/");
    }
    let rows = jails.iter().map(|jail| {
        vec![
            jail.name.to_string(),
            jail.currently_failed.to_string(),
            jail.total_failed.to_string(),
            jail.currently_banned.to_string(),
            jail.total_banned.to_string(),
            jail.dropped_packets
                .map_or_else(|| "-".to_owned(), |packets| packets.to_string()),
        ]
    });
    table(
        out,
        &[
            "JAIL",
            "FAILING",
            "FAILED",
            "BANNED",
            "BANS",
            "PACKETS STOPPED",
        ],
        rows,
        &[1, 2, 3, 4, 5],
    )
}

/// What limits have cost, if anything; a line each with what to do.
pub(super) fn lost(out: &mut impl Write, lost: &Lost) -> io::Result<()> {
    let rows = [
        (
            lost.prefixes,
            "prefixes with failures were forgotten: more were tracked than tracked_limit allows",
        ),
        (
            lost.records,
            "records of offences, neighbours or logins were forgotten, by tracked_limit",
        ),
        (
            lost.bans,
            "bans that were due were not made: there are as many as ban_limit allows",
        ),
        (
            lost.sessions,
            "connections were forgotten before their last line came: too many at once",
        ),
        (lost.fields, "over-long fields of journal entries were cut"),
    ];
    for (count, what) in rows.into_iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "note: {count} {what}")?;
    }
    Ok(())
}

/// One jail, in the shape that people know from fail2ban-client.
pub(super) fn jail_tree(out: &mut impl Write, jail: &JailReport) -> io::Result<()> {
    let matches = if jail.journal_matches.is_empty() {
        "(every entry)"
    } else {
        &jail.journal_matches
    };
    writeln!(out, "Status for the jail: {}", jail.name)?;
    writeln!(out, "|- Filter")?;
    writeln!(out, "|  |- Currently failed: {}", jail.currently_failed)?;
    writeln!(out, "|  |- Total failed:     {}", jail.total_failed)?;
    if jail.total_ignored > 0 {
        writeln!(out, "|  |- Total ignored:    {}", jail.total_ignored)?;
    }
    writeln!(out, "|  `- Journal matches:  {matches}")?;
    writeln!(out, "`- Actions")?;
    writeln!(out, "   |- Currently banned: {}", jail.currently_banned)?;
    writeln!(out, "   |- Total banned:     {}", jail.total_banned)?;
    if let Some(packets) = jail.dropped_packets {
        writeln!(out, "   |- Packets stopped:  {packets}")?;
    }
    write!(out, "   `- Banned IP list:   {}", jail.banned.join(" "))?;
    match jail.banned_not_shown {
        0 => writeln!(out),
        more => writeln!(out, " and {more} more: journalban list {}", jail.name),
    }
}

/// The columns of a list of bans.
pub(super) const BAN_COLUMNS: Columns<'_> = Columns {
    head: &["ADDRESS", "JAIL", "SINCE", "LEFT", "FAILURES", "REASON"],
    right: &[4],
};

/// A ban as a line of [`BAN_COLUMNS`].
pub(super) fn ban_row(ban: &Ban, now: Time) -> Vec<String> {
    vec![
        ban.prefix.to_string(),
        ban.jail.to_string(),
        local(ban.since),
        ban.until
            .map_or_else(|| "forever".to_owned(), |until| left(until, now)),
        ban.failures.to_string(),
        printable(&ban.reason),
    ]
}

fn left(until: Time, now: Time) -> String {
    let left = until.since(now);
    format_duration(Duration::from_secs(left.as_secs()))
}

/// A table's columns.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    /// What stands above them.
    pub head: &'a [&'a str],
    /// Those that are numbers.
    pub right: &'a [usize],
}

impl Columns<'_> {
    /// How wide each column must be.
    pub fn widths(&self, rows: &[Vec<String>]) -> Vec<usize> {
        let width = |at: usize, head: &str| {
            let cells = rows.iter().map(|row| row[at].chars().count());
            cells.chain([head.chars().count()]).max().unwrap_or(0)
        };
        let heads = self.head.iter().enumerate();
        heads.map(|(at, head)| width(at, head)).collect()
    }

    /// Prints what stands above the columns.
    pub fn head(&self, out: &mut impl Write, widths: &[usize]) -> io::Result<()> {
        let head: Vec<String> = self.head.iter().map(ToString::to_string).collect();
        line(out, &head, widths, self.right)
    }
}

/// Prints one line of aligned columns; those in `right` are numbers.
pub(super) fn line(
    out: &mut impl Write,
    cells: &[String],
    widths: &[usize],
    right: &[usize],
) -> io::Result<()> {
    let cells = cells.iter().enumerate().map(|(at, cell)| {
        let width = widths[at];
        if right.contains(&at) {
            format!("{cell:>width$}")
        } else {
            format!("{cell:<width$}")
        }
    });
    let text = cells.collect::<Vec<_>>().join("  ");
    writeln!(out, "{}", text.trim_end())
}

/// Prints aligned columns; those in `right` are numbers.
pub(super) fn table(
    out: &mut impl Write,
    head: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    right: &[usize],
) -> io::Result<()> {
    let columns = Columns { head, right };
    let rows: Vec<Vec<String>> = rows.collect();
    let widths = columns.widths(&rows);
    columns.head(out, &widths)?;
    rows.iter()
        .try_for_each(|row| line(out, row, &widths, right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JailName, Origin};

    #[test]
    fn columns_are_aligned_and_attackers_text_stays_text() {
        let ban = Ban {
            jail: JailName::new("sshd").expect("a name"),
            prefix: "192.0.2.1".parse().expect("a prefix"),
            since: Time::from_secs(0),
            until: Some(Time::from_secs(600)),
            failures: 5,
            origin: Origin::Log,
            offence: 1,
            open: Box::default(),
            reason: "\u{1b}[31mroot".into(),
            lines: Box::default(),
        };
        let mut out = Vec::new();
        let rows = [ban_row(&ban, Time::from_secs(60))];
        let Columns { head, right } = BAN_COLUMNS;
        table(&mut out, head, rows.into_iter(), right).expect("writes");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("JAIL"), lines[1].find("sshd"));
        assert_eq!(lines[0].find("REASON"), lines[1].find("\\u{1b}[31mroot"));
    }

    #[test]
    fn a_jail_reads_as_people_know_it() {
        let jail = JailReport {
            name: JailName::new("sshd").expect("a name"),
            journal_matches: "_UID=0".into(),
            currently_failed: 1,
            total_failed: 9,
            total_ignored: 0,
            total_named: 0,
            currently_banned: 2,
            total_banned: 3,
            dropped_packets: Some(12),
            dropped_bytes: Some(720),
            banned: vec!["192.0.2.1".into(), "2001:db8::/64".into()],
            banned_not_shown: 998,
        };
        let mut out = Vec::new();
        jail_tree(&mut out, &jail).expect("writes");
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "Status for the jail: sshd\n\
             |- Filter\n\
             |  |- Currently failed: 1\n\
             |  |- Total failed:     9\n\
             |  `- Journal matches:  _UID=0\n\
             `- Actions\n   \
                |- Currently banned: 2\n   \
                |- Total banned:     3\n   \
                |- Packets stopped:  12\n   \
                `- Banned IP list:   192.0.2.1 2001:db8::/64 and 998 more: \
             journalban list sshd\n"
        );
    }
}

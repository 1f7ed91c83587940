//! Tables, trees and JSON: how results look.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::control::protocol::JailReport;
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
    writeln!(out, "   `- Banned IP list:   {}", jail.banned.join(" "))
}

/// Bans, a line each.
pub(super) fn ban_table(out: &mut impl Write, bans: &[Ban], now: Time) -> io::Result<()> {
    if bans.is_empty() {
        return writeln!(out, "nobody is banned");
    }
    let rows = bans.iter().map(|ban| {
        vec![
            ban.prefix.to_string(),
            ban.jail.to_string(),
            local(ban.since),
            ban.until
                .map_or_else(|| "forever".to_owned(), |until| left(until, now)),
            ban.failures.to_string(),
            printable(&ban.reason),
        ]
    });
    table(
        out,
        &["ADDRESS", "JAIL", "SINCE", "LEFT", "FAILURES", "REASON"],
        rows,
        &[4],
    )
}

fn left(until: Time, now: Time) -> String {
    let left = until.since(now);
    format_duration(Duration::from_secs(left.as_secs()))
}

/// Prints aligned columns; those in `right` are numbers.
pub(super) fn table(
    out: &mut impl Write,
    head: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    right: &[usize],
) -> io::Result<()> {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            lines
                .iter()
                .map(|line| line[at].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(at, cell)| {
            let width = widths[at];
            if right.contains(&at) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let text = cells.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
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
        ban_table(&mut out, &[ban], Time::from_secs(60)).expect("writes");
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
                `- Banned IP list:   192.0.2.1 2001:db8::/64\n"
        );
    }
}

//! `history`: who was banned, and what became of it.

use std::io::{self, Write};

use anyhow::Result;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::cli::args::{Arguments, History};
use crate::cli::show::{Columns, local};
use crate::cli::since;
use crate::cli::streamed::Streamed;
use crate::exit;
use crate::model::{HistoryQuery, Story, UnbanCause, printable};

const COLUMNS: Columns<'_> = Columns {
    head: &[
        "ADDRESS", "JAIL", "SINCE", "UNTIL", "STATE", "OFFENCE", "FAILURES", "REASON",
    ],
    right: &[5, 6],
};

pub(super) fn history(arguments: &Arguments, wanted: &History) -> Result<u8> {
    let now = crate::clock::now();
    let since = wanted.since.as_deref();
    let since = match since.map(|text| since::parse(text, now, &TimeZone::system())) {
        None => None,
        Some(Ok(since)) => Some(since),
        Some(Err(error)) => {
            writeln!(io::stderr(), "journalban: --since: {error}")?;
            return Ok(exit::USAGE);
        }
    };
    let query = HistoryQuery {
        prefix: wanted.prefix,
        jail: wanted.jail.clone(),
        since,
        limit: wanted.limit,
    };
    Streamed {
        list: "bans",
        columns: COLUMNS,
        nothing: "no such ban is known",
    }
    .write(arguments, "History", json!(query), row, lines)?;
    Ok(exit::OK)
}

fn row(story: &Story) -> Vec<String> {
    let ban = &story.ban;
    // When it ended, which may be earlier than it was to end.
    let until = story.ended.or(ban.until);
    vec![
        ban.prefix.to_string(),
        ban.jail.to_string(),
        local(ban.since),
        until.map_or_else(|| "forever".to_owned(), local),
        state(story).to_owned(),
        ban.offence.to_string(),
        ban.failures.to_string(),
        printable(&ban.reason),
    ]
}

/// In a word, what became of a ban.
pub(super) fn state(story: &Story) -> &'static str {
    match story.cause {
        None => "in force",
        Some(UnbanCause::Expired) => "expired",
        Some(UnbanCause::Manual) => "lifted by hand",
        Some(UnbanCause::Ignored) => "ignored since",
        Some(UnbanCause::Removed) => "jail disabled",
        Some(UnbanCause::Displaced) => "made room",
        Some(UnbanCause::Replaced) => "banned anew",
    }
}

/// The lines that led to it.
fn lines(story: &Story) -> Vec<String> {
    let lines = story.ban.lines.iter();
    lines
        .map(|line| format!("    {}", printable(line)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ban, JailName, Origin, Time};

    #[test]
    fn an_ended_ban_tells_when_it_really_ended() {
        let ban = Ban {
            jail: JailName::new("sshd").expect("a name"),
            prefix: "192.0.2.1".parse().expect("a prefix"),
            since: Time::from_secs(0),
            until: None,
            failures: 5,
            origin: Origin::Log,
            offence: 2,
            open: Box::default(),
            reason: "\u{1b}[31mroot".into(),
            lines: ["\u{7}one".into()].into(),
        };
        let mut story = Story {
            ban,
            ended: None,
            cause: None,
        };
        assert_eq!(row(&story)[3..6], ["forever", "in force", "2"]);
        story.ended = Some(Time::from_secs(600));
        story.cause = Some(UnbanCause::Manual);
        assert_eq!(row(&story)[3], local(Time::from_secs(600)));
        assert_eq!(row(&story)[4], "lifted by hand");
        assert_eq!(row(&story)[7], "\\u{1b}[31mroot");
        assert_eq!(lines(&story), ["    \\u{7}one"]);
    }
}

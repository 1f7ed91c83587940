//! Our own log: to the journal with fields if systemd started us, else to standard error.
//!
//! Field names are written as the journal is to have them (`JOURNALBAN_JAIL`, `MESSAGE_ID`), so
//! that `journalctl JOURNALBAN_ADDRESS=192.0.2.1` and the message catalog find them.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::prelude::*;

/// Begins to log, once a process.
pub fn begin() {
    let in_service = std::env::var_os("JOURNAL_STREAM").is_some();
    let journal = in_service
        .then(tracing_journald::layer)
        .and_then(Result::ok);
    let stderr = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .without_time()
            // The fields are for the journal; the message says it all for people.
            .fmt_fields(debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{value:?}"),
                _ => Ok(()),
            }))
    });
    let journal = journal.map(|layer| {
        layer
            .with_field_prefix(None)
            .with_syslog_identifier("journalban".to_owned())
            .with_priority_mappings(tracing_journald::PriorityMappings {
                info: tracing_journald::Priority::Informational,
                ..tracing_journald::PriorityMappings::new()
            })
    });
    tracing_subscriber::registry()
        .with(LevelFilter::from_level(Level::INFO))
        .with(journal)
        .with(stderr)
        .init();
}

/// Attacker's text as one line that no terminal takes for more than text.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_bidi(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Marks that change the direction of what follows, so that an address may read as another.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_moves_the_cursor() {
        assert_eq!(
            printable("a\n\u{1b}[2Jb\u{202e}é"),
            "a\\n\\u{1b}[2Jb\\u{202e}é"
        );
    }
}

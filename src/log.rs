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

//! Jails of the filters that ship, and entries as their services log them.

use std::sync::Arc;

use journalban::config::FilterFile;
use journalban::filter::{Filter, MatcherJail};
use journalban::model::{Entry, JailName, JournalMatch, Time};

/// A jail for each of `filters`, in its strictest mode.
pub fn strict(filters: &[(String, FilterFile)]) -> Vec<MatcherJail> {
    let jail = |(name, file): &(String, FilterFile)| {
        let strict = file.modes().find(|mode| *mode == "aggressive");
        let mode = strict.or(file.modes().next()).expect("a mode");
        MatcherJail {
            name: JailName::new(name).expect("a name"),
            journalmatch: file.spec.journalmatch.clone(),
            filter: Arc::new(Filter::compile(&file.spec, mode).expect("compiles")),
        }
    };
    filters.iter().map(jail).collect()
}

/// An entry with `message` as a service of `journalmatch` would log it: with what the match asks for.
pub fn logged(journalmatch: &JournalMatch, message: &str) -> Entry {
    let mut entry = Entry::new(Time::EPOCH);
    for (name, values) in journalmatch.groups().first().into_iter().flatten() {
        entry.push(name.as_bytes(), values[0].as_bytes());
    }
    for (name, value) in [
        ("_TRANSPORT", "stdout"),
        ("_SYSTEMD_SLICE", "system.slice"),
        ("_PID", "4711"),
        ("MESSAGE", message),
    ] {
        if entry.get(name.as_bytes()).is_none() {
            entry.push(name.as_bytes(), value.as_bytes());
        }
    }
    entry
}

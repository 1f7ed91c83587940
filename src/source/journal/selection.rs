//! Which entries are wanted, and which of their fields: one pass over an entry.
//!
//! The same decision twice: [`Selection::read`] makes it in process, for entries that come one
//! after the other; [`Selection::add_to_index`] gives it to libsystemd, which then finds old
//! entries by its index. `read` has the last word in both cases.
//!
//! Entries of our own unit are never wanted, whatever the jails' matches say: the daemon writes
//! what it has read (addresses, user names, whole lines) to the same journal, and a jail whose
//! match is wide enough would count them again, for ever.

use systemd::journal::JournalRef;

use crate::model::{Entry, FIELD_LIMIT, JournalMatch, Time};
use crate::source::{Wanted, line};

/// The unit that the daemon runs as.
pub const OWN_UNIT: &str = "journalban.service";

/// How much is kept of one entry, in bytes over all its fields. What is beyond is left out and
/// counted: an entry may repeat a field a thousand times, and its writer must not choose how much
/// memory it takes.
pub(super) const ENTRY_LIMIT: usize = 16 * FIELD_LIMIT;

/// journald's limit for the length of a field name (`journal_field_valid`), plus one.
const NAME_LENGTHS: usize = 65;

/// What is wanted, made ready for [`read`](Self::read).
pub(super) struct Selection {
    /// Empty: every entry.
    matches: Vec<JournalMatch>,
    /// The names of the fields that are kept, by their length, so that most names are passed over
    /// with one look; `None`: all are kept.
    kept: Option<Vec<Vec<Box<[u8]>>>>,
}

/// What became of an entry.
pub(super) struct Read {
    /// Whether it is wanted.
    pub(super) wanted: bool,
    /// How many of its values were cut or left out.
    pub(super) truncated: u64,
    /// How many bytes of values it has.
    pub(super) bytes: usize,
}

impl Selection {
    pub(super) fn new(wanted: &Wanted) -> Self {
        let any = wanted.matches.iter().any(JournalMatch::is_any);
        let matches = if any {
            Vec::new()
        } else {
            wanted.matches.clone()
        };
        let kept = (!wanted.fields.is_empty()).then(|| {
            let mut kept = vec![Vec::new(); NAME_LENGTHS];
            let names = wanted.fields.iter().map(String::as_str);
            for name in names.chain(matches.iter().flat_map(JournalMatch::field_names)) {
                let name: Box<[u8]> = name.as_bytes().into();
                if let Some(names) = kept.get_mut(name.len())
                    && !names.contains(&name)
                {
                    names.push(name);
                }
            }
            kept
        });
        Self { matches, kept }
    }

    /// Lets libsystemd give out wanted entries only. Its terms combine like ours: alternatives
    /// within a field, all fields of a group, one of the groups (`sd_journal_add_match(3)`).
    pub(super) fn add_to_index(&self, journal: &mut JournalRef) -> systemd::Result<()> {
        for group in self.matches.iter().flat_map(JournalMatch::groups) {
            for (field, values) in group {
                for value in values {
                    journal.match_add(field, value.as_bytes())?;
                }
            }
            journal.match_or()?;
        }
        Ok(())
    }

    /// Reads the entry that `journal` stands on into `entry`, as far as it is wanted.
    ///
    /// Fields come from `sd_journal_enumerate_data`: one pass over all of them costs less than three
    /// look-ups by name, and keeps values that occur several times.
    pub(super) fn read(
        &self,
        journal: &mut JournalRef,
        entry: &mut Entry,
    ) -> systemd::Result<Read> {
        entry.clear();
        entry.set_time(Time::from_micros(journal.timestamp_usec()?));
        let mut read = Read {
            wanted: false,
            truncated: 0,
            bytes: 0,
        };
        journal.restart_data();
        while let Some(field) = journal.enumerate_data()? {
            let (name, value) = (field.name(), field.value().unwrap_or_default());
            if name == b"_SYSTEMD_UNIT" && value == OWN_UNIT.as_bytes() {
                return Ok(read);
            }
            if !self.keeps(name) {
                continue;
            }
            if read.bytes + value.len().min(FIELD_LIMIT) > ENTRY_LIMIT {
                read.truncated += 1;
                continue;
            }
            read.bytes += value.len().min(FIELD_LIMIT);
            read.truncated += u64::from(entry.push(name, value));
        }
        read.wanted = self.wants(entry);
        if read.wanted {
            line::unpack_output(entry);
        }
        Ok(read)
    }

    /// Whether one of the matches matches `entry`.
    pub(super) fn wants(&self, entry: &Entry) -> bool {
        self.matches.is_empty() || self.matches.iter().any(|m| m.matches(entry))
    }

    fn keeps(&self, name: &[u8]) -> bool {
        match &self.kept {
            None => true,
            Some(kept) => kept
                .get(name.len())
                .is_some_and(|names| names.iter().any(|kept| **kept == *name)),
        }
    }
}

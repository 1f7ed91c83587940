//! One log entry: its time and its fields, as bytes.

use std::fmt;

use crate::model::Time;

/// The longest field value that is kept, in bytes; what is beyond is cut off and counted.
///
/// journald's own `LineMax=` is 48 KiB; no pattern needs more, and an attacker must not choose
/// how much memory one entry takes.
pub const FIELD_LIMIT: usize = 64 * 1024;

/// Where a source stands: a journal cursor (`sd_journal_get_cursor(3)`) or a file's own mark.
/// Opaque to everyone but the source that made it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Position(Box<str>);

impl Position {
    /// Wraps what a source uses as its mark.
    #[must_use]
    pub fn new(mark: &str) -> Self {
        Self(Box::from(mark))
    }

    /// The mark, as the source made it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({})", self.0)
    }
}

/// One log entry: an instant and a list of named byte strings. A name may occur several times, as
/// in the journal. Only the fields that somebody asked the source for are in it.
#[derive(Clone, Default)]
pub struct Entry {
    time: Time,
    replayed: bool,
    /// Names and values, one after the other.
    bytes: Vec<u8>,
    /// Where each name and value ends in `bytes`.
    ends: Vec<(u32, u32)>,
}

impl Entry {
    /// An entry of `time` without fields.
    #[must_use]
    pub fn new(time: Time) -> Self {
        Self {
            time,
            ..Self::default()
        }
    }

    /// Empties it, so that a reader can use its memory for the next entry.
    pub fn clear(&mut self) {
        self.time = Time::EPOCH;
        self.replayed = false;
        self.bytes.clear();
        self.ends.clear();
    }

    /// Sets when the log says it was written.
    pub fn set_time(&mut self, time: Time) {
        self.time = time;
    }

    /// An entry of `time` with room for so many bytes of names and values, in so many fields.
    #[must_use]
    pub fn with_capacity(time: Time, bytes: usize, fields: usize) -> Self {
        Self {
            time,
            replayed: false,
            bytes: Vec::with_capacity(bytes),
            ends: Vec::with_capacity(fields),
        }
    }

    /// When the log says it was written.
    #[must_use]
    pub fn time(&self) -> Time {
        self.time
    }

    /// Whether it was handled before the last start already, and is read again only so that
    /// windows are as they were: it counts in windows, but not in totals.
    #[must_use]
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// Marks the entry as [`replayed`](Self::replayed).
    pub fn set_replayed(&mut self, replayed: bool) {
        self.replayed = replayed;
    }

    /// Adds a field. A value over [`FIELD_LIMIT`] is cut; the answer tells whether it was.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> bool {
        let cut = value.len() > FIELD_LIMIT;
        let value = &value[..value.len().min(FIELD_LIMIT)];
        self.bytes.extend_from_slice(name);
        let name_end = offset(self.bytes.len());
        self.bytes.extend_from_slice(value);
        self.ends.push((name_end, offset(self.bytes.len())));
        cut
    }

    /// The fields in their order: name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, value_end)| {
            let (name_end, value_end) = (name_end as usize, value_end as usize);
            let field = (
                &self.bytes[start..name_end],
                &self.bytes[name_end..value_end],
            );
            start = value_end;
            field
        })
    }

    /// All values of the field `name`.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.fields()
            .filter_map(move |(field, value)| (field == name).then_some(value))
    }

    /// The first value of the field `name`.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.fields()
            .find_map(|(field, value)| (field == name).then_some(value))
    }

    /// The field `MESSAGE`, empty if there is none.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.get(b"MESSAGE").unwrap_or_default()
    }
}

fn offset(len: usize) -> u32 {
    // A journal entry has at most 1024 fields (journald's ENTRY_FIELD_COUNT_MAX), each cut to
    // FIELD_LIMIT: 64 MiB at the very most.
    u32::try_from(len).unwrap_or(u32::MAX)
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self
            .fields()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()));
        write!(f, "Entry({} ", self.time)?;
        f.debug_list().entries(fields).finish()?;
        write!(f, ")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_bytes_and_may_repeat() {
        let mut entry = Entry::new(Time::from_secs(1));
        entry.push(b"A", b"1\n\0\xff");
        entry.push(b"MESSAGE", b"");
        entry.push(b"A", b"2");
        assert_eq!(
            entry.values(b"A").collect::<Vec<_>>(),
            [&b"1\n\0\xff"[..], b"2"]
        );
        assert_eq!(entry.get(b"A"), Some(&b"1\n\0\xff"[..]));
        assert_eq!(entry.get(b"MESSAGE"), Some(&b""[..]));
        assert_eq!(entry.get(b"B"), None);
    }

    #[test]
    fn a_cleared_entry_is_as_new() {
        let mut entry = Entry::new(Time::from_secs(1));
        entry.push(b"A", b"1");
        entry.set_replayed(true);
        entry.clear();
        assert_eq!(format!("{entry:?}"), format!("{:?}", Entry::default()));
        assert!(!entry.replayed());
    }

    #[test]
    fn a_long_value_is_cut_and_said() {
        let mut entry = Entry::new(Time::EPOCH);
        assert!(!entry.push(b"MESSAGE", &vec![b'x'; FIELD_LIMIT]));
        assert!(entry.push(b"MESSAGE", &vec![b'x'; FIELD_LIMIT + 1]));
        assert!(
            entry
                .values(b"MESSAGE")
                .all(|value| value.len() == FIELD_LIMIT)
        );
    }
}

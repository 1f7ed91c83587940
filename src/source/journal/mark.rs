//! What a journal cursor says about where its entry stands among the others.
//!
//! libsystemd calls a cursor opaque, and for going *to* an entry it stays so. But whether an entry
//! lies before or behind a cursor cannot be asked of libsystemd once index matches hide the
//! cursor's own entry, or once that entry is gone. The parts of the text (`s=` to `x=`, unchanged
//! since cursors exist: `sd_journal_get_cursor` in systemd's sd-journal.c) answer both. A text that
//! has other parts is an error and never guessed at.

use std::cmp::Ordering;

use anyhow::Context;

use crate::model::{Position, Time};

/// The place of one entry in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    cursor: String,
    /// Which sequence of numbers the file takes part in, and the entry's number in it.
    seqnum_id: u128,
    seqnum: u64,
    /// The boot and the microseconds since it began.
    boot: u128,
    monotonic: u64,
    /// Microseconds of the wall clock.
    realtime: u64,
    /// A hash over the entry's fields.
    hash: u64,
}

impl Mark {
    /// Reads the text of a cursor.
    pub(super) fn parse(cursor: &str) -> anyhow::Result<Self> {
        Self::parts(cursor)
            .with_context(|| format!("\"{}\" is no journal cursor", cursor.escape_debug()))
    }

    fn parts(cursor: &str) -> Option<Self> {
        let part = |name: &str| {
            cursor.split(';').find_map(|part| {
                let (key, value) = part.split_once('=')?;
                (key == name).then_some(value)
            })
        };
        let wide = |name| u128::from_str_radix(part(name)?, 16).ok();
        let number = |name| u64::from_str_radix(part(name)?, 16).ok();
        Some(Self {
            cursor: cursor.to_owned(),
            seqnum_id: wide("s")?,
            seqnum: number("i")?,
            boot: wide("b")?,
            monotonic: number("m")?,
            realtime: number("t")?,
            hash: number("x")?,
        })
    }

    /// The text that libsystemd seeks to.
    pub(super) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The mark as the rest of the program keeps it.
    pub(super) fn position(&self) -> Position {
        Position::new(&self.cursor)
    }

    /// When the entry was written.
    pub(super) fn time(&self) -> Time {
        Time::from_micros(self.realtime)
    }

    /// The boot, and the microseconds since it began.
    pub(super) fn monotonic(&self) -> (u128, u64) {
        (self.boot, self.monotonic)
    }

    /// The order in which libsystemd gives two entries: by number within one sequence, else by
    /// the time within one boot, else by the wall clock, and the hash decides between the rest.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        if self.seqnum_id == other.seqnum_id && self.seqnum != other.seqnum {
            return self.seqnum.cmp(&other.seqnum);
        }
        if self.boot == other.boot && self.monotonic != other.monotonic {
            return self.monotonic.cmp(&other.monotonic);
        }
        (self.realtime, self.hash).cmp(&(other.realtime, other.hash))
    }

    /// Whether both were written in the same microsecond of the same boot.
    pub(super) fn same_instant(&self, other: &Self) -> bool {
        self.boot == other.boot && self.monotonic == other.monotonic
    }

    /// How many entries lie between this one and the `later` one; `None` if they are numbered
    /// apart.
    pub(super) fn between(&self, later: &Self) -> Option<u64> {
        (self.seqnum_id == later.seqnum_id)
            .then(|| later.seqnum.checked_sub(self.seqnum + 1))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(
        seqnum_id: u8,
        seqnum: u64,
        boot: u8,
        monotonic: u64,
        realtime: u64,
        hash: u64,
    ) -> Mark {
        Mark::parse(&format!(
            "s={seqnum_id:032x};i={seqnum:x};b={boot:032x};m={monotonic:x};t={realtime:x};x={hash:x}"
        ))
        .expect("a cursor")
    }

    #[test]
    fn the_order_is_libsystemds() {
        use Ordering::{Equal, Greater, Less};
        let m = mark(1, 10, 1, 100, 1000, 5);
        for (other, expected) in [
            (m.clone(), Equal),
            // Same sequence: the number decides, even if the clock was set back.
            (mark(1, 11, 1, 101, 900, 5), Less),
            (mark(1, 9, 2, 500, 2000, 5), Greater),
            // Same microsecond.
            (mark(1, 11, 1, 100, 1000, 5), Less),
            // Another sequence, same boot: the time since boot decides.
            (mark(2, 1, 1, 101, 900, 5), Less),
            (mark(2, 99, 1, 99, 2000, 5), Greater),
            (mark(2, 1, 1, 100, 1000, 6), Less),
            // Copied from /run to /var: another number, but the same entry.
            (mark(2, 1, 1, 100, 1000, 5), Equal),
            // Nothing in common but the wall clock.
            (mark(2, 1, 2, 1, 1001, 5), Less),
            (mark(2, 99, 2, 500, 999, 5), Greater),
        ] {
            assert_eq!(m.order(&other), expected, "{other:?}");
            assert_eq!(other.order(&m), expected.reverse(), "{other:?}");
        }
    }

    #[test]
    fn what_lies_between_is_counted_within_one_sequence() {
        let m = mark(1, 10, 1, 100, 1000, 5);
        assert_eq!(m.between(&mark(1, 11, 1, 101, 1001, 5)), Some(0));
        assert_eq!(m.between(&mark(1, 14, 1, 101, 1001, 5)), Some(3));
        assert_eq!(m.between(&mark(1, 10, 1, 101, 1001, 5)), None);
        assert_eq!(m.between(&mark(2, 14, 1, 101, 1001, 5)), None);
    }

    #[test]
    fn what_is_no_cursor_is_an_error() {
        for text in [
            "",
            "garbage",
            "s=1;i=2;b=3;m=4;t=5",
            "s=x;i=2;b=3;m=4;t=5;x=6",
        ] {
            assert!(Mark::parse(text).is_err(), "{text}");
        }
    }
}

//! What `journalban test … [INPUT]` reads, to its end, in constant memory: the journal, journal
//! files, a text log or `journalctl -o json`, or the line that INPUT itself is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Context;
use jiff::tz::TimeZone;

use super::line::{self, Calendar};
use super::{SourceSpec, Wanted, export, journal};
use crate::model::{Entry, JournalMatch, Time};

/// The longest line that is read, in bytes; what is beyond is passed over and counted. A message
/// of [`FIELD_LIMIT`](crate::model::FIELD_LIMIT) fits also where journalctl writes each byte as a
/// number.
pub const LINE_LIMIT: usize = 1024 * 1024;

/// How a journal file begins (<https://systemd.io/JOURNAL_FILE_FORMAT>).
const JOURNAL_FILE: &[u8] = b"LPKSHHRH";

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Entries that were handed out.
    pub entries: u64,
    /// Lines or values that were cut because of their length.
    pub cut: u64,
    /// Entries of a damaged journal, and lines of `journalctl -o json` that are none.
    pub unreadable: u64,
}

/// Hands out the entries of `input`, in its order and from `since` on, until `each` breaks.
///
/// No `input` is the journal `journal`, `-` is standard input; a directory or a file that is a
/// journal is read as one; what is no file, but has a blank in it or begins with `{`, is a line
/// itself, unless it begins with `/`, `./` or `../`. Lines, these or those of any other file, are
/// read by [`mod@line`], or by [`export`] where they look like it. Lines of a text log have too few
/// fields for `wanted.matches` to be asked of them; to entries of journals and of `journalctl -o
/// json` the matches apply.
///
/// `now` is for stamps that leave out the year; lines that have no stamp have the time of the line
/// before, or `now`.
pub fn entries(
    journal: &SourceSpec,
    input: Option<&Path>,
    wanted: &Wanted,
    since: Option<Time>,
    now: Time,
    each: impl FnMut(Entry) -> ControlFlow<()>,
) -> anyhow::Result<Count> {
    let path = match input {
        None => return read_journal(journal, wanted, since, each),
        Some(path) if path == Path::new("-") => {
            return Lines::new(wanted, since, now).read(std::io::stdin().lock(), each);
        }
        Some(path) => path,
    };
    let reading = || format!("reading {}", path.display());
    let file = match File::open(path) {
        Err(error) if names_nothing(&error) && is_line(path) => {
            let line = path.as_os_str().as_bytes();
            return Lines::new(wanted, since, now).read(line, each);
        }
        opened => opened.with_context(reading)?,
    };
    let kind = file.metadata().with_context(reading)?;
    if kind.is_dir() {
        return read_journal(&SourceSpec::Directory(path.to_owned()), wanted, since, each);
    }
    let mut magic = [0; JOURNAL_FILE.len()];
    if kind.is_file() && file.read_exact_at(&mut magic, 0).is_ok() && magic == JOURNAL_FILE {
        return read_journal(
            &SourceSpec::Files(vec![path.to_owned()]),
            wanted,
            since,
            each,
        );
    }
    Lines::new(wanted, since, now)
        .read(BufReader::with_capacity(128 * 1024, file), each)
        .with_context(reading)
}

/// Whether there is no such file, or cannot be: lines are long, and have slashes in them.
fn names_nothing(error: &io::Error) -> bool {
    use ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), InvalidFilename | NotADirectory | NotFound)
}

/// Whether this is rather a line of a log than the name of one: it has a blank in it or begins like
/// JSON, and does not begin like a path.
fn is_line(path: &Path) -> bool {
    let text = path.as_os_str().as_bytes();
    let named = [&b"/"[..], b"./", b"../"]
        .iter()
        .any(|root| text.starts_with(root));
    !named && (text.starts_with(b"{") || text.contains(&b' '))
}

fn read_journal(
    spec: &SourceSpec,
    wanted: &Wanted,
    since: Option<Time>,
    each: impl FnMut(Entry) -> ControlFlow<()>,
) -> anyhow::Result<Count> {
    let count = journal::read(spec, wanted, since, each)?;
    if count.entries == 0 {
        journal::self_test(spec)?;
    }
    Ok(Count {
        entries: count.entries,
        cut: count.truncated,
        unreadable: count.unreadable,
    })
}

/// Reads entries from lines.
struct Lines<'a> {
    matches: &'a [JournalMatch],
    since: Option<Time>,
    calendar: Calendar,
    /// The time of the last line that told one.
    last: Option<Time>,
    count: Count,
}

impl<'a> Lines<'a> {
    fn new(wanted: &'a Wanted, since: Option<Time>, now: Time) -> Self {
        let calendar = Calendar {
            now,
            zone: TimeZone::system(),
        };
        Self {
            matches: &wanted.matches,
            since,
            calendar,
            last: None,
            count: Count::default(),
        }
    }

    fn read(
        mut self,
        mut input: impl BufRead,
        mut each: impl FnMut(Entry) -> ControlFlow<()>,
    ) -> anyhow::Result<Count> {
        let mut line = Vec::new();
        while let Some(cut) = next_line(&mut input, &mut line)? {
            self.count.cut += u64::from(cut);
            let Some(entry) = self.entry(&line) else {
                continue;
            };
            if self.since.is_some_and(|since| entry.time() < since) {
                continue;
            }
            self.count.entries += 1;
            if each(entry).is_break() {
                break;
            }
        }
        Ok(self.count)
    }

    fn entry(&mut self, line: &[u8]) -> Option<Entry> {
        if !export::looks_like(line) {
            let mut entry = line::entry(line, &self.calendar);
            // A line without a time goes on with what the one before it began.
            if entry.time() != self.calendar.now {
                self.last = Some(entry.time());
            } else if let Some(last) = self.last {
                entry.set_time(last);
            }
            return Some(entry);
        }
        let Ok(mut entry) = export::entry(line) else {
            self.count.unreadable += 1;
            return None;
        };
        if entry.time() == Time::EPOCH {
            entry.set_time(self.calendar.now);
        }
        let matches = self.matches;
        if !matches.is_empty() && !matches.iter().any(|m| m.matches(&entry)) {
            return None;
        }
        line::unpack_output(&mut entry);
        Some(entry)
    }
}

/// Reads the next line into `line`, without its `\n` or `\r\n`; the answer tells whether it was
/// longer than [`LINE_LIMIT`], and is `None` at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<bool>> {
    line.clear();
    let limit = LINE_LIMIT as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    let cut = line.len() > LINE_LIMIT && line.last() != Some(&b'\n');
    if cut {
        line.truncate(LINE_LIMIT);
        input.skip_until(b'\n')?;
    } else if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(Some(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_717_200_000);

    fn read(text: &[u8], wanted: &Wanted, since: Option<Time>) -> (Vec<Entry>, Count) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("writes");
        let mut seen = Vec::new();
        let journal = SourceSpec::default();
        let count = entries(&journal, Some(file.path()), wanted, since, NOW, |entry| {
            seen.push(entry);
            ControlFlow::Continue(())
        });
        (seen, count.expect("reads"))
    }

    fn messages(entries: &[Entry]) -> Vec<&[u8]> {
        entries.iter().map(Entry::message).collect()
    }

    #[test]
    fn lines_end_in_any_way() {
        let (entries, count) = read(b"a\r\n\nb\xff\0\r\nc\rd\ne", &Wanted::default(), None);
        let expected: [&[u8]; 5] = [b"a", b"", b"b\xff\0", b"c\rd", b"e"];
        assert_eq!(messages(&entries), expected);
        assert_eq!(
            count,
            Count {
                entries: 5,
                ..Count::default()
            }
        );
        assert!(read(b"", &Wanted::default(), None).0.is_empty());
    }

    #[test]
    fn a_line_without_a_time_has_that_of_the_line_before() {
        let text = b"a\n2024-03-07 18:53:20 b\nc\n2024-03-07 18:53:25 d\ne\n";
        let (entries, _) = read(text, &Wanted::default(), None);
        let times: Vec<Time> = entries.iter().map(Entry::time).collect();
        assert_eq!(times[0], NOW);
        assert_eq!([times[2], times[4]], [times[1], times[3]]);
        assert_eq!(times[3].since(times[1]), std::time::Duration::from_secs(5));
    }

    #[test]
    fn a_line_without_end_is_cut_and_counted() {
        let long = vec![b'x'; LINE_LIMIT];
        let text = [&long[..], b"\n", &long, b"yy\n", &long, b"y\nz"].concat();
        let (entries, count) = read(&text, &Wanted::default(), None);
        assert_eq!(
            count,
            Count {
                entries: 4,
                cut: 2,
                ..Count::default()
            }
        );
        assert_eq!(entries[3].message(), b"z");
    }

    #[test]
    fn exported_entries_are_recognised_and_matched() {
        let text = br#"{"__REALTIME_TIMESTAMP":"1700000000000000","MESSAGE":"a","_UID":"0"}
{"__REALTIME_TIMESTAMP":"1700000001000000","MESSAGE":"b","_UID":"1"}
{"__REALTIME_TIMESTAMP":"1700000002000000","MESSAGE":"c","_UID":"0"
{"__REALTIME_TIMESTAMP":"1700000003000000","MESSAGE":"d","_UID":"0"}
"#;
        let root = Wanted {
            matches: vec![JournalMatch::parse("_UID=0").expect("a match")],
            ..Wanted::default()
        };
        let (entries, count) = read(text, &root, None);
        assert_eq!(messages(&entries), [b"a", b"d"]);
        assert_eq!(
            count,
            Count {
                entries: 2,
                cut: 0,
                unreadable: 1
            }
        );
        let (entries, _) = read(text, &root, Some(Time::from_secs(1_700_000_001)));
        assert_eq!(messages(&entries), [b"d"]);
    }

    fn read_named(name: &str) -> anyhow::Result<Vec<Entry>> {
        let mut seen = Vec::new();
        let (journal, wanted) = (SourceSpec::default(), Wanted::default());
        entries(
            &journal,
            Some(Path::new(name)),
            &wanted,
            None,
            NOW,
            |entry| {
                seen.push(entry);
                ControlFlow::Continue(())
            },
        )?;
        Ok(seen)
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for name in [
            "/nonexistent",
            "./no such log",
            "/no such log",
            "nonexistent",
        ] {
            let error = read_named(name).expect_err("no file");
            let error = format!("{error:#}");
            assert!(error.starts_with(&format!("reading {name}: ")), "{error}");
        }
    }

    #[test]
    fn a_line_is_read_itself() {
        let long = format!("GET /{} failed", "x".repeat(5000));
        for line in ["a b", r#"{"a":"b"}"#, "Cargo.toml/a b", &long] {
            let entries = read_named(line).expect("reads");
            assert_eq!(messages(&entries), [line.as_bytes()]);
        }
    }
}

//! A file of `ignoreip`: an address or a network a line, behind `#` a remark.
//!
//! A slip in it must not lock anybody out: while a line is wrong, or the file cannot be read, what
//! it said before goes on to hold.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::stamp::Stamp;
use crate::model::{Prefix, PrefixError, printable};

/// The longest file that is read, in bytes: some 60 000 addresses. Each failure is compared with
/// all of them.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// The most wrong lines that are told at once.
const PROBLEMS_TOLD: usize = 10;

/// Why a file does not say whom to ignore.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// It cannot be read.
    #[error("reading {0}: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is a directory, a pipe or the like.
    #[error("{0} is no file")]
    NoFile(PathBuf),
    /// It is longer than anybody's list.
    #[error("{0} is longer than {SIZE_LIMIT} bytes")]
    TooLong(PathBuf),
}

/// A line that is no address.
#[derive(Debug, PartialEq, Eq)]
struct BadLine {
    /// Counted from 1.
    line: usize,
    error: PrefixError,
}

/// A file that is looked at again and again.
pub(super) struct IgnoredFile {
    path: PathBuf,
    /// What was there at the last look.
    seen: Option<Result<Stamp, io::ErrorKind>>,
    /// What it says, or last said.
    prefixes: Option<Vec<Prefix>>,
    /// Whether it was complained of.
    doubtful: bool,
}

impl IgnoredFile {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: None,
            prefixes: None,
            doubtful: false,
        }
    }

    /// What it says now, if that is new. Logs what is wrong with it, once.
    pub fn look(&mut self) -> Option<Vec<Prefix>> {
        let seen = Stamp::of(&self.path).map_err(|error| error.kind());
        if self.seen == Some(seen) {
            return None;
        }
        // Before it is read: what changes meanwhile is seen at the next look.
        self.seen = Some(seen);
        let before = self.prefixes.take();
        let now = match read(&self.path) {
            Ok((prefixes, bad)) if bad.is_empty() => {
                if self.doubtful {
                    info!("{} is right again", self.path.display());
                }
                self.doubtful = false;
                prefixes
            }
            Ok((prefixes, bad)) => {
                self.complain(&bad, before.is_some());
                before.clone().unwrap_or(prefixes)
            }
            Err(error) => {
                self.doubtful = true;
                if before.is_some() {
                    warn!("{error}; whom it ignored before is still ignored");
                } else {
                    warn!("{error}; nobody is ignored for it until that is mended");
                }
                before.clone().unwrap_or_default()
            }
        };
        let changed = before.as_ref() != Some(&now);
        if changed && before.is_some() {
            info!("{} names {} prefixes now", self.path.display(), now.len());
        }
        self.prefixes = Some(now.clone());
        changed.then_some(now)
    }

    fn complain(&mut self, bad: &[BadLine], before: bool) {
        self.doubtful = true;
        for line in bad.iter().take(PROBLEMS_TOLD) {
            warn!("{}", told(&self.path, line));
        }
        let path = self.path.display();
        if before {
            warn!("{path}: until all of it is right, what it said before holds");
        } else {
            warn!("{path}: only its lines that are right hold");
        }
    }
}

/// What is wrong with the file at `path`: the number of the line (1 if it is the whole file), and
/// what would be right.
#[must_use]
pub fn problems(path: &Path) -> Vec<(usize, String)> {
    let shown = |error: &dyn std::fmt::Display| printable(&error.to_string());
    match read(path) {
        Ok((_, bad)) => bad
            .iter()
            .map(|bad| (bad.line, shown(&bad.error)))
            .collect(),
        Err(error) => vec![(1, shown(&error))],
    }
}

fn told(path: &Path, bad: &BadLine) -> String {
    let error = printable(&bad.error.to_string());
    format!("{}:{}: {error}", path.display(), bad.line)
}

fn read(path: &Path) -> Result<(Vec<Prefix>, Vec<BadLine>), Unusable> {
    let unreadable = |error| Unusable::Unreadable(path.to_owned(), error);
    // Asked first: to open a pipe is to wait for somebody at its other end.
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(Unusable::NoFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?.take(SIZE_LIMIT + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if file.limit() == 0 {
        return Err(Unusable::TooLong(path.to_owned()));
    }
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

/// The prefixes of `text`, sorted, and its lines that are wrong.
fn parse(text: &str) -> (Vec<Prefix>, Vec<BadLine>) {
    let (mut prefixes, mut bad) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let written = line.split('#').next().unwrap_or_default().trim();
        match written.parse() {
            Ok(prefix) => prefixes.push(prefix),
            Err(_) if written.is_empty() => {}
            Err(error) => bad.push(BadLine {
                line: at + 1,
                error,
            }),
        }
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    (prefixes, bad)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn prefixes(texts: &[&str]) -> Vec<Prefix> {
        let parsed = texts.iter().map(|text| text.parse().expect("a prefix"));
        parsed.collect()
    }

    #[test]
    fn what_a_file_said_holds_until_it_says_something_else_that_is_right() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ignored");
        let mut file = IgnoredFile::new(path.clone());
        assert_eq!(file.look(), Some(vec![]), "missing is empty");
        assert_eq!(file.look(), None);

        fs::write(&path, "# us\n192.0.2.1 # me\r\n\n 2001:db8::/32\n").expect("writes");
        let first = prefixes(&["192.0.2.1", "2001:db8::/32"]);
        assert_eq!(file.look(), Some(first));
        assert_eq!(file.look(), None);

        fs::write(&path, "198.51.100.0/24\n192.0.2\n").expect("writes");
        assert_eq!(file.look(), None, "the old holds");
        assert_eq!(
            problems(&path),
            [(
                2,
                "\"192.0.2\" is no address or prefix: write 192.0.2.1, 192.0.2.0/24, \
                 2001:db8::1 or 2001:db8::/64"
                    .to_owned()
            )]
        );
        // As editors do it: a new file, moved into the place of the old one.
        let new = directory.path().join("new");
        fs::write(&new, "198.51.100.0/24\n").expect("writes");
        fs::rename(&new, &path).expect("renames");
        assert_eq!(file.look(), Some(prefixes(&["198.51.100.0/24"])));

        fs::remove_file(&path).expect("removes");
        assert_eq!(file.look(), None, "the old holds");
        fs::write(&path, "").expect("writes");
        assert_eq!(file.look(), Some(vec![]));
    }

    #[test]
    fn at_the_first_look_the_lines_that_are_right_hold() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ignored");
        fs::write(&path, b"192.0.2.1\nhome.example.org\n\xff\n192.0.2.1/32\n").expect("writes");
        let mut file = IgnoredFile::new(path.clone());
        assert_eq!(file.look(), Some(prefixes(&["192.0.2.1"])));
        assert_eq!(problems(&path).len(), 2);
    }

    #[test]
    fn what_is_no_file_or_no_list_is_not_read() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(problems(directory.path())[0].1.ends_with(" is no file"));
        let path = directory.path().join("long");
        let long = "# a remark\n".repeat(100_000);
        fs::write(&path, &long).expect("writes");
        assert!(problems(&path)[0].1.contains("is longer than"));
    }
}

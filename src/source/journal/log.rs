//! One open journal: opening what a [`SourceSpec`] names, and moving about in it by [`Mark`]s.
//!
//! A thin layer over libsystemd that adds the words of what was being done to its errors.

use std::cmp::Ordering;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use anyhow::Context;
use systemd::journal::{Journal, OpenDirectoryOptions, OpenFilesOptions, OpenOptions};

use super::mark::Mark;
use super::selection::{Read, Selection};
use crate::model::{Entry, Time};
use crate::source::{SourceSpec, Wanted};

/// Where journald keeps its files, each machine's and namespace's in a directory of its own.
const ROOTS: [&str; 2] = ["/run/log/journal", "/var/log/journal"];

/// An open journal.
pub(super) struct Log {
    journal: Journal,
    selection: Selection,
    /// Directories that journald may make, and that libsystemd would not notice.
    missing: Vec<PathBuf>,
}

impl Log {
    /// Opens what `spec` names. A namespace that does not exist (yet) opens as well, and is empty.
    pub(super) fn open(spec: &SourceSpec, wanted: &Wanted) -> anyhow::Result<Self> {
        // Looked at before opening: one that comes in between is then opened once more.
        let missing = unnoticed(spec)
            .into_iter()
            .filter(|path| !path.exists())
            .collect();
        let journal = open(spec).with_context(|| format!("opening the {spec}"))?;
        Ok(Self {
            journal,
            selection: Selection::new(wanted),
            missing,
        })
    }

    /// The descriptor that becomes readable when files grow, come or go. Has to be asked for
    /// before reading: libsystemd watches from then on.
    pub(super) fn descriptor(&self) -> anyhow::Result<RawFd> {
        self.journal
            .fd()
            .context("watching the journal for changes")
    }

    /// Lets libsystemd look again for files that came or went.
    pub(super) fn refresh(&mut self) -> anyhow::Result<()> {
        self.journal
            .process()
            .context("looking for new journal files")?;
        Ok(())
    }

    /// Whether a directory for journal files has come that is not watched.
    pub(super) fn is_outdated(&self) -> bool {
        self.missing.iter().any(|path| path.exists())
    }

    /// Shows wanted entries only, by the index. Only for what is on disk for good: while an entry
    /// is being written, libsystemd counts it before its fields are indexed, and whoever looks
    /// in between is not shown it until the next one comes.
    pub(super) fn use_index(&mut self) -> anyhow::Result<()> {
        self.selection
            .add_to_index(&mut self.journal)
            .context("adding matches to the journal")
    }

    /// Shows every entry again. A seek has to follow.
    pub(super) fn drop_index(&mut self) -> anyhow::Result<()> {
        self.journal
            .match_flush()
            .context("removing matches from the journal")?;
        Ok(())
    }

    /// The next entry is the first one written at `time` or later.
    pub(super) fn seek_time(&mut self, time: Time) -> anyhow::Result<()> {
        self.journal
            .seek_realtime_usec(time.as_micros())
            .with_context(|| format!("going to {time} in the journal"))
    }

    /// The next entry is the one at `mark`, or the first one behind it.
    pub(super) fn seek_mark(&mut self, mark: &Mark) -> anyhow::Result<()> {
        self.journal
            .seek_cursor(mark.cursor())
            .with_context(|| format!("going to the cursor {} in the journal", mark.cursor()))
    }

    /// The mark of the last entry but one. The very last may still be in the making, and so not
    /// be in the index; journald writes one after the other.
    pub(super) fn last_complete(&mut self) -> anyhow::Result<Option<Mark>> {
        self.journal
            .seek_tail()
            .context("going to the journal's end")?;
        let moved = self
            .journal
            .previous_skip(2)
            .context("going back from the journal's end")?;
        (moved == 2).then(|| self.mark()).transpose()
    }

    /// Goes on to the next entry; false if there is none.
    pub(super) fn next(&mut self) -> anyhow::Result<bool> {
        Ok(self
            .journal
            .next()
            .context("going to the next journal entry")?
            != 0)
    }

    /// The mark of the current entry.
    pub(super) fn mark(&self) -> anyhow::Result<Mark> {
        Mark::parse(
            &self
                .journal
                .cursor()
                .context("asking where the journal stands")?,
        )
    }

    /// When the current entry was written.
    pub(super) fn time(&self) -> anyhow::Result<Time> {
        let micros = self.journal.timestamp_usec();
        Ok(Time::from_micros(
            micros.context("asking when a journal entry was written")?,
        ))
    }

    /// Where the current entry lies, seen from `mark`.
    pub(super) fn order(&self, mark: &Mark) -> anyhow::Result<Ordering> {
        // Without making a cursor's text (0.6 µs) for nearly all entries: within one boot journald
        // gives numbers and monotonic times in the same order.
        let (monotonic, boot) = self
            .journal
            .monotonic_timestamp()
            .context("asking when a journal entry was written")?;
        let here = (u128::from_be_bytes(*boot.as_bytes()), monotonic);
        let (boot, monotonic) = mark.monotonic();
        if here.0 == boot && here.1 != monotonic {
            return Ok(here.1.cmp(&monotonic));
        }
        Ok(self.mark()?.order(mark))
    }

    /// Reads the current entry as far as it is wanted.
    pub(super) fn read(&mut self, entry: &mut Entry) -> anyhow::Result<Read> {
        self.selection
            .read(&mut self.journal, entry)
            .with_context(|| format!("reading the journal entry of {}", entry.time()))
    }
}

/// The directories that libsystemd does not notice when they come after opening: the roots, of which
/// it watches what is there (persistent storage is switched on by making one), and those of a
/// namespace, as it takes new directories only if they are named by a machine id alone
/// (`process_inotify_event` in sd-journal.c).
fn unnoticed(spec: &SourceSpec) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = match spec {
        SourceSpec::Journal | SourceSpec::Namespace(_) => ROOTS.map(PathBuf::from).into(),
        SourceSpec::Directory(_) | SourceSpec::Files(_) => Vec::new(),
    };
    if let SourceSpec::Namespace(name) = spec
        && let Ok(machine) = std::fs::read_to_string("/etc/machine-id")
    {
        let directory = format!("{}.{name}", machine.trim());
        paths.extend(ROOTS.map(|root| Path::new(root).join(&directory)));
    }
    paths
}

fn open(spec: &SourceSpec) -> anyhow::Result<Journal> {
    // Files that other machines sent are not this machine's journal: they would let those machines
    // ban here.
    let mut own = OpenOptions::default();
    own.local_only(true);
    Ok(match spec {
        SourceSpec::Journal => own.open()?,
        SourceSpec::Namespace(name) => own.open_namespace(name.as_str())?,
        SourceSpec::Directory(path) => {
            OpenDirectoryOptions::default().open_directory(text(path)?)?
        }
        SourceSpec::Files(paths) => {
            let paths = paths
                .iter()
                .map(|path| text(path))
                .collect::<anyhow::Result<Vec<_>>>()?;
            OpenFilesOptions::default().open_files(paths)?
        }
    })
}

/// The `systemd` crate takes paths as text only.
fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("the path {} is not UTF-8", path.display()))
}

//! What is ignored beyond the prefixes that the configuration writes out: files with addresses,
//! names of hosts, and the addresses from which administrators are logged in.
//!
//! All of it changes while the daemon runs, and none of it may hold the loop up: a file may lie on
//! a server that does not answer, and a name takes as long to resolve as the network wants. So
//! tasks look, and tell the loop [what has changed](News).

mod administrators;
mod file;
mod known;
mod names;
pub mod resolver;
mod sessions;
mod stamp;
mod utmp;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::error;

use crate::model::{HostName, Prefix};
use file::IgnoredFile;
use names::Names;
use sessions::Sessions;

pub use file::problems;

/// What the path of a file is written behind.
const FILE: &str = "file:";

/// How often files and sessions are looked at: a few stat(2) each time. Not inotify: it does not
/// see a file that somebody else's machine changes, nor what happens behind a symbolic link.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is to be watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `file:/PATH` and names of hosts, as the configuration has them.
    pub named: BTreeSet<Box<str>>,
    /// Whether sessions of administrators are.
    pub sessions: bool,
}

/// Where things are that are needed for it.
#[derive(Clone, Debug)]
pub struct Places {
    /// Below it are `etc/passwd`, `run/systemd/sessions` and the like.
    pub root: PathBuf,
    /// The socket of whoever resolves names for us.
    pub resolver: PathBuf,
    /// The directory in which to remember what names stood for.
    pub state: PathBuf,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The machine's own addresses are these now.
    Own(Vec<IpAddr>),
    /// What is written so stands for these prefixes now.
    Named(Box<str>, Vec<Prefix>),
    /// Administrators (their names) are logged in from these addresses now.
    Sessions(Vec<(IpAddr, Box<str>)>),
}

/// Watches all that is wanted.
pub struct Watch {
    looking: Looking,
    names: Names,
}

impl Watch {
    /// Looks for the first time: at files and sessions, and for names at what they stood for when
    /// the daemon last ran; so that all of it holds before anybody is banned.
    #[must_use]
    pub fn begin(wanted: &Wanted, places: &Places) -> (Self, Vec<News>) {
        let mut looking = Looking::new(places);
        looking.want(wanted);
        let mut news = looking.look();
        let (names, known) = Names::begin(places);
        let remembered = known.into_iter().filter(|(name, _)| {
            let name: &str = name.as_str();
            wanted.named.contains(name)
        });
        news.extend(remembered.map(|(name, addresses)| names::named(&name, &addresses)));
        (Self { looking, names }, news)
    }

    /// Goes on in tasks of their own, which end when `tell` is closed or `wanted` is gone. Needs a
    /// tokio runtime with time and I/O.
    pub fn run(self, wanted: &watch::Receiver<Wanted>, tell: &mpsc::Sender<News>) {
        tokio::spawn(look_on(self.looking, wanted.clone(), tell.clone()));
        tokio::spawn(self.names.run(wanted.clone(), tell.clone()));
    }
}

/// What is found out by looking at files.
struct Looking {
    files: BTreeMap<Box<str>, IgnoredFile>,
    sessions: Sessions,
    with_sessions: bool,
}

impl Looking {
    fn new(places: &Places) -> Self {
        Self {
            files: BTreeMap::new(),
            sessions: Sessions::new(&places.root),
            with_sessions: false,
        }
    }

    fn want(&mut self, wanted: &Wanted) {
        self.files.retain(|name, _| wanted.named.contains(name));
        for (name, path) in files(wanted.named.iter().map(|name| &**name)) {
            self.files
                .entry(name.into())
                .or_insert_with(|| IgnoredFile::new(path));
        }
        self.with_sessions = wanted.sessions;
    }

    fn look(&mut self) -> Vec<News> {
        let changed = self.files.iter_mut().filter_map(|(name, file)| {
            let prefixes = file.look()?;
            Some(News::Named(name.clone(), prefixes))
        });
        let mut news: Vec<News> = changed.collect();
        news.extend(self.sessions.look(self.with_sessions).map(News::Sessions));
        news
    }
}

async fn look_on(
    mut looking: Looking,
    mut wanted: watch::Receiver<Wanted>,
    tell: mpsc::Sender<News>,
) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = wanted.changed() => if changed.is_err() {
                return;
            }
        }
        let now_wanted = wanted.borrow_and_update().clone();
        // A thread of its own: reading may wait for whatever the file lies on.
        let looked = tokio::task::spawn_blocking(move || {
            looking.want(&now_wanted);
            let news = looking.look();
            (looking, news)
        });
        let news;
        (looking, news) = match looked.await {
            Ok(looked) => looked,
            Err(broken) => {
                error!("files in ignoreip and sessions are not looked at any more: {broken}");
                return;
            }
        };
        for one in news {
            if tell.send(one).await.is_err() {
                return;
            }
        }
    }
}

/// The files among what is written, with their paths.
pub fn files<'n>(
    named: impl IntoIterator<Item = &'n str>,
) -> impl Iterator<Item = (&'n str, PathBuf)> {
    let named = named.into_iter();
    named.filter_map(|name| Some((name, PathBuf::from(name.strip_prefix(FILE)?))))
}

/// The names of hosts among what is written.
fn host_names(wanted: &Wanted) -> BTreeSet<HostName> {
    let named = wanted.named.iter().filter(|name| !name.starts_with(FILE));
    named.filter_map(|name| name.parse().ok()).collect()
}

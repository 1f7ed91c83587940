//! What the engine is told to spare: kept whole here, as news of its parts comes in.

use std::path::Path;

use anyhow::Result;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use crate::config::Settings;
use crate::engine::Spared;
use crate::ignored::{News, Places, Wanted, Watch};
use crate::own_addresses::OwnAddresses;
use crate::paths;

/// How much news may wait for the loop.
const NEWS_WAITING: usize = 16;

/// All that is spared now, and those who watch it.
pub(super) struct Sparing {
    spared: Spared,
    wanted: watch::Sender<Wanted>,
}

impl Sparing {
    /// Finds out what is to be spared under `settings`, and has it watched from here on.
    pub async fn begin(root: &Path, settings: &Settings) -> Result<(Self, mpsc::Receiver<News>)> {
        let mut own = OwnAddresses::watch()?;
        let spared = Spared {
            own: own.list().await?,
            ..Spared::default()
        };
        let wanted = wanted(settings);
        let places = Places {
            root: root.to_owned(),
            resolver: paths::resolver_socket(root),
            state: paths::state_directory(root),
        };
        let (watch, first) = Watch::begin(&wanted, &places);
        let mut sparing = Self {
            spared,
            wanted: watch::Sender::new(wanted),
        };
        for news in first {
            sparing.take(news);
        }
        let (tell, told) = mpsc::channel(NEWS_WAITING);
        watch.run(&sparing.wanted.subscribe(), &tell);
        tokio::spawn(watch_own_addresses(own, tell));
        Ok((sparing, told))
    }

    /// All that is spared.
    pub fn spared(&self) -> Spared {
        self.spared.clone()
    }

    /// Takes in what has changed.
    pub fn take(&mut self, news: News) {
        match news {
            News::Own(addresses) => self.spared.own = addresses,
            News::Named(name, prefixes) => drop(self.spared.named.insert(name, prefixes)),
            News::Sessions(from) => self.spared.sessions = from,
        }
    }

    /// Has that watched which other settings ask for.
    pub fn reconfigure(&mut self, settings: &Settings) {
        let wanted = wanted(settings);
        self.spared
            .named
            .retain(|name, _| wanted.named.contains(name));
        self.wanted.send_replace(wanted);
    }
}

fn wanted(settings: &Settings) -> Wanted {
    let policies = || settings.jails.iter().map(|jail| &jail.policy);
    Wanted {
        named: policies()
            .flat_map(|policy| policy.ignore_named.iter().cloned())
            .collect(),
        sessions: policies().any(|policy| policy.ignore_sessions),
    }
}

/// Sends the machine's addresses whenever they change; `ignoreself` follows them.
async fn watch_own_addresses(mut own: OwnAddresses, tell: mpsc::Sender<News>) {
    while own.changed().await {
        match own.list().await {
            Ok(addresses) => {
                if tell.send(News::Own(addresses)).await.is_err() {
                    return;
                }
            }
            Err(error) => warn!("{error:#}"),
        }
    }
    warn!("changes of the machine's own addresses are not seen any more; a restart mends that");
}

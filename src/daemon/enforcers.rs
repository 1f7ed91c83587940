//! The enforcers: one for each backend that a jail names, and which jail has which.
//!
//! A decision goes to every backend of its jail; each keeps its own part in force, whatever becomes
//! of the others. A backend that no jail names is cleared: what an earlier life or an earlier
//! configuration has put there would stay, and nobody would lift it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, warn};

use crate::backend::{
    Answer, Backend, BackendError, Change, Dropped, DryRun, Enforcer, Holding, Kept, Kind,
    Nftables, Routes, Table, Target, Told,
};
use crate::config::{Problem, Settings};
use crate::model::{JailName, Time};
use crate::paths::DEFAULT_ROOT;

/// A jail's wishes, and the backends that they go to.
pub(super) struct Post {
    pub target: Target,
    pub backends: Vec<Kind>,
}

/// What has to be known to open the backends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The table in nftables.
    pub table: Table,
    /// Whether this is the daemon of the machine, and not one that somebody tries out beside it:
    /// what backends hold that no jail names is then of an earlier life, and is cleared.
    pub alone: bool,
}

impl Options {
    /// Those of a daemon with these settings, whose files are below `root`.
    pub fn of(root: &Path, settings: &Settings) -> Self {
        Self {
            table: settings.table.clone(),
            alone: root == Path::new(DEFAULT_ROOT),
        }
    }

    /// Whether a backend that was opened with these does as well for `other`.
    fn same_for(&self, other: &Self, kind: Kind) -> bool {
        match kind {
            Kind::Nftables => self.table == other.table,
            Kind::Route | Kind::DryRun => true,
        }
    }
}

/// What a configuration needs, opened.
pub(super) struct Prepared {
    options: Options,
    kinds: BTreeSet<Kind>,
    /// Backends that are new, or take the place of one with other options.
    opened: BTreeMap<Kind, Box<dyn Backend>>,
}

/// All enforcers.
pub(super) struct Enforcers {
    options: Options,
    running: BTreeMap<Kind, Enforcer>,
    /// Those that no jail names any more, which take back what they have in force.
    leaving: Vec<Enforcer>,
    /// The backends of each jail.
    backends: HashMap<JailName, Vec<Kind>>,
    tell: mpsc::UnboundedSender<Told>,
}

impl Enforcers {
    /// Opens what `posts` ask for, and puts all of `holdings` in force before it returns.
    pub async fn start(
        options: Options,
        posts: &[Post],
        holdings: Vec<Holding>,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Result<Self> {
        let mut enforcers = Self {
            options,
            running: BTreeMap::new(),
            leaving: Vec::new(),
            backends: HashMap::new(),
            tell,
        };
        let prepared = enforcers.prepare(enforcers.options.clone(), posts)?;
        let answers = enforcers.reconfigure(prepared, posts, holdings)?;
        enforced(answers)
            .await
            .context("putting the bans in force")?;
        for kind in Kind::ALL {
            if enforcers.options.alone && !enforcers.running.contains_key(&kind) {
                clear_unused(kind, &enforcers.options);
            }
        }
        Ok(enforcers)
    }

    /// Opens what `posts` ask for and is not open yet. Nothing changes before
    /// [`reconfigure`](Self::reconfigure) gets it.
    pub fn prepare(&self, options: Options, posts: &[Post]) -> Result<Prepared, BackendError> {
        let kinds: BTreeSet<Kind> = posts
            .iter()
            .flat_map(|post| post.backends.iter().copied())
            .collect();
        let mut opened = BTreeMap::new();
        for kind in &kinds {
            if !self.running.contains_key(kind) || !self.options.same_for(&options, *kind) {
                opened.insert(*kind, open(*kind, &options)?);
            }
        }
        Ok(Prepared {
            options,
            kinds,
            opened,
        })
    }

    /// Takes on jails and all that is wanted, in the place of what was before.
    pub fn reconfigure(
        &mut self,
        prepared: Prepared,
        posts: &[Post],
        mut holdings: Vec<Holding>,
    ) -> Result<Vec<Answer>> {
        let Prepared {
            options,
            kinds,
            mut opened,
        } = prepared;
        // Waits for them, so that they do not take back what is put in force now.
        self.leaving.clear();
        let gone = |kind: &Kind| !kinds.contains(kind) || opened.contains_key(kind);
        let before: Vec<Kind> = self.running.keys().copied().filter(gone).collect();
        let mut leaving = Vec::new();
        for kind in before {
            let Some(enforcer) = self.running.remove(&kind) else {
                continue;
            };
            if kinds.contains(&kind) && self.options.table.name == options.table.name {
                // Its successor replaces the very table, and can only when it is let go of.
                enforcer.stop();
            } else {
                leaving.push(enforcer);
            }
        }

        self.options = options;
        self.backends = posts
            .iter()
            .map(|post| (post.target.jail.clone(), post.backends.clone()))
            .collect();
        let mut answers = Vec::new();
        let mut left = kinds.clone();
        for kind in kinds {
            let has = |jail: &JailName| {
                self.backends
                    .get(jail)
                    .is_some_and(|all| all.contains(&kind))
            };
            let targets: Vec<Target> = posts
                .iter()
                .filter(|post| post.backends.contains(&kind))
                .map(|post| post.target.clone())
                .collect();
            // A million of them need not lie in memory twice for the last backend, often the only one.
            let wanted: Vec<Holding> = if left.len() == 1 {
                holdings.retain(|holding| has(&holding.jail));
                std::mem::take(&mut holdings)
            } else {
                let its_own = holdings.iter().filter(|holding| has(&holding.jail));
                its_own.cloned().collect()
            };
            left.remove(&kind);
            if let Some(backend) = opened.remove(&kind) {
                let (enforcer, answer) =
                    Enforcer::start(backend, targets, wanted, self.tell.clone())?;
                self.running.insert(kind, enforcer);
                answers.push(answer);
            } else if let Some(enforcer) = self.running.get(&kind) {
                answers.push(enforcer.reconfigure(targets, wanted));
            }
        }
        for mut enforcer in leaving {
            enforcer.leave(self.all_in_force());
            self.leaving.push(enforcer);
        }
        Ok(answers)
    }

    /// An answer from each backend, once everything asked for so far was tried.
    fn all_in_force(&self) -> Vec<Answer> {
        let nothing = |enforcer: &Enforcer| enforcer.apply(Vec::new());
        self.running.values().map(nothing).collect()
    }

    /// Has changes carried out; there is an answer for each backend that has something to do.
    pub fn apply(&self, changes: Vec<Change>) -> Vec<Answer> {
        let mut by_kind: BTreeMap<Kind, Vec<Change>> = BTreeMap::new();
        for change in changes {
            // Of a jail that is gone there is nothing left to lift.
            let kinds = self
                .backends
                .get(change.jail())
                .map_or(&[][..], Vec::as_slice);
            for kind in kinds {
                by_kind.entry(*kind).or_default().push(change.clone());
            }
        }
        by_kind
            .into_iter()
            .filter_map(|(kind, changes)| Some(self.running.get(&kind)?.apply(changes)))
            .collect()
    }

    /// Asks what was stopped so far; an answer for each backend.
    pub fn dropped(&self) -> Vec<oneshot::Receiver<Result<Vec<Dropped>, BackendError>>> {
        self.running.values().map(Enforcer::dropped).collect()
    }

    /// Asks every backend that enforces anything what really keeps `addr` out.
    pub fn keeps(&self, addr: IpAddr) -> Vec<oneshot::Receiver<Result<Vec<Kept>, BackendError>>> {
        let enforcing = self.running.iter().filter(|(kind, _)| enforces(**kind));
        enforcing
            .map(|(_, enforcer)| enforcer.keeps(addr))
            .collect()
    }

    /// Whether a jail's bans keep anybody out.
    pub fn enforce(&self, jail: &JailName) -> bool {
        let kinds = self.backends.get(jail);
        kinds.is_some_and(|kinds| kinds.iter().copied().any(enforces))
    }

    /// Ends all of them; what is in force stays so.
    pub fn stop(self) {
        self.running.into_values().for_each(Enforcer::stop);
    }
}

fn enforces(kind: Kind) -> bool {
    kind != Kind::DryRun
}

/// Waits until every backend has it in force, or tells why one could not.
pub(super) async fn enforced(answers: Vec<Answer>) -> Result<(), BackendError> {
    let mut outcome = Ok(());
    for answer in answers {
        let answer = answer
            .await
            .unwrap_or_else(|_| Err(BackendError::Uncertain("the enforcer has stopped".into())));
        outcome = outcome.and(answer);
    }
    outcome
}

/// What is wrong with a configuration if a backend cannot be opened as it asks for.
pub(super) fn not_to_be_opened(root: &Path, error: &BackendError) -> Problem {
    let file = root.join("etc/journalban/journalban.toml");
    Problem {
        file: file.display().to_string(),
        line: 1,
        column: 1,
        message: error.to_string(),
        jail: None,
    }
}

/// What backends have in force for the jails of `posts`, for a daemon that has lost its own books:
/// to be asked before [`Enforcers::start`]. A prefix that several backends of a jail hold comes
/// once, with its latest end.
pub(super) fn held(options: &Options, posts: &[Post], now: Time) -> Result<Vec<Holding>> {
    let mut all: Vec<Holding> = Vec::new();
    for kind in Kind::ALL {
        let targets: Vec<Target> = posts
            .iter()
            .filter(|post| post.backends.contains(&kind))
            .map(|post| post.target.clone())
            .collect();
        if !targets.is_empty() {
            let mut backend = open(kind, options)?;
            let held = backend.held(&targets, now);
            all.extend(held.with_context(|| format!("reading bans from {}", backend.name()))?);
        }
    }
    let latest = |holding: &Holding| (holding.until.is_some(), std::cmp::Reverse(holding.until));
    all.sort_by(|a, b| (&a.jail, a.prefix, latest(a)).cmp(&(&b.jail, b.prefix, latest(b))));
    all.dedup_by(|a, b| (&a.jail, a.prefix) == (&b.jail, b.prefix));
    Ok(all)
}

fn open(kind: Kind, options: &Options) -> Result<Box<dyn Backend>, BackendError> {
    Ok(match kind {
        Kind::Nftables => Box::new(Nftables::open_for(options.table.clone())?),
        Kind::Route => Box::new(Routes::open()?),
        Kind::DryRun => Box::new(DryRun::default()),
    })
}

/// Ends the bans of an earlier life in a backend that is not used any more. That must keep nobody
/// from being banned elsewhere; most often the backend just is not there, or not allowed.
fn clear_unused(kind: Kind, options: &Options) {
    let cleared = open(kind, options).and_then(|mut backend| {
        let name = backend.name();
        Ok((name, backend.clear()?))
    });
    match cleared {
        Ok((_, false)) => {}
        Ok((name, true)) => {
            info!("{name} is not used any more; the bans that were there are lifted");
        }
        Err(BackendError::Refused(why)) => debug!("looking for bans of an earlier life: {why}"),
        Err(error) => warn!("looking for bans of an earlier life: {error}"),
    }
}

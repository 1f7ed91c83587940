//! The enforcers: one for each backend that a jail names, and which jail has which.
//!
//! A decision goes to every backend of its jail; each keeps its own part in force, whatever becomes
//! of the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use tokio::sync::{mpsc, oneshot};

use crate::backend::{
    Answer, Backend, BackendError, Change, Dropped, DryRun, Enforcer, Holding, Kind, Nftables,
    Target, Told,
};
use crate::model::JailName;

/// A jail's wishes, and the backends that they go to.
pub(super) struct Post {
    pub target: Target,
    pub backends: Vec<Kind>,
}

/// What has to be known to open the backends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The name of the table in nftables.
    pub table: String,
}

/// All enforcers.
pub(super) struct Enforcers {
    options: Options,
    running: BTreeMap<Kind, Enforcer>,
    /// The backends of each jail.
    backends: HashMap<JailName, Vec<Kind>>,
    tell: mpsc::UnboundedSender<Told>,
}

impl Enforcers {
    /// Opens what `posts` ask for, and puts all of `holdings` in force before it returns.
    pub async fn start(
        options: Options,
        posts: &[Post],
        holdings: &[Holding],
        tell: mpsc::UnboundedSender<Told>,
    ) -> Result<Self> {
        let mut enforcers = Self {
            options,
            running: BTreeMap::new(),
            backends: HashMap::new(),
            tell,
        };
        let answers = enforcers.reconfigure(posts, holdings)?;
        enforced(answers)
            .await
            .context("putting the bans in force")?;
        Ok(enforcers)
    }

    /// Takes on jails and all that is wanted, in the place of what was before.
    pub fn reconfigure(&mut self, posts: &[Post], holdings: &[Holding]) -> Result<Vec<Answer>> {
        self.backends = posts
            .iter()
            .map(|post| (post.target.jail.clone(), post.backends.clone()))
            .collect();
        let kinds: BTreeSet<Kind> = posts
            .iter()
            .flat_map(|post| post.backends.iter().copied())
            .chain(self.running.keys().copied())
            .collect();
        let mut answers = Vec::new();
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
            let wanted: Vec<Holding> = holdings
                .iter()
                .filter(|holding| has(&holding.jail))
                .cloned()
                .collect();
            if let Some(enforcer) = self.running.get(&kind) {
                answers.push(enforcer.reconfigure(targets, wanted));
            } else {
                let backend = open(kind, &self.options)?;
                let (enforcer, answer) =
                    Enforcer::start(backend, targets, wanted, self.tell.clone())?;
                self.running.insert(kind, enforcer);
                answers.push(answer);
            }
        }
        Ok(answers)
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

    /// Ends all of them; what is in force stays so.
    pub fn stop(self) {
        self.running.into_values().for_each(Enforcer::stop);
    }
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

fn open(kind: Kind, options: &Options) -> Result<Box<dyn Backend>> {
    Ok(match kind {
        Kind::Nftables => Box::new(Nftables::open(&options.table).context("opening nftables")?),
        Kind::DryRun => Box::new(DryRun::default()),
    })
}

//! The state that the loop owns, and what happens to it.
//!
//! Whatever is decided goes the same way ([`Core::settle`]): into the store together with the
//! positions, then to the enforcer, then to the log.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc;
use tracing::{error, warn};

use crate::backend::{Answer, Change, Holding, Target, Told};
use crate::clock::now;
use crate::config::{self, Loaded, Problem, Settings};
use crate::daemon::adopting::adopted;
use crate::daemon::enforcers::{Enforcers, Options, Post, not_to_be_opened};
use crate::daemon::flood::Flood;
use crate::daemon::hooks::Hooks;
use crate::daemon::saving::Saved;
use crate::daemon::sources::Sources;
use crate::daemon::sparing::Sparing;
use crate::engine::{Engine, Policy};
use crate::filter::Verdict;
use crate::ignored::News;
use crate::model::{Bantime, Decision, JailName, Time};
use crate::paths;
use crate::source::Batch;
use crate::store::Store;

/// The jail of bans that an administrator makes without naming one; it has no filter.
pub(super) const MANUAL_JAIL: &str = "manual";

/// How long a ban by hand lasts if neither the request nor a jail says.
const MANUAL_BANTIME: Duration = Duration::from_hours(24);

/// How often positions are written while nothing is decided.
const POSITIONS_EVERY: Duration = Duration::from_secs(1);

/// All that counts, in one hand.
pub(super) struct Core {
    root: PathBuf,
    pub(super) settings: Settings,
    pub(super) engine: Engine,
    /// What the engine was told to spare.
    sparing: Sparing,
    pub(super) store: Store,
    pub(super) enforcers: Enforcers,
    pub(super) sources: Sources,
    hooks: Hooks,
    /// What of all that the store has, and has not.
    pub(super) saved: Saved,
    flood: Flood,
    /// Why the daemon cannot go on: a restart reads everything anew, and loses nothing.
    pub(super) broken: Option<anyhow::Error>,
}

impl Core {
    /// Reads the state, decides what is due, and puts all bans in force before it returns.
    pub(super) async fn start(
        root: &Path,
        loaded: Loaded,
        sparing: Sparing,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Result<Self> {
        let settings = loaded.settings;
        let held = held_jails(&settings, loaded.left_out);
        let policies = policies(&settings, &held);
        let at = now();
        let (mut store, aside) = Store::open(&paths::state_directory(root))?;
        if let Some(aside) = aside {
            error!(
                "{} was damaged; it is kept as {}, and a new one begun: history and positions are lost",
                store.path().display(),
                aside.display()
            );
        }
        let memory = Engine::memory(&policies, settings.purge_age);
        let restored = store.restore(
            at.before(settings.longest_findtime()),
            memory.map(|span| at.before(span)),
        )?;
        let saved = Saved::new(&restored.totals, at);
        let mut engine = Engine::new(settings.limits, seed());
        let mut bans = store.in_force();
        engine.restore(bans.by_ref(), restored.settled, restored.totals);
        let unreadable = restored.unreadable + bans.finish()?;
        if unreadable > 0 {
            let path = store.path().display();
            warn!("{path}: {unreadable} rows make no sense; they are left alone");
        }
        let posts = posts(&settings, &held);
        let options = Options::of(root, &settings);
        let mut decisions = Vec::new();
        if store.is_new()? {
            let adopted = adopted(&options, &posts, at);
            engine.restore(adopted.iter().cloned(), [], []);
            decisions.extend(adopted.into_iter().map(Decision::Ban));
        }
        // Before the policies, under which bans are then judged once, by what is spared now.
        decisions.extend(engine.set_spared(sparing.spared(), at));
        decisions.extend(engine.configure(policies, settings.limits, at));
        engine.remember(restored.past, at);
        decisions.extend(engine.tick(at));

        let enforcers = Enforcers::start(options, &posts, holdings(&engine), tell).await?;
        let hooks = Hooks::start(paths::hook_socket(root), &settings, &held);
        let mut core = Self {
            hooks,
            root: root.to_owned(),
            settings,
            engine,
            sparing,
            store,
            enforcers,
            sources: Sources::default(),
            saved,
            flood: Flood::new(at),
            broken: None,
        };
        core.settle(decisions);
        Ok(core)
    }

    /// Begins to read every source that a jail wants.
    pub(super) fn begin_reading(&mut self) -> Result<()> {
        self.sources.begin(&self.settings, &self.store, now())
    }

    /// Makes of a batch of entries what the filters and the engine make of it.
    pub(super) fn entries(&mut self, source: usize, batch: Batch) {
        let mut decisions = Vec::new();
        let now = now();
        for outcome in self.sources.outcomes(source, batch) {
            if outcome.verdict == Verdict::Name {
                self.engine.named(&outcome.jail);
            }
            if let Some(failure) = outcome.failure {
                decisions.extend(self.engine.failure(&failure, now));
            }
            if let Some(login) = outcome.success {
                self.engine
                    .success(&outcome.jail, login.addr, login.time, now);
            }
        }
        if !decisions.is_empty() {
            self.settle(decisions);
        }
    }

    /// What time alone brings: bans that end, positions to be written, old rows to be deleted.
    /// True if there is more than can be done at once.
    pub(super) fn tick(&mut self, now: Time) -> bool {
        self.flood.tick(now);
        let over = self.engine.tick(now);
        if !over.is_empty() || now.since(self.saved.at()) >= POSITIONS_EVERY {
            self.settle(over);
        }
        self.purge(now) | self.is_catching_up() | self.engine.is_behind(now)
    }

    pub(super) fn spared_changed(&mut self, news: News) {
        self.sparing.take(news);
        let decisions = self.engine.set_spared(self.sparing.spared(), now());
        if !decisions.is_empty() {
            self.settle(decisions);
        }
    }

    /// Persists decisions with the positions behind the entries that led to them, has them
    /// enforced, logs them, calls hooks. The answer comes once they are in force.
    pub(super) fn settle(&mut self, decisions: Vec<Decision>) -> Vec<Answer> {
        self.save(&decisions);
        self.flood.tell(&decisions, now());
        let hooked = self.hooks.concerned(&decisions);
        let changes: Vec<Change> = decisions.into_iter().filter_map(change).collect();
        let answers = self.enforcers.apply(changes);
        // Behind the enforcers, which need not wait for it.
        self.hooks.call(&hooked, &self.engine);
        answers
    }

    /// Reads the configuration anew. On any problem nothing changes.
    pub(super) fn reload(&mut self) -> Result<usize, Vec<Problem>> {
        let loaded = config::load(&self.root);
        if !loaded.problems.is_empty() {
            return Err(loaded.problems);
        }
        let settings = loaded.settings;
        let held = held_jails(&settings, []);
        let posts = posts(&settings, &held);
        let prepared = self
            .enforcers
            .prepare(Options::of(&self.root, &settings), &posts)
            .map_err(|error| vec![not_to_be_opened(&self.root, &error)])?;
        let decisions = self
            .engine
            .configure(policies(&settings, &held), settings.limits, now());
        self.sparing.reconfigure(&settings);
        self.settings = settings;
        self.save(&decisions);
        self.hooks
            .reconfigure(&self.settings, &held, &decisions, &self.engine);
        self.flood.tell(&decisions, now());
        // The enforcers take the whole, as jails' sets change with their bans; what they cannot do
        // at once they try again, and tell.
        let begun = self
            .enforcers
            .reconfigure(prepared, &posts, holdings(&self.engine))
            .map(drop)
            .and_then(|()| self.begin_reading());
        if let Err(error) = begun {
            self.broken = Some(error);
        }
        Ok(self.settings.jails.len())
    }

    /// Which entries a jail looks at, as journalctl would be asked for them.
    pub(super) fn journal_matches(&self, name: &JailName) -> String {
        let jail = self.settings.jails.iter().find(|jail| jail.name == *name);
        jail.map(|jail| jail.journalmatch.to_string())
            .unwrap_or_default()
    }

    /// One line for `systemctl status`.
    pub(super) fn summary(&self) -> String {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let behind = if self.saved.is_whole() {
            ""
        } else {
            "; STATE FILE CANNOT BE WRITTEN"
        };
        format!(
            "{}, {}{behind}",
            count(self.settings.jails.len(), "jail"),
            count(self.engine.banned(), "ban"),
        )
    }

    /// Leaves everything so that a start goes on from here; the kernel keeps the bans.
    pub(super) fn stop(mut self) {
        self.sources.stop();
        self.save_all();
        self.flood.end();
        self.hooks.stop();
        self.enforcers.stop();
    }
}

/// What the backends have to do for a decision.
fn change(decision: Decision) -> Option<Change> {
    Some(match decision {
        Decision::Ban(ban) => Change::Add(Holding {
            jail: ban.jail,
            prefix: ban.prefix,
            until: ban.until,
            open: ban.open,
        }),
        Decision::Open(opening) => Change::Add(Holding {
            jail: opening.jail,
            prefix: opening.prefix,
            until: opening.until,
            open: opening.open,
        }),
        Decision::Unban(unban) => Change::Remove {
            jail: unban.jail,
            prefix: unban.prefix,
        },
        Decision::Pardon(_) => return None,
    })
}

fn holdings(engine: &Engine) -> Vec<Holding> {
    engine
        .bans()
        .map(|ban| Holding {
            jail: ban.jail.clone(),
            prefix: ban.prefix,
            until: ban.until,
            open: ban.open.into(),
        })
        .collect()
}

/// A number that nobody outside can guess.
fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// Jails without a filter: the one for bans by hand, and those whose configuration is broken, which
/// keep the bans that they have (on all ports, as nobody knows which).
fn held_jails(settings: &Settings, broken: impl IntoIterator<Item = JailName>) -> Vec<JailName> {
    let mut held: Vec<JailName> = JailName::new(MANUAL_JAIL)
        .into_iter()
        .chain(broken)
        .collect();
    held.retain(|name| settings.jails.iter().all(|jail| jail.name != *name));
    held.sort_unstable();
    held.dedup();
    held
}

fn policies(settings: &Settings, held: &[JailName]) -> Vec<(JailName, Policy)> {
    let bantime = Bantime::For(MANUAL_BANTIME);
    let held = held.iter().map(|name| {
        (
            name.clone(),
            Policy {
                bantime,
                ..Policy::default()
            },
        )
    });
    settings
        .jails
        .iter()
        .map(|jail| (jail.name.clone(), jail.policy.clone()))
        .chain(held)
        .collect()
}

fn posts(settings: &Settings, held: &[JailName]) -> Vec<Post> {
    let held = held.iter().map(|name| Post {
        target: Target::of(name.clone()),
        backends: settings.backends.clone(),
    });
    let jails = settings.jails.iter().map(|jail| Post {
        target: jail.target.clone(),
        backends: jail.backends.clone(),
    });
    jails.chain(held).collect()
}

//! Configuration as meant: everything has a value, and every value is in range.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Kind, Table, Target};
use crate::engine::{Counts, Limits, Policy};
use crate::filter::Filter;
use crate::hook::HookUse;
use crate::model::{JailName, JournalMatch};
use crate::source::SourceSpec;

/// What the daemon runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What enforces bans where a jail does not say otherwise; at least one.
    pub backends: Vec<Kind>,
    /// The table in nftables.
    pub table: Table,
    /// The most prefixes that are counted, and banned, at a time, over all jails.
    pub limits: Limits,
    /// How long ended bans are kept; what was forgotten does not make a later ban longer.
    pub purge_age: Duration,
    /// The hooks of jails that no file has, as that for bans by hand: those of `[default]`.
    pub hooks: Vec<HookUse>,
    /// The enabled jails, by name.
    pub jails: Vec<JailSettings>,
}

impl Settings {
    /// How far back the log matters to any jail that reads it: failures within its findtime, logins
    /// for as long as they are forgiven for.
    #[must_use]
    pub fn longest_memory(&self) -> Duration {
        self.jails
            .iter()
            .map(|jail| &jail.policy)
            .filter(|policy| policy.counts == Counts::Failures)
            .flat_map(|policy| [Some(policy.findtime), policy.forgive_on_success])
            .flatten()
            .max()
            .unwrap_or_default()
    }

    /// How far back it matters in any jail, also in one that counts bans, what is settled.
    #[must_use]
    pub fn longest_findtime(&self) -> Duration {
        let findtimes = self.jails.iter().map(|jail| jail.policy.findtime);
        findtimes.max().unwrap_or_default()
    }
}

/// Without any file: nftables, a month of history, and no jails.
impl Default for Settings {
    fn default() -> Self {
        Self {
            backends: vec![Kind::default()],
            table: Table::default(),
            limits: Limits::default(),
            purge_age: Duration::from_hours(24 * 30),
            hooks: Vec::new(),
            jails: Vec::new(),
        }
    }
}

/// One enabled jail.
#[derive(Clone, Debug)]
pub struct JailSettings {
    /// Its name.
    pub name: JailName,
    /// One line for people: the jail's, or else its filter's.
    pub description: String,
    /// The name of its filter: the filter's own, not an alias. Empty where there is none.
    pub filter_name: String,
    /// Its filter, compiled for the mode; `None`: it reads nothing, and counts bans.
    pub filter: Option<Arc<Filter>>,
    /// The filter's mode.
    pub mode: String,
    /// Where its entries come from.
    pub source: SourceSpec,
    /// Log files that its service writes as well.
    pub logpath: Vec<PathBuf>,
    /// Which entries it looks at.
    pub journalmatch: JournalMatch,
    /// When it bans, and for how long.
    pub policy: Policy,
    /// What enforces its bans; at least one.
    pub backends: Vec<Kind>,
    /// What is called for its bans and unbans.
    pub hooks: Vec<HookUse>,
    /// What it wants from them.
    pub target: Target,
}

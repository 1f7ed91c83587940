//! From as written to as meant: defaults filled in, a jail joined with its filter.

use super::document::JailDocument;
use super::filter_file::{FilterFile, NORMAL};
use super::ignored::{Ignored, sorted};
use super::problem::Problem;
use super::settings::{JailSettings, Settings};
use super::suggest::did_you_mean;
use super::table::At;
use super::text::Place;
use super::trust::forgeable;
use super::written::Written;
use std::sync::Arc;

use crate::backend::Target;
use crate::engine::{Counts, Limits, Policy};
use crate::filter::Filter;
use crate::filter::spec::{RuleKind, RuleSpec};
use crate::model::{JailName, JournalMatch, Prefix, PrefixLengths};

/// What has to be known of a jail that names log files.
const FILES_UNREAD: &str = "log files (logpath) are not read yet, only the journal is: \
                            what the service writes to files alone is not seen";

/// What has to be known of a jail that forgives for logins that it never sees.
const NO_SUCCESS: &str = "forgive_on_success: its filter has no rule of the kind \"success\", \
                          so that nobody is ever forgiven";

/// A jail as meant, with what is doubtful about it.
#[derive(Debug)]
pub(super) struct Meant {
    pub settings: JailSettings,
    /// What is right, but most likely not wanted.
    pub warnings: Vec<Problem>,
}

/// Where a jail's failures come from.
#[derive(Default)]
struct Reads {
    description: String,
    filter_name: String,
    filter: Option<Arc<Filter>>,
    mode: String,
    journalmatch: JournalMatch,
    /// Whether it sees who logs in.
    tells_success: bool,
    warnings: Vec<Problem>,
}

impl Written {
    /// What holds for the daemon as a whole; no jails yet.
    pub fn frame(&self) -> Settings {
        let default = Settings::default();
        Settings {
            backends: self.main.backends.clone().unwrap_or(default.backends),
            table: self.main.table.meaning(),
            limits: Limits {
                tracked: self.main.tracked_limit.unwrap_or(default.limits.tracked),
                bans: self.main.ban_limit.unwrap_or(default.limits.bans),
            },
            purge_age: self.main.purge_age.unwrap_or(default.purge_age),
            hooks: Vec::new(),
            jails: default.jails,
        }
    }

    /// Whether a jail is to run.
    pub fn enabled(&self, jail: &JailDocument) -> bool {
        let enabled = jail.enabled.as_ref().or(self.main.default.enabled.as_ref());
        enabled.is_some_and(|at| at.value)
    }

    /// The jail `name` as meant; or all that keeps it from running.
    pub fn meaning(&self, name: &JailName, jail: &JailDocument) -> Result<Meant, Vec<Problem>> {
        let default = &self.main.default;
        let (ignoreip, ignore_named) = joined(default.ignoreip.as_ref(), jail.ignoreip.as_ref());
        let forgives = jail.forgive_on_success.clone();
        let jail = jail.clone().over(default.clone());

        let mut reads = match jail.counts.as_ref().map(|at| at.value).unwrap_or_default() {
            Counts::Failures => self.reads(name, &jail)?,
            Counts::Bans => reads_nothing(name, &jail)?,
        };
        let in_vain = forgives.filter(|at| at.value.is_some() && !reads.tells_success);
        reads.warnings.extend(in_vain.map(|at| {
            Problem::new(&at.place, format_args!("jail {name}: {NO_SUCCESS}")).of_jail(name)
        }));
        let aggregation = jail.aggregation.clone().meaning(name);
        let aggregation = aggregation.map_err(|problem| vec![problem])?;
        let hooks = self.hook_uses(Some(name), &jail)?;

        let policy = Policy::default();
        let lengths = PrefixLengths {
            ipv4: or(jail.ipv4_prefix, policy.lengths.ipv4),
            ipv6: or(jail.ipv6_prefix, policy.lengths.ipv6),
        };
        let settings = JailSettings {
            name: name.clone(),
            description: or(jail.description, reads.description),
            filter_name: reads.filter_name,
            filter: reads.filter,
            mode: reads.mode,
            logpath: or(jail.logpath, Vec::new()),
            source: jail.source.map(|at| at.value).unwrap_or_default(),
            journalmatch: reads.journalmatch,
            policy: Policy {
                counts: or(jail.counts, policy.counts),
                maxretry: or(jail.maxretry, policy.maxretry),
                findtime: or(jail.findtime, policy.findtime),
                bantime: or(jail.bantime, policy.bantime),
                escalation: jail.escalation.meaning(),
                aggregation,
                lengths,
                ignoreip,
                ignore_named,
                ignoreself: or(jail.ignoreself, policy.ignoreself),
                ignore_sessions: or(jail.ignore_sessions, policy.ignore_sessions),
                forgive_on_success: or(jail.forgive_on_success, policy.forgive_on_success),
            },
            backends: or(jail.backends, self.frame().backends),
            hooks,
            target: Target {
                jail: name.clone(),
                ports: jail.ports.map(|at| at.value).unwrap_or_default(),
                action: jail.action.map(|at| at.value).unwrap_or_default(),
                lengths,
                route: jail.route.map(|at| at.value).unwrap_or_default(),
                end_connections: or(jail.end_connections, false),
            },
        };
        Ok(Meant {
            settings,
            warnings: reads.warnings,
        })
    }

    /// What a jail that counts failures reads.
    fn reads(&self, name: &JailName, jail: &JailDocument) -> Result<Reads, Vec<Problem>> {
        let filter_name = jail.filter.as_ref().map_or(name, |at| &at.value);
        let (filter_name, filter) = self.filter_of(name, jail, filter_name)?;
        let mode = jail.mode.as_ref().map_or(NORMAL, |at| &at.value);
        check_mode(name, jail, filter, mode).map_err(|problem| vec![problem])?;
        let compiled = filter.compile(mode)?;

        let (journalmatch, place) = match &jail.journalmatch {
            Some(at) => (&at.value, &at.place),
            None => (&filter.spec.journalmatch, filter.journalmatch_place()),
        };
        let doubt = |place: &Place, sentence: &str| {
            Problem::new(place, format_args!("jail {name}: {sentence}")).of_jail(name)
        };
        let forgeable = forgeable(journalmatch).map(|sentence| doubt(place, &sentence));
        let files = jail
            .logpath
            .as_ref()
            .filter(|files| !files.value.is_empty());
        let unread = files.map(|files| doubt(&files.place, FILES_UNREAD));
        let warnings = forgeable.into_iter().chain(unread).collect();

        Ok(Reads {
            description: filter.spec.description.clone(),
            filter_name: filter_name.to_string(),
            filter: Some(Arc::new(compiled)),
            mode: mode.to_owned(),
            journalmatch: journalmatch.clone(),
            tells_success: filter.spec.rules.iter().any(tells_success),
            warnings,
        })
    }

    fn filter_of(
        &self,
        name: &JailName,
        jail: &JailDocument,
        filter: &JailName,
    ) -> Result<(&JailName, &FilterFile), Vec<Problem>> {
        let Some((own_name, found)) = self.filter(filter) else {
            let place = jail.filter.as_ref().map_or(&jail.header, |at| &at.place);
            let known = self.filters.keys().chain(self.aliases.keys());
            let hint = did_you_mean(filter.as_str(), known.map(JailName::as_str));
            let message =
                format!("there is no filter \"{filter}\", a file filter.d/{filter}.toml{hint}");
            return Err(vec![Problem::new(place, message).of_jail(name)]);
        };
        let file = found.file.as_ref().map_err(Clone::clone)?;
        Ok((own_name, file))
    }
}

/// A jail that counts bans has nothing to read, and no key may say that it has.
fn reads_nothing(name: &JailName, jail: &JailDocument) -> Result<Reads, Vec<Problem>> {
    let written = [
        ("filter", jail.filter.as_ref().map(|at| &at.place)),
        ("mode", jail.mode.as_ref().map(|at| &at.place)),
        (
            "journalmatch",
            jail.journalmatch.as_ref().map(|at| &at.place),
        ),
        ("logpath", jail.logpath.as_ref().map(|at| &at.place)),
    ];
    let problems: Vec<Problem> = written
        .into_iter()
        .filter_map(|(key, place)| Some((key, place?)))
        .map(|(key, place)| {
            let message = format!("{key}: leave it out: counts = \"bans\" reads no log");
            Problem::new(place, message).of_jail(name)
        })
        .collect();
    if problems.is_empty() {
        Ok(Reads::default())
    } else {
        Err(problems)
    }
}

fn tells_success(rule: &RuleSpec) -> bool {
    rule.kind == RuleKind::Success
}

fn check_mode(
    name: &JailName,
    jail: &JailDocument,
    filter: &FilterFile,
    mode: &str,
) -> Result<(), Problem> {
    if filter.modes().any(|known| known == mode) {
        return Ok(());
    }
    let place = jail.mode.as_ref().map_or(&jail.header, |at| &at.place);
    let known: Vec<&str> = filter.modes().collect();
    let advice = match did_you_mean(mode, known.iter().copied()) {
        none if none.is_empty() => format!("; it has {}", known.join(", ")),
        suggestion => suggestion,
    };
    let message = format!("its filter has no mode \"{mode}\"{advice}");
    Err(Problem::new(place, message).of_jail(name))
}

fn or<T>(written: Option<At<T>>, default: T) -> T {
    written.map_or(default, |at| at.value)
}

/// What is ignored everywhere stays ignored in each jail.
fn joined(
    default: Option<&At<Vec<Ignored>>>,
    jail: Option<&At<Vec<Ignored>>>,
) -> (Vec<Prefix>, Vec<Box<str>>) {
    let written = default.into_iter().chain(jail);
    sorted(written.flat_map(|at| &at.value))
}

//! Configuration as written: what `journalban.toml` and the files with jails may hold.
//!
//! Every value is checked here, where it stands; a key that is not written is `None`, so that one
//! document can [extend](JailDocument::over) another key by key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;

use super::action::action;
use super::enforcing::{ROUTE_TYPES, TableDocument, backends};
use super::escalation::{AggregationDocument, EscalationDocument};
use super::foreign;
use super::hook_keys::HookSettings;
use super::ignored::{Ignored, ignored};
use super::ports::ports;
use super::problem::Problem;
use super::table::{At, Table, no_hint};
use super::text::{Place, Text};
use super::value::{
    Read, Value, bantime, boolean, choice, duration, expected, fault, integer, journalmatch, list,
    parsed, string,
};
use crate::backend::{Action, Kind, Port, RouteType};
use crate::engine::Counts;
use crate::model::{Bantime, JailName, JournalMatch};
use crate::source::SourceSpec;

/// The most failures that a jail may wait for: so many instants are kept for each prefix.
const MAXRETRY_LIMIT: u32 = 10_000;
/// The most prefixes that may be counted (or banned) at a time: more is a slip of the keys, not a
/// wish.
const TRACKED_LIMIT: usize = 100_000_000;
/// A wider prefix than this is a continent, not an offender.
const WIDEST_IPV4: u8 = 8;
/// As [`WIDEST_IPV4`]: registries hand out /23 and longer, providers get /32.
const WIDEST_IPV6: u8 = 16;

/// `journalban.toml` as written.
#[derive(Clone, Debug, Default)]
pub(super) struct MainDocument {
    /// `backend`.
    pub backends: Option<Vec<Kind>>,
    /// `tracked_limit`.
    pub tracked_limit: Option<usize>,
    /// `ban_limit`.
    pub ban_limit: Option<usize>,
    /// `purgeage`.
    pub purge_age: Option<Duration>,
    /// `[nftables]`.
    pub table: TableDocument,
    /// `[hook.NAME]`: what holds for a hook in every jail that does not say otherwise.
    pub hook: HookSettings,
    /// `[default]`: what holds for every jail that does not say otherwise.
    pub default: JailDocument,
}

/// The table of a jail as written.
#[derive(Clone, Debug, Default)]
pub(super) struct JailDocument {
    pub description: Option<At<String>>,
    pub enabled: Option<At<bool>>,
    pub filter: Option<At<JailName>>,
    pub mode: Option<At<String>>,
    pub journalmatch: Option<At<JournalMatch>>,
    /// `namespace` or `journal_directory`.
    pub source: Option<At<SourceSpec>>,
    /// Log files that the service writes as well.
    pub logpath: Option<At<Vec<PathBuf>>>,
    pub ports: Option<At<Vec<Port>>>,
    pub action: Option<At<Action>>,
    pub backends: Option<At<Vec<Kind>>>,
    pub counts: Option<At<Counts>>,
    pub route: Option<At<RouteType>>,
    pub end_connections: Option<At<bool>>,
    /// The hooks that its bans and unbans call.
    pub hooks: Option<At<Vec<JailName>>>,
    /// `[JAIL.hook.NAME]`.
    pub hook: HookSettings,
    pub maxretry: Option<At<u32>>,
    pub findtime: Option<At<Duration>>,
    pub bantime: Option<At<Bantime>>,
    pub escalation: EscalationDocument,
    pub aggregation: AggregationDocument,
    pub ignoreip: Option<At<Vec<Ignored>>>,
    pub ignoreself: Option<At<bool>>,
    pub ignore_sessions: Option<At<bool>>,
    /// `None` within: never, whatever `[default]` says.
    pub forgive_on_success: Option<At<Option<Duration>>>,
    pub ipv4_prefix: Option<At<u8>>,
    pub ipv6_prefix: Option<At<u8>>,
    /// Where its header stands; of several, the one that applies last.
    pub header: Place,
}

impl MainDocument {
    /// Reads `journalban.toml`; with any problem it is not to be used.
    pub fn read(text: &Text, services: &str) -> (Self, Vec<Problem>) {
        let (root, problems) = parse(text);
        if !problems.is_empty() {
            return (Self::default(), problems);
        }
        let mut problems = Vec::new();
        let mut table = Table::new(text, &root, 0);
        let backends = table.take("backend", backends);
        let tracked_limit = table.take("tracked_limit", integer(1..=TRACKED_LIMIT));
        let ban_limit = table.take("ban_limit", integer(1..=TRACKED_LIMIT));
        let purge_age = table.take("purgeage", duration);
        let nftables = table.table("nftables").map(|mut nftables| {
            let document = TableDocument::read(&mut nftables);
            problems.extend(nftables.finish(no_hint));
            document
        });
        let hook = HookSettings::take(&mut table);
        let default = match table.table("default") {
            Some(default) => {
                let (default, more) = JailDocument::read(default, services);
                problems.extend(more);
                default
            }
            None => JailDocument::default(),
        };
        problems.extend(table.finish(main_hint));
        let document = Self {
            backends: backends.map(|at| at.value),
            tracked_limit: tracked_limit.map(|at| at.value),
            ban_limit: ban_limit.map(|at| at.value),
            purge_age: purge_age.map(|at| at.value),
            table: nftables.unwrap_or_default(),
            hook,
            default,
        };
        (document, problems)
    }
}

fn main_hint(key: &str, value: &Value<'_>) -> Option<String> {
    if key.eq_ignore_ascii_case("default") {
        return Some("write [default]".to_owned());
    }
    if value.get_ref().is_table() {
        return Some(format!(
            "a jail is written in a file of its own, as in jail.d/{key}.toml"
        ));
    }
    foreign::jail_key(key).map(|_| "what holds for every jail goes below [default]".to_owned())
}

/// What a file with jails holds.
#[derive(Debug, Default)]
pub(super) struct JailsFile {
    /// The jails that are right, with those that are not as far as they are.
    pub jails: BTreeMap<JailName, JailDocument>,
    /// All that is wrong.
    pub problems: Vec<Problem>,
    /// The jails that are affected by what is wrong, as far as they are named.
    pub broken: Vec<JailName>,
    /// Whether something wrong stands outside of any jail, or it cannot be told where.
    pub stray: bool,
}

impl JailsFile {
    /// Reads a file with a table for each jail.
    pub fn read(text: &Text, services: &str) -> Self {
        let mut file = Self::default();
        let (root, syntax) = parse(text);
        if !syntax.is_empty() {
            file.broken = named_headers(text.content());
            file.problems = syntax;
            file.stray = true;
            return file;
        }
        for (key, value) in &root {
            let offset = key.span().start;
            match jail_table(key.get_ref(), value) {
                Ok((name, entries)) => file.add(name, Table::new(text, entries, offset), services),
                Err(message) => {
                    let place = text.place(offset);
                    file.problems.push(Problem::new(&place, message));
                    file.stray = true;
                }
            }
        }
        file
    }

    /// A file that could not even be read.
    pub fn unreadable(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
            stray: true,
            ..Self::default()
        }
    }

    fn add(&mut self, name: JailName, table: Table<'_>, services: &str) {
        let (document, problems) = JailDocument::read(table, services);
        if !problems.is_empty() {
            self.broken.push(name.clone());
        }
        let problems = problems.into_iter().map(|problem| problem.of_jail(&name));
        self.problems.extend(problems);
        self.jails.insert(name, document);
    }
}

/// The jails that a text is about, if it is no TOML: its lines that begin like a header, closed or
/// not. (What TOML's parser recovers of an unclosed header is not its name.)
fn named_headers(content: &str) -> Vec<JailName> {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let headers = content
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix('['));
    headers
        .map(|header| {
            header
                .trim_start()
                .split(|c| !bare(c))
                .next()
                .unwrap_or_default()
        })
        .filter_map(|name| JailName::new(name).ok())
        .collect()
}

fn jail_table<'t>(key: &str, value: &'t Value<'t>) -> Result<(JailName, &'t DeTable<'t>), String> {
    let Some(entries) = value.get_ref().as_table() else {
        return Err(format!(
            "\"{key}\" belongs to no jail: write it below a header, as in [sshd]"
        ));
    };
    if key.eq_ignore_ascii_case("default") {
        return Err("[default] belongs into journalban.toml".to_owned());
    }
    let name = JailName::new(key).map_err(|error| error.to_string())?;
    Ok((name, entries))
}

impl JailDocument {
    fn read(mut table: Table<'_>, services: &str) -> (Self, Vec<Problem>) {
        let counts = [("failures", Counts::Failures), ("bans", Counts::Bans)];
        let mut document = Self {
            description: table.take("description", string),
            enabled: table.take("enabled", boolean),
            filter: table.take("filter", parsed),
            mode: table.take("mode", string),
            journalmatch: table.take("journalmatch", journalmatch),
            source: table.take("namespace", namespace),
            logpath: table.take("logpath", list(log_file)),
            ports: table.take("ports", ports(services)),
            action: table.take("action", action),
            backends: table.take("backend", backends),
            counts: table.take("counts", choice(&counts)),
            route: table.take("route", choice(&ROUTE_TYPES)),
            end_connections: table.take("end_connections", boolean),
            hooks: table.take("hooks", list(parsed)),
            hook: HookSettings::take(&mut table),
            maxretry: table.take("maxretry", integer(1..=MAXRETRY_LIMIT)),
            findtime: table.take("findtime", duration),
            bantime: table.take("bantime", bantime),
            escalation: EscalationDocument::read(&mut table),
            aggregation: AggregationDocument::read(&mut table),
            ignoreip: table.take("ignoreip", list(ignored)),
            ignoreself: table.take("ignoreself", boolean),
            ignore_sessions: table.take("ignore_sessions", boolean),
            forgive_on_success: table.take("forgive_on_success", forgiving),
            ipv4_prefix: table.take("ipv4_prefix", integer(WIDEST_IPV4..=32)),
            ipv6_prefix: table.take("ipv6_prefix", integer(WIDEST_IPV6..=128)),
            header: table.place().clone(),
        };
        let both = document.source.is_some();
        let directory = table.take("journal_directory", |value| {
            if both {
                return fault(value, "there is a namespace already: write one of the two");
            }
            directory(value)
        });
        document.source = document.source.or(directory);
        let problems = table.finish(|key, _| foreign::jail_key(key).map(str::to_owned));
        (document, problems)
    }

    /// This document, with what it does not say taken from `lower`.
    pub fn over(self, lower: Self) -> Self {
        Self {
            description: self.description.or(lower.description),
            enabled: self.enabled.or(lower.enabled),
            filter: self.filter.or(lower.filter),
            mode: self.mode.or(lower.mode),
            journalmatch: self.journalmatch.or(lower.journalmatch),
            source: self.source.or(lower.source),
            logpath: self.logpath.or(lower.logpath),
            ports: self.ports.or(lower.ports),
            action: self.action.or(lower.action),
            backends: self.backends.or(lower.backends),
            counts: self.counts.or(lower.counts),
            route: self.route.or(lower.route),
            end_connections: self.end_connections.or(lower.end_connections),
            hooks: self.hooks.or(lower.hooks),
            hook: self.hook.over(lower.hook),
            maxretry: self.maxretry.or(lower.maxretry),
            findtime: self.findtime.or(lower.findtime),
            bantime: self.bantime.or(lower.bantime),
            escalation: self.escalation.over(lower.escalation),
            aggregation: self.aggregation.over(lower.aggregation),
            ignoreip: self.ignoreip.or(lower.ignoreip),
            ignoreself: self.ignoreself.or(lower.ignoreself),
            ignore_sessions: self.ignore_sessions.or(lower.ignore_sessions),
            forgive_on_success: self.forgive_on_success.or(lower.forgive_on_success),
            ipv4_prefix: self.ipv4_prefix.or(lower.ipv4_prefix),
            ipv6_prefix: self.ipv6_prefix.or(lower.ipv6_prefix),
            header: self.header,
        }
    }
}

/// A duration, or `false`.
fn forgiving(value: &Value<'_>) -> Read<Option<Duration>> {
    match value.get_ref().as_bool() {
        Some(false) => Ok(None),
        Some(true) => expected(value, "how long it forgives (\"1d\"), or false"),
        None => duration(value).map(Some),
    }
}

/// As systemd checks `LogNamespace=`: it becomes part of a directory's name.
fn namespace(value: &Value<'_>) -> Read<SourceSpec> {
    let name = string(value)?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | ':');
    if name.is_empty() || name.len() > 255 || name.starts_with('.') || !name.chars().all(good) {
        return expected(
            value,
            "the name of a journal namespace, as in LogNamespace=",
        );
    }
    Ok(SourceSpec::Namespace(name))
}

fn directory(value: &Value<'_>) -> Read<SourceSpec> {
    absolute(value, "/var/log/journal/remote").map(SourceSpec::Directory)
}

fn log_file(value: &Value<'_>) -> Read<PathBuf> {
    absolute(value, "/var/log/nginx/error.log")
}

fn absolute(value: &Value<'_>, example: &str) -> Read<PathBuf> {
    let path = PathBuf::from(string(value)?);
    if !path.is_absolute() {
        return expected(value, format_args!("an absolute path (\"{example}\")"));
    }
    Ok(path)
}

/// The TOML of `text`, and all its syntax errors; with any, only the names in it mean something.
pub(super) fn parse(text: &Text) -> (DeTable<'_>, Vec<Problem>) {
    let (root, errors) = DeTable::parse_recoverable(text.content());
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| {
            let place = text.place(error.span().unwrap_or_default().start);
            Problem::new(
                &place,
                format_args!("this is not TOML: {}", error.message()),
            )
        })
        .collect();
    // One slip of the pen often gives several errors; the first in a line is the one to mend.
    problems.sort_by_key(|problem| problem.line);
    problems.dedup_by_key(|problem| problem.line);
    (root.into_inner(), problems)
}

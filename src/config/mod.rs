//! Configuration: files are found and read, then taken as written, then as meant.
//!
//! ```text
//! files ──▶ text ──▶ document, filter_file (as written) ──▶ written ──▶ meaning ──▶ settings
//! ```
//!
//! Only this module sees TOML. All problems are reported at once, each with file, line, column and
//! what would be right. A jail with a problem is left out; the others stay.

mod action;
mod aliases;
mod define;
mod document;
mod enforcing;
mod escalation;
mod files;
mod filter_file;
mod foreign;
mod hook_file;
mod hook_keys;
mod hook_names;
mod ignored;
mod meaning;
mod ports;
mod problem;
mod sample;
mod selector;
mod settings;
mod suggest;
mod table;
mod text;
mod trust;
mod value;
mod written;

use std::path::Path;

use crate::hook::HookUse;
use crate::model::JailName;

pub use filter_file::{FilterFile, NORMAL};
pub use problem::Problem;
pub use settings::{JailSettings, Settings};
pub use trust::forgeable;

use written::Written;

/// A configuration as far as it can be used, and what is wrong with the rest.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What can be used.
    pub settings: Settings,
    /// All that is wrong, sorted by file and line.
    pub problems: Vec<Problem>,
    /// What is right, but most likely not wanted, sorted by file and line.
    pub warnings: Vec<Problem>,
    /// The jails that do not run because of a problem, whether it can be told that they are
    /// enabled or not.
    pub left_out: Vec<JailName>,
    fatal: bool,
}

impl Loaded {
    /// Whether `journalban.toml` itself (or a directory) cannot be used: no jail runs then, because
    /// what it says (an `ignoreip`, say) may hold for all of them.
    #[must_use]
    pub fn fatal(&self) -> bool {
        self.fatal
    }
}

/// Reads the configuration below `root`.
///
/// Of the filters, those of the enabled jails are compiled, and those that are not a package's.
#[must_use]
pub fn load(root: &Path) -> Loaded {
    understand(&Written::read(root), |vendor| !vendor)
}

/// As [`load`], but compiles every filter in every mode, and warns of doubtful patterns.
#[must_use]
pub fn check(root: &Path) -> Loaded {
    let written = Written::read(root);
    let mut loaded = understand(&written, |_| true);
    for file in written.filters.values().flat_map(|filter| &filter.file) {
        loaded.warnings.extend(file.lint());
    }
    loaded.warnings = sorted(loaded.warnings);
    loaded
}

/// The filter of that name or alias below `root`; `None` if there is no such file.
pub fn filter(root: &Path, name: &str) -> Result<Option<FilterFile>, Vec<Problem>> {
    let written = Written::read(root);
    let found = JailName::new(name)
        .ok()
        .and_then(|name| Some(written.filter(&name)?.1.file.clone()));
    found.transpose()
}

/// All filters below `root`, by name; or all that is wrong with any of them.
pub fn filters(root: &Path) -> Result<Vec<(JailName, FilterFile)>, Vec<Problem>> {
    let written = Written::read(root);
    let mut filters = Vec::new();
    let mut problems = Vec::new();
    for (name, filter) in written.filters {
        match filter.file {
            Ok(file) => filters.push((name, file)),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() {
        Ok(filters)
    } else {
        Err(sorted(problems))
    }
}

/// The jail `name` below `root`, enabled or not; `None` if no file has it.
pub fn jail(root: &Path, name: &str) -> Result<Option<JailSettings>, Vec<Problem>> {
    let written = Written::read(root);
    let Ok(name) = JailName::new(name) else {
        return Ok(None);
    };
    let broken = written.fatal || written.broken.contains(&name);
    match written.jails.get(&name) {
        _ if broken => Err(sorted(written.problems)),
        Some(jail) => written
            .meaning(&name, jail)
            .map(|meant| Some(meant.settings)),
        None => Ok(None),
    }
}

/// The hook `name` below `root`, with the parameters that hold for a call of `jail` (which need not
/// have a file). No filter is read.
pub fn hook(root: &Path, name: &JailName, jail: &JailName) -> Result<HookUse, Vec<Problem>> {
    Written::read_without_filters(root).hook_for(name, jail)
}

/// Every jail below `root` that can be understood, and whether it is enabled.
#[must_use]
pub fn every_jail(root: &Path) -> Vec<(JailSettings, bool)> {
    let written = Written::read(root);
    let sound = |name: &&JailName| !written.fatal && !written.broken.contains(*name);
    written
        .jails
        .iter()
        .filter(|(name, _)| sound(name))
        .filter_map(|(name, jail)| {
            let meant = written.meaning(name, jail).ok()?;
            Some((meant.settings, written.enabled(jail)))
        })
        .collect()
}

/// Joins what was written, and compiles the filters that no enabled jail uses if `compile` wants
/// it (told whether they came with a package).
fn understand(written: &Written, compile: impl Fn(bool) -> bool) -> Loaded {
    let mut loaded = Loaded {
        settings: written.frame(),
        problems: written.problems.clone(),
        fatal: written.fatal,
        ..Loaded::default()
    };
    loaded.problems.extend(written.unfit_main_settings());
    match written.hook_uses(None, &written.main.default) {
        Ok(hooks) => loaded.settings.hooks = hooks,
        Err(problems) => loaded.problems.extend(problems),
    }
    for (name, jail) in &written.jails {
        if written.broken.contains(name) {
            loaded.left_out.push(name.clone());
            continue;
        }
        if !written.enabled(jail) {
            continue;
        }
        match written.meaning(name, jail) {
            Ok(meant) => {
                loaded.settings.jails.push(meant.settings);
                loaded.warnings.extend(meant.warnings);
            }
            Err(problems) => {
                loaded.left_out.push(name.clone());
                loaded.problems.extend(problems);
            }
        }
    }
    for filter in written.filters.values() {
        if let (true, Ok(file)) = (compile(filter.vendor), &filter.file) {
            let modes = file.modes().map(|mode| file.compile(mode));
            let problems = modes.filter_map(Result::err).flatten();
            loaded.problems.extend(problems);
        }
    }
    if loaded.fatal {
        let jails = loaded.settings.jails.drain(..);
        loaded.left_out.extend(jails.map(|jail| jail.name));
        loaded.left_out.sort();
    }
    loaded.problems = sorted(loaded.problems);
    loaded.warnings = sorted(loaded.warnings);
    loaded
}

/// By file and line, each once: two jails with one bad filter have one problem.
fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    problems
}

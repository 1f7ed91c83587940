//! All of the configuration as written: every file read, jails put together from their parts, and
//! what is broken by which problem.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::aliases::{Aliases, aliases};
use super::document::{JailDocument, JailsFile, MainDocument};
use super::files::{self, Files, Found};
use super::filter_file::FilterFile;
use super::hook_file;
use super::problem::Problem;
use super::text::{Place, Text};
use crate::hook::Hook;
use crate::model::JailName;

/// All that was found below a root.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub main: MainDocument,
    /// Vendor files and drop-ins of each jail, put together; `[default]` is not yet below them.
    pub jails: BTreeMap<JailName, JailDocument>,
    pub filters: BTreeMap<JailName, Filter>,
    /// Other names of these filters.
    pub aliases: Aliases,
    /// Each hook, or what is wrong with its file (told in [`Written::problems`] as well).
    pub hooks: BTreeMap<JailName, Result<Arc<Hook>, Vec<Problem>>>,
    pub problems: Vec<Problem>,
    /// Whether no jail may run: `journalban.toml` has problems, or there may be files that nobody
    /// could see.
    pub fatal: bool,
    /// Jails with a problem in a file of theirs.
    pub broken: BTreeSet<JailName>,
}

/// A filter that is there.
#[derive(Debug)]
pub(super) struct Filter {
    /// Whether it came with a package.
    pub vendor: bool,
    /// What its file says; or what is wrong with it (told in [`Written::problems`] as well).
    pub file: Result<FilterFile, Vec<Problem>>,
}

impl Written {
    /// Reads all of it.
    pub fn read(root: &Path) -> Self {
        let mut files = files::find(root);
        let filters = std::mem::take(&mut files.filters);
        let mut written = Self::put_together(files);
        for filter in filters {
            written.read_filter(filter);
        }
        let (aliases, problems) = aliases(&written.filters);
        written.aliases = aliases;
        written.problems.extend(problems);
        written
    }

    /// Reads all of it but the filters.
    pub fn read_without_filters(root: &Path) -> Self {
        Self::put_together(files::find(root))
    }

    fn put_together(files: Files) -> Self {
        let mut written = Self {
            problems: files.problems,
            fatal: files.incomplete,
            ..Self::default()
        };
        if let Some(main) = files.main {
            written.read_main(main.text, &files.services);
        }
        for jails in files.jails {
            written.read_jails(jails, &files.services);
        }
        written.hooks = written.read_hooks(files.hooks);
        written
    }

    /// The filter of that name or alias, with its own name.
    pub fn filter(&self, name: &JailName) -> Option<(&JailName, &Filter)> {
        let name = self.aliases.get(name).unwrap_or(name);
        self.filters.get_key_value(name)
    }

    fn read_main(&mut self, text: Result<Text, Problem>, services: &str) {
        let (main, problems) = match text {
            Ok(text) => MainDocument::read(&text, services),
            Err(problem) => (MainDocument::default(), vec![problem]),
        };
        self.main = main;
        self.fatal |= !problems.is_empty();
        self.problems.extend(problems);
    }

    fn read_jails(&mut self, found: Found, services: &str) {
        let read = match found.text {
            Ok(text) => JailsFile::read(&text, services),
            Err(problem) => JailsFile::unreadable(problem),
        };
        if read.stray {
            // A jail must not run without what its drop-in says (an ignoreip, say); and whom else
            // a file is about, its name tells.
            self.broken.extend(JailName::new(&found.stem).ok());
        }
        self.problems.extend(read.problems);
        for name in read.broken {
            // Named in a file that cannot be understood: still a jail that somebody wants.
            self.jails.entry(name.clone()).or_default();
            self.broken.insert(name);
        }
        for (name, jail) in read.jails {
            let lower = self.jails.remove(&name).unwrap_or_default();
            self.jails.insert(name, jail.over(lower));
        }
    }

    fn read_hooks(
        &mut self,
        found: Vec<Found>,
    ) -> BTreeMap<JailName, Result<Arc<Hook>, Vec<Problem>>> {
        let mut hooks = BTreeMap::new();
        for found in found {
            let name = match JailName::new(&found.stem) {
                Ok(name) => name,
                Err(error) => {
                    let place = Place::beginning(&found.file);
                    self.problems.push(Problem::new(&place, error));
                    continue;
                }
            };
            let hook = found
                .text
                .map_err(|problem| vec![problem])
                .and_then(|text| hook_file::read(&text, &name));
            if let Err(problems) = &hook {
                self.problems.extend_from_slice(problems);
            }
            hooks.insert(name, hook.map(Arc::new));
        }
        hooks
    }

    fn read_filter(&mut self, found: Found) {
        let file = found
            .text
            .map_err(|problem| vec![problem])
            .and_then(|text| FilterFile::read(&text));
        if let Err(problems) = &file {
            self.problems.extend_from_slice(problems);
        }
        let vendor = found.vendor;
        match JailName::new(&found.stem) {
            Ok(name) => drop(self.filters.insert(name, Filter { vendor, file })),
            Err(error) => {
                let place = Place::beginning(&found.file);
                self.problems.push(Problem::new(&place, error));
            }
        }
    }
}

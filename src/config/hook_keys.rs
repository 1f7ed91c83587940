//! What an administrator writes about hooks: which a jail has, and their parameters; and what is
//! meant by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::DeValue;

use super::document::JailDocument;
use super::problem::Problem;
use super::suggest::did_you_mean;
use super::table::{At, Table};
use super::text::Place;
use super::value::{Read, Value, expected, map, with_offset};
use super::written::Written;
use crate::hook::{Hook, HookUse};
use crate::model::JailName;

/// What is set for hooks: hook → parameter → value.
#[derive(Clone, Debug, Default)]
pub(super) struct HookSettings(BTreeMap<String, At<BTreeMap<String, At<String>>>>);

impl HookSettings {
    /// Takes the tables `[hook.NAME]`.
    pub fn take(table: &mut Table<'_>) -> Self {
        let written = table.take("hook", map(with_offset(map(with_offset(setting)))));
        let written = written.map_or_else(BTreeMap::new, |at| at.value);
        let placed = |(value, offset)| At {
            value,
            place: table.place_at(offset),
        };
        let hooks = written.into_iter().map(|(name, (parameters, offset))| {
            let parameters = parameters
                .into_iter()
                .map(|(name, written)| (name, placed(written)));
            let at = At {
                value: parameters.collect(),
                place: table.place_at(offset),
            };
            (name, at)
        });
        Self(hooks.collect())
    }

    /// These settings, with what they do not say taken from `lower`.
    pub fn over(mut self, lower: Self) -> Self {
        for (hook, parameters) in lower.0 {
            let At { value, place } = parameters;
            let own = self.0.entry(hook).or_insert_with(|| At {
                value: BTreeMap::new(),
                place,
            });
            for (name, setting) in value {
                own.value.entry(name).or_insert(setting);
            }
        }
        self
    }

    fn of(&self, hook: &JailName) -> Option<&BTreeMap<String, At<String>>> {
        Some(&self.0.get(hook.as_str())?.value)
    }
}

/// A text, a whole number or a truth, as text; no control characters, so that it stays within the
/// line that it is put into.
pub(super) fn setting(value: &Value<'_>) -> Read<String> {
    match value.get_ref() {
        DeValue::String(text) if !text.chars().any(char::is_control) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        _ => expected(value, "a text without line breaks, a number, true or false"),
    }
}

impl Written {
    /// The hooks of a jail, with `[default]` below it already, as meant. `jail` is its name, `None`
    /// for `[default]` itself.
    pub fn hook_uses(
        &self,
        jail: Option<&JailName>,
        document: &JailDocument,
    ) -> Result<Vec<HookUse>, Vec<Problem>> {
        let settings = document.hook.clone().over(self.main.hook.clone());
        let mut problems = self.unfit_settings(&document.hook);
        let mut all: Vec<HookUse> = Vec::new();
        for name in document.hooks.iter().flat_map(|at| &at.value) {
            let place = document
                .hooks
                .as_ref()
                .map_or(&document.header, |at| &at.place);
            match self.hook_use(name, &settings, place) {
                Ok(used) if all.iter().all(|other| other.hook.name != *name) => all.push(used),
                Ok(_) => {}
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() {
            return Ok(all);
        }
        // What is wrong in `[default]`, or in a hook's own file, is no jail's.
        let default = &self.main.default.header.file;
        let of_jail = |problem: Problem| match jail {
            Some(jail) if problem.file != **default && !self.problems.contains(&problem) => {
                problem.of_jail(jail)
            }
            _ => problem,
        };
        Err(problems.into_iter().map(of_jail).collect())
    }

    /// What is wrong with `[hook.NAME]` in `journalban.toml`.
    pub fn unfit_main_settings(&self) -> Vec<Problem> {
        self.unfit_settings(&self.main.hook)
    }

    /// The hook `name` as it is called for `jail`, which need not have a file.
    pub fn hook_for(&self, name: &JailName, jail: &JailName) -> Result<HookUse, Vec<Problem>> {
        if self.fatal || self.broken.contains(jail) {
            return Err(self.problems.clone());
        }
        let own = self.jails.get(jail).cloned().unwrap_or_default();
        let settings = own
            .hook
            .over(self.main.default.hook.clone())
            .over(self.main.hook.clone());
        let place = Place::beginning(&format!("hook.d/{name}.toml"));
        self.hook_use(name, &settings, &place)
    }

    fn hook_use(
        &self,
        name: &JailName,
        settings: &HookSettings,
        place: &Place,
    ) -> Result<HookUse, Vec<Problem>> {
        let hook = self.known_hook(name.as_str(), place)?;
        let hook = hook.as_ref().map_err(Clone::clone)?;
        let mut parameters = BTreeMap::new();
        let mut missing = Vec::new();
        for (parameter, default) in &hook.parameters {
            let set = settings.of(name).and_then(|set| set.get(parameter));
            match set.map(|at| &at.value).or(default.as_ref()) {
                Some(value) => drop(parameters.insert(parameter.clone(), value.clone())),
                None => missing.push(Problem::new(
                    place,
                    format_args!(
                        "hook \"{name}\" needs {parameter}: write {parameter} = \"…\" below \
                         [hook.{name}] in journalban.toml"
                    ),
                )),
            }
        }
        if missing.is_empty() {
            Ok(HookUse {
                hook: Arc::clone(hook),
                parameters,
            })
        } else {
            Err(missing)
        }
    }

    fn known_hook(
        &self,
        name: &str,
        place: &Place,
    ) -> Result<&Result<Arc<Hook>, Vec<Problem>>, Vec<Problem>> {
        let mut hooks = self.hooks.iter();
        let found = hooks.find(|(known, _)| known.as_str() == name);
        found.map(|(_, hook)| hook).ok_or_else(|| {
            let hint = did_you_mean(name, self.hooks.keys().map(JailName::as_str));
            let message = format!("there is no hook \"{name}\", a file hook.d/{name}.toml{hint}");
            vec![Problem::new(place, message)]
        })
    }

    /// Settings of hooks that are not there, and of parameters that they do not have.
    fn unfit_settings(&self, settings: &HookSettings) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, set) in &settings.0 {
            let hook = match self.known_hook(name, &set.place) {
                Ok(Ok(hook)) => hook,
                // Told where its description is read.
                Ok(Err(_)) => continue,
                Err(unknown) => {
                    problems.extend(unknown);
                    continue;
                }
            };
            for (parameter, at) in &set.value {
                if hook.parameters.contains_key(parameter) {
                    continue;
                }
                let known = || hook.parameters.keys().map(String::as_str);
                let advice = match did_you_mean(parameter, known()) {
                    none if none.is_empty() => {
                        format!("; it has {}", known().collect::<Vec<_>>().join(", "))
                    }
                    suggestion => suggestion,
                };
                let message = format!("hook \"{name}\" has no parameter \"{parameter}\"{advice}");
                problems.push(Problem::new(&at.place, message));
            }
        }
        problems
    }
}

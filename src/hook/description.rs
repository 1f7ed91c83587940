//! A hook as meant: what is to be run for a ban, and what for an unban.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::hook::facts::{Facts, On};
use crate::hook::template::{Source, Template};
use crate::model::JailName;

/// A hook's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name.
    pub name: JailName,
    /// One line for people.
    pub description: String,
    /// How long a call may take, all commands together.
    pub timeout: Duration,
    /// Whether it is only called for single addresses, and not for networks.
    pub single_addresses: bool,
    /// Whether it keeps a prefix out itself. It is then not called for an unban while another jail
    /// with this hook keeps the same prefix out, nor for a ban of a prefix of which a part is open.
    pub blocks: bool,
    /// What an administrator may set, with the default; none has to be set.
    pub parameters: BTreeMap<String, Option<String>>,
    /// Words that depend on another value.
    pub choices: BTreeMap<String, Choice>,
    /// What is run for a ban, if anything.
    pub ban: Option<Steps>,
    /// What is run for an unban, if anything.
    pub unban: Option<Steps>,
}

/// A word that depends on a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The name of the value.
    pub by: String,
    /// Value → word.
    pub words: BTreeMap<String, String>,
    /// The word for any other value; without one, there is none, and the call fails.
    pub otherwise: Option<String>,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Commands whose output the last one needs.
    pub first: Vec<First>,
    /// The command: program and arguments.
    pub command: Vec<Template>,
    /// What it reads; `None` is all facts as one JSON object.
    pub stdin: Option<Template>,
}

/// A command whose output becomes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// The name of the value.
    pub name: String,
    /// The command: program and arguments.
    pub command: Vec<Template>,
    /// What it reads.
    pub stdin: Template,
    /// What of its output is meant if that is JSON: a pointer as in RFC 6901. Where there is no
    /// such member, the value is empty.
    pub json: Option<String>,
    /// What its output decides.
    pub need: Need,
    /// How long it may take.
    pub timeout: Duration,
}

/// What becomes of a call by the output of a [`First`] command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// It goes on, also without an output; what went wrong is the value then.
    #[default]
    Nothing,
    /// It goes on if there is an output; otherwise there is nothing to do. It fails with the
    /// command.
    Output,
    /// It goes on if there is no output; otherwise there is nothing to do. It fails with the
    /// command.
    NoOutput,
}

/// A hook with what an administrator set for one jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookUse {
    /// The hook.
    pub hook: Arc<Hook>,
    /// Its parameters; every one has a value.
    pub parameters: BTreeMap<String, String>,
}

impl Hook {
    /// What is to be run for `facts`, or a sentence that says why nothing is.
    pub fn steps(&self, facts: &Facts) -> Result<&Steps, &'static str> {
        if self.single_addresses && !facts.address.is_host() {
            return Err("it is only called for single addresses, and this is a network");
        }
        if self.blocks && facts.action == On::Unban && facts.held_by_others {
            return Err("another jail with this hook still keeps it out");
        }
        if self.blocks && facts.action == On::Ban && !facts.open.is_empty() {
            return Err("an address in it is ignored, and this hook would keep out all of it");
        }
        match facts.action {
            On::Ban => self.ban.as_ref().ok_or("it does nothing on a ban"),
            On::Unban => self.unban.as_ref().ok_or("it does nothing on an unban"),
        }
    }
}

impl Steps {
    /// Every template that is filled in.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let first = self
            .first
            .iter()
            .flat_map(|first| first.command.iter().chain([&first.stdin]));
        first.chain(&self.command).chain(&self.stdin)
    }

    /// Whether a secret is needed.
    #[must_use]
    pub fn uses_credentials(&self) -> bool {
        self.templates()
            .flat_map(Template::sources)
            .any(|source| !matches!(source, Source::Named(..)))
    }
}

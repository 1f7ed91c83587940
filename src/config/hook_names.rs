//! What the templates of a hook name.
//!
//! Everything that could make a hook do more than its author meant is refused here: a value that
//! nobody gives, a secret in a command's arguments, an argument that attacker's text could turn into
//! an option.

use std::collections::BTreeMap;
use std::time::Duration;

use super::problem::Problem;
use super::suggest::did_you_mean;
use super::table::At;
use super::text::Text;
use crate::hook::{Choice, First, Form, Need, Source, Steps, Template, is_untrusted, known};

/// A template and the byte at which it stands.
pub(super) type Written = (Template, usize);

/// Steps as written.
pub(super) struct WrittenSteps {
    pub first: Vec<WrittenFirst>,
    pub command: Vec<Written>,
    pub stdin: Option<Written>,
}

pub(super) struct WrittenFirst {
    pub name: At<String>,
    pub command: Vec<Written>,
    pub stdin: Option<Written>,
    pub json: Option<String>,
    pub need: Need,
    pub timeout: Duration,
}

/// The values that templates may name.
pub(super) struct Names<'d> {
    pub text: &'d Text,
    pub parameters: &'d BTreeMap<String, Option<String>>,
    pub choices: &'d BTreeMap<String, Choice>,
}

impl Names<'_> {
    /// Names that the description gives itself must be names, and no others'.
    pub fn check_own(&self, problems: &mut Vec<Problem>) {
        let place = self.text.place(0);
        for name in self.parameters.keys().chain(self.choices.keys()) {
            let taken = known().any(|fact| fact == name)
                || self.parameters.contains_key(name) && self.choices.contains_key(name);
            if taken || !is_name(name) {
                let message = format!("\"{name}\" cannot be the name of a value: take another");
                problems.push(Problem::new(&place, message));
            }
        }
        for (name, choice) in self.choices {
            if let Some(message) = self.unknown(&choice.by, &[]) {
                let message = format!("choice.{name}: by: {message}");
                problems.push(Problem::new(&place, message));
            }
        }
    }

    /// Steps as meant; what is wrong with them goes to `problems`.
    pub fn meaning(&self, written: WrittenSteps, problems: &mut Vec<Problem>) -> Steps {
        let mut outputs: Vec<String> = Vec::new();
        let mut first = Vec::new();
        for one in written.first {
            let name = one.name.value;
            let command = self.command(one.command, &outputs, problems);
            let stdin = self.stdin(one.stdin, &outputs, problems);
            let taken = outputs.contains(&name)
                || self.parameters.contains_key(&name)
                || self.choices.contains_key(&name)
                || known().any(|fact| fact == name);
            if taken {
                let message = format!("name: \"{name}\" is another value's name already");
                problems.push(Problem::new(&one.name.place, message));
            }
            outputs.push(name.clone());
            first.push(First {
                name,
                command,
                stdin: stdin.unwrap_or_default(),
                json: one.json,
                need: one.need,
                timeout: one.timeout,
            });
        }
        Steps {
            command: self.command(written.command, &outputs, problems),
            stdin: self.stdin(written.stdin, &outputs, problems),
            first,
        }
    }

    fn stdin(
        &self,
        written: Option<Written>,
        outputs: &[String],
        problems: &mut Vec<Problem>,
    ) -> Option<Template> {
        let (template, offset) = written?;
        for source in template.sources() {
            if let Source::Named(name, _) = source
                && let Some(message) = self.unknown(name, outputs)
            {
                let place = self.text.place(offset);
                problems.push(Problem::new(&place, format_args!("stdin: {message}")));
            }
        }
        Some(template)
    }

    fn command(
        &self,
        written: Vec<Written>,
        outputs: &[String],
        problems: &mut Vec<Problem>,
    ) -> Vec<Template> {
        for (index, (template, offset)) in written.iter().enumerate() {
            let wrong = match index {
                0 => template
                    .sources()
                    .find_map(|source| self.no_program(source)),
                _ => template
                    .sources()
                    .find_map(|source| self.no_argument(source, outputs))
                    .or_else(|| no_beginning(template.beginning()?, outputs)),
            };
            if let Some(message) = wrong {
                let place = self.text.place(*offset);
                problems.push(Problem::new(&place, format_args!("command: {message}")));
            }
        }
        written.into_iter().map(|(template, _)| template).collect()
    }

    fn no_program(&self, source: &Source) -> Option<String> {
        let parameter = matches!(source, Source::Named(name, Form::Plain) if self.parameters.contains_key(name));
        (!parameter).then(|| "the program is a text or a parameter, and nothing else".to_owned())
    }

    fn no_argument(&self, source: &Source, outputs: &[String]) -> Option<String> {
        match source {
            Source::Named(name, _) => self.unknown(name, outputs),
            Source::Credential(name) => Some(format!(
                "a secret in an argument is seen by everybody: write {{credential:{name}}} into stdin, \
                 or {{credential-file:{name}}} here"
            )),
            Source::CredentialFile(_) => None,
        }
    }

    /// What is to be said if there is no value `name`.
    fn unknown(&self, name: &str, outputs: &[String]) -> Option<String> {
        let mut all: Vec<&str> = known().collect();
        all.extend(self.parameters.keys().map(String::as_str));
        all.extend(self.choices.keys().map(String::as_str));
        all.extend(outputs.iter().map(String::as_str));
        if all.contains(&name) {
            return None;
        }
        let advice = match did_you_mean(name, all.iter().copied()) {
            none if none.is_empty() => format!("; known are {}", all.join(", ")),
            suggestion => suggestion,
        };
        Some(format!("there is no value \"{{{name}}}\"{advice}"))
    }
}

/// Attacker's text at the beginning of an argument could make it an option.
fn no_beginning(source: &Source, outputs: &[String]) -> Option<String> {
    match source {
        Source::Named(name, Form::Plain | Form::Url)
            if is_untrusted(name) || outputs.contains(name) =>
        {
            Some(format!(
                "an argument that begins with {{{name}}} could be taken for an option: write text \
                 before it, as in --message={{{name}}}, or have it read from stdin"
            ))
        }
        _ => None,
    }
}

/// Whether a value can have this name.
pub(super) fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(good)
}

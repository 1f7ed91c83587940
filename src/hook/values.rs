//! What the placeholders of one call stand for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::hook::description::Choice;
use crate::hook::facts::Facts;
use crate::hook::template::{Source, Template};

/// Everything that a template of a call may name.
#[derive(Debug)]
pub(super) struct Values<'c> {
    pub facts: &'c Facts,
    pub parameters: &'c BTreeMap<String, String>,
    pub choices: &'c BTreeMap<String, Choice>,
    /// What commands before this one gave.
    pub outputs: BTreeMap<&'c str, String>,
    /// Where secrets are: what systemd puts into `$CREDENTIALS_DIRECTORY` (systemd.exec(5)).
    pub credentials: Option<PathBuf>,
}

/// Why a template cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// A description that `check` would have refused.
    #[error("there is no value {{{0}}}")]
    Unknown(String),
    /// A choice without a word.
    #[error("{{{name}}} has no word for \"{value}\"")]
    NoWord {
        /// The choice.
        name: String,
        /// What it depends on.
        value: String,
    },
    /// A secret that the unit was not given.
    #[error(
        "there is no credential \"{name}\" ({reason}): give it to the unit, by \
         \"systemctl edit journalban-hook@.service\" and LoadCredential={name}:/PATH below [Service]"
    )]
    NoCredential {
        /// Its name.
        name: String,
        /// What is missing.
        reason: String,
    },
}

/// The largest secret, in bytes.
const SECRET_LIMIT: u64 = 64 * 1024;

impl Values<'_> {
    /// The text of a template.
    pub fn fill(&self, template: &Template) -> Result<String, ValueError> {
        template.render(|source| match source {
            Source::Named(name, form) => Ok(form.write(&self.named(name)?)),
            Source::Credential(name) => self.credential(name),
            Source::CredentialFile(name) => {
                let path = self.credential_file(name)?;
                Ok(path.to_string_lossy().into_owned())
            }
        })
    }

    /// The texts of several.
    pub fn fill_all(&self, templates: &[Template]) -> Result<Vec<String>, ValueError> {
        templates.iter().map(|one| self.fill(one)).collect()
    }

    fn named(&self, name: &str) -> Result<String, ValueError> {
        if let Some(choice) = self.choices.get(name) {
            let value = self.plain(&choice.by)?;
            let word = choice.words.get(&value).or(choice.otherwise.as_ref());
            return word.cloned().ok_or_else(|| ValueError::NoWord {
                name: name.to_owned(),
                value,
            });
        }
        self.plain(name)
    }

    fn plain(&self, name: &str) -> Result<String, ValueError> {
        let given = self.outputs.get(name).or_else(|| self.parameters.get(name));
        given
            .cloned()
            .or_else(|| self.facts.value(name))
            .ok_or_else(|| ValueError::Unknown(name.to_owned()))
    }

    fn credential_file(&self, name: &str) -> Result<PathBuf, ValueError> {
        let missing = |reason: &str| ValueError::NoCredential {
            name: name.to_owned(),
            reason: reason.to_owned(),
        };
        let directory = self.credentials.as_ref();
        let directory = directory.ok_or_else(|| missing("CREDENTIALS_DIRECTORY is not set"))?;
        let path = directory.join(name);
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.len() <= SECRET_LIMIT => Ok(path),
            Ok(_) => Err(missing("its file is too large")),
            Err(error) => Err(missing(&error.to_string())),
        }
    }

    fn credential(&self, name: &str) -> Result<String, ValueError> {
        let path = self.credential_file(name)?;
        let secret = std::fs::read_to_string(path).map_err(|error| ValueError::NoCredential {
            name: name.to_owned(),
            reason: error.to_string(),
        })?;
        // An editor's last line end is no part of a secret.
        Ok(secret.trim_end_matches(['\n', '\r']).to_owned())
    }
}

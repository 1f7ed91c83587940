//! Which entries are looked at: journalctl's match language.
//!
//! `FIELD=value` terms must all match; terms of the same field are alternatives; `+` separates groups
//! of which one must match (journalctl(1), "FIELD=VALUE").

use std::fmt;

use crate::model::Entry;

/// A match as journalctl writes it. Empty matches every entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalMatch {
    /// One group must match: each of its fields must have one of the values.
    groups: Vec<Vec<(String, Vec<String>)>>,
}

/// Why a text is no match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalMatchError {
    /// A term is not `FIELD=value`.
    #[error("\"{0}\" is no match: write FIELD=value, as in _SYSTEMD_UNIT=ssh.service")]
    Term(String),
    /// A field name that journald would not store.
    #[error("\"{0}\" is no field name: write capitals, digits and '_', as in _SYSTEMD_UNIT")]
    Field(String),
    /// Nothing between, before or after `+`.
    #[error("nothing on one side of \"+\"")]
    EmptyGroup,
}

impl JournalMatch {
    /// Reads terms that are separated already: `["_UID=0", "+", "SYSLOG_IDENTIFIER=a b"]`.
    pub fn from_terms<'a>(
        terms: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, JournalMatchError> {
        let mut groups: Vec<Vec<(String, Vec<String>)>> = Vec::new();
        let mut group: Vec<(String, Vec<String>)> = Vec::new();
        let mut open = false;
        for term in terms {
            if term == "+" {
                if group.is_empty() {
                    return Err(JournalMatchError::EmptyGroup);
                }
                groups.push(std::mem::take(&mut group));
                open = true;
                continue;
            }
            let (field, value) = term
                .split_once('=')
                .ok_or_else(|| JournalMatchError::Term(term.to_owned()))?;
            if !is_field_name(field) {
                return Err(JournalMatchError::Field(field.to_owned()));
            }
            match group.iter_mut().find(|(name, _)| name == field) {
                Some((_, values)) => values.push(value.to_owned()),
                None => group.push((field.to_owned(), vec![value.to_owned()])),
            }
            open = false;
        }
        if open {
            return Err(JournalMatchError::EmptyGroup);
        }
        if !group.is_empty() {
            groups.push(group);
        }
        Ok(Self { groups })
    }

    /// Reads terms that blanks separate: `_UID=0 SYSLOG_IDENTIFIER=sshd + _UID=1`.
    pub fn parse(text: &str) -> Result<Self, JournalMatchError> {
        Self::from_terms(text.split_whitespace())
    }

    /// Whether `entry` has what is asked for. A missing field is no match.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        self.groups.is_empty()
            || self.groups.iter().any(|group| {
                group.iter().all(|(field, wanted)| {
                    entry
                        .values(field.as_bytes())
                        .any(|value| wanted.iter().any(|wanted| wanted.as_bytes() == value))
                })
            })
    }

    /// Whether it matches every entry.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.groups.is_empty()
    }

    /// The alternatives: groups of fields with the values that each may have.
    #[must_use]
    pub fn groups(&self) -> &[Vec<(String, Vec<String>)>] {
        &self.groups
    }

    /// The names of all fields that it looks at.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.groups
            .iter()
            .flatten()
            .map(|(field, _)| field.as_str())
    }
}

/// As journald checks them (`journal_field_valid`): capitals, digits, `_`, no leading digit, at
/// most 64 bytes.
fn is_field_name(field: &str) -> bool {
    (1..=64).contains(&field.len())
        && !field.starts_with(|c: char| c.is_ascii_digit())
        && field
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// As it is written for journalctl.
impl fmt::Display for JournalMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |group: &Vec<(String, Vec<String>)>| {
            let terms: Vec<String> = group
                .iter()
                .flat_map(|(field, values)| {
                    values.iter().map(move |value| format!("{field}={value}"))
                })
                .collect();
            terms.join(" ")
        };
        f.write_str(
            &self
                .groups
                .iter()
                .map(group)
                .collect::<Vec<_>>()
                .join(" + "),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    fn entry(fields: &[(&str, &str)]) -> Entry {
        let mut entry = Entry::new(Time::EPOCH);
        for (name, value) in fields {
            entry.push(name.as_bytes(), value.as_bytes());
        }
        entry
    }

    #[test]
    fn fields_and_values_combine_as_in_journalctl() {
        let m = JournalMatch::parse("_UID=0 ID=a ID=b + _UID=1").expect("a match");
        for (fields, expected) in [
            (&[("_UID", "0"), ("ID", "a")][..], true),
            (&[("_UID", "0"), ("ID", "b")], true),
            (&[("_UID", "0"), ("ID", "c")], false),
            (&[("ID", "a")], false),
            (&[("_UID", "1")], true),
            (&[("ID", "x"), ("ID", "a"), ("_UID", "0")], true),
            (&[], false),
        ] {
            assert_eq!(m.matches(&entry(fields)), expected, "{fields:?}");
        }
        assert_eq!(m.to_string(), "_UID=0 ID=a ID=b + _UID=1");
        assert!(JournalMatch::default().matches(&entry(&[])));
    }

    #[test]
    fn a_bad_match_says_what_would_be_right() {
        use JournalMatchError::{EmptyGroup, Field, Term};
        assert_eq!(JournalMatch::parse("sshd"), Err(Term("sshd".into())));
        assert_eq!(JournalMatch::parse("uid=0"), Err(Field("uid".into())));
        assert_eq!(JournalMatch::parse("+ A=1"), Err(EmptyGroup));
        assert_eq!(JournalMatch::parse("A=1 +"), Err(EmptyGroup));
    }
}

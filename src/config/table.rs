//! Tables: each key is asked for once, and what nobody asked for is unknown.

use toml::de::DeTable;

use super::problem::Problem;
use super::suggest::did_you_mean;
use super::text::{Place, Text};
use super::value::{Read, Value, expected};

/// A value as meant, and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At<T> {
    pub value: T,
    pub place: Place,
}

/// A table that is being read.
pub(super) struct Table<'t> {
    text: &'t Text,
    entries: &'t DeTable<'t>,
    place: Place,
    asked: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'t> Table<'t> {
    /// Begins to read `entries`, which stand in `text` below a header at the byte `offset`.
    pub fn new(text: &'t Text, entries: &'t DeTable<'t>, offset: usize) -> Self {
        Self {
            text,
            entries,
            place: text.place(offset),
            asked: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Where its header stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where the byte at `offset` of its file stands.
    pub fn place_at(&self, offset: usize) -> Place {
        self.text.place(offset)
    }

    /// The value of `key` as `read` understands it; `None` if it is not there, or wrong.
    pub fn take<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value<'t>) -> Read<T>,
    ) -> Option<At<T>> {
        self.asked.push(key);
        let value = self.entries.get(key)?;
        match read(value) {
            Ok(read) => Some(At {
                value: read,
                place: self.text.place(value.span().start),
            }),
            Err(faults) => {
                for fault in faults {
                    self.problem(fault.offset, format!("{key}: {}", fault.message));
                }
                None
            }
        }
    }

    /// As [`take`](Self::take); that the key is not there is a problem. `example` is what to write.
    pub fn require<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Value<'t>) -> Read<T>,
    ) -> Option<At<T>> {
        if !self.entries.contains_key(key) {
            let message = format!("{key} is missing: write {example}");
            self.problems.push(Problem::new(&self.place, message));
        }
        self.take(key, read)
    }

    /// The table `key`; `None` if it is not there, or is no table.
    pub fn table(&mut self, key: &'static str) -> Option<Self> {
        self.asked.push(key);
        let value = self.entries.get(key)?;
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong(key, value, &format!("a table, [{key}]"));
            return None;
        };
        Some(Self::new(self.text, entries, value.span().start))
    }

    /// The tables `[[key]]`, in their order.
    pub fn tables(&mut self, key: &'static str) -> Vec<Self> {
        self.asked.push(key);
        let Some(value) = self.entries.get(key) else {
            return Vec::new();
        };
        let what = format!("tables, each with its own [[{key}]]");
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, value, &what);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref().as_table() {
                Some(entries) => {
                    tables.push(Self::new(self.text, entries, item.span().start));
                }
                None => self.wrong(key, item, &what),
            }
        }
        tables
    }

    fn problem(&mut self, offset: usize, message: impl std::fmt::Display) {
        self.problems
            .push(Problem::new(&self.text.place(offset), message));
    }

    /// Ends the reading: what is wrong, with the keys that nobody asked for. `hint` says for an
    /// unknown key what to write instead, where a sentence is more than a similar key.
    pub fn finish(mut self, hint: impl Fn(&str, &Value<'_>) -> Option<String>) -> Vec<Problem> {
        for (key, value) in self.entries {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let advice = match hint(name, value) {
                Some(sentence) => format!(": {sentence}"),
                None => match did_you_mean(name, self.asked.iter().copied()) {
                    none if none.is_empty() => format!("; known are {}", self.asked.join(", ")),
                    suggestion => suggestion,
                },
            };
            self.problems.push(Problem::new(
                &self.text.place(key.span().start),
                format_args!("unknown key \"{name}\"{advice}"),
            ));
        }
        self.problems
    }

    fn wrong(&mut self, key: &str, value: &Value<'_>, what: &str) {
        for fault in expected::<()>(value, what).err().into_iter().flatten() {
            self.problem(fault.offset, format!("{key}: {}", fault.message));
        }
    }
}

/// For [`Table::finish`]: there is nothing to say but the similar key.
pub(super) fn no_hint(_: &str, _: &Value<'_>) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::{boolean, string};

    #[test]
    fn wrong_and_unknown_keys_are_all_told() {
        let text = Text::new(
            "f",
            "enabeld = true\ncolour = 1\nmode = 5\nrule = 1\nsession = []\nlogpath = ''\n"
                .to_owned(),
        );
        let entries = DeTable::parse(text.content()).expect("TOML").into_inner();
        let mut table = Table::new(&text, &entries, 0);
        assert!(table.take("enabled", boolean).is_none());
        assert!(table.take("mode", string).is_none());
        assert!(table.tables("rule").is_empty());
        assert!(table.table("session").is_none());
        assert!(table.require("verdict", "verdict = 1", string).is_none());
        let mut problems = table.finish(|key, _| (key == "logpath").then(|| "not yet".to_owned()));
        problems.sort();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "f:1:1: unknown key \"enabeld\"; did you mean \"enabled\"?",
                "f:1:1: verdict is missing: write verdict = 1",
                "f:2:1: unknown key \"colour\"; known are enabled, mode, rule, session, verdict",
                "f:3:8: mode: expected a string, found the number 5",
                "f:4:8: rule: expected tables, each with its own [[rule]], found the number 1",
                "f:5:11: session: expected a table, [session], found a list",
                "f:6:1: unknown key \"logpath\": not yet",
            ]
        );
    }
}

//! Values of an entry: journal fields, and members of a `MESSAGE` that is JSON.
//!
//! The message is parsed at most once an entry, and only if a rule asks for a member. Its size is
//! limited by [`FIELD_LIMIT`](crate::model::FIELD_LIMIT), its depth by `serde_json` (128 levels).

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use crate::filter::spec::{Condition, Selector};
use crate::model::Entry;

/// An entry as the rules look at it.
pub(super) struct View<'e> {
    /// The entry itself.
    pub entry: &'e Entry,
    /// Its message, without blanks at the end.
    pub message: &'e [u8],
    json: OnceCell<Option<Value>>,
}

impl<'e> View<'e> {
    /// Looks at `entry`.
    pub fn new(entry: &'e Entry) -> Self {
        Self {
            entry,
            message: entry.message().trim_ascii_end(),
            json: OnceCell::new(),
        }
    }

    /// Whether somebody asked for a member of a message that looks like JSON, but is none.
    pub fn bad_json(&self) -> bool {
        matches!(self.json.get(), Some(None)) && self.message.starts_with(b"{")
    }

    /// The value at `selector`; of a field that occurs several times, the first.
    pub fn value(&self, selector: &Selector) -> Option<Cow<'_, [u8]>> {
        match selector {
            Selector::Field(name) => self.entry.get(name.as_bytes()).map(Cow::Borrowed),
            Selector::Json(path) => text(self.member(path)?),
        }
    }

    /// Whether the entry is as `condition` says; any value of a field will do.
    pub fn holds(&self, condition: &Condition) -> bool {
        let wanted = |value: &[u8]| condition.any_of.iter().any(|text| text.as_bytes() == value);
        match &condition.selector {
            Selector::Field(name) => self.entry.values(name.as_bytes()).any(wanted),
            Selector::Json(_) => self
                .value(&condition.selector)
                .is_some_and(|value| wanted(&value)),
        }
    }

    fn member(&self, path: &[String]) -> Option<&Value> {
        let root = self.json.get_or_init(|| match self.message.first() {
            Some(b'{') => serde_json::from_slice(self.message).ok(),
            _ => None,
        });
        path.iter()
            .try_fold(root.as_ref()?, |value, name| match value {
                Value::Object(members) => members.get(name),
                Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                _ => None,
            })
    }
}

/// A scalar as text; objects, arrays and null have none.
fn text(value: &Value) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text.as_bytes())),
        Value::Number(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        Value::Bool(value) => Some(Cow::Owned(value.to_string().into_bytes())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    fn entry(message: &[u8]) -> Entry {
        let mut entry = Entry::new(Time::EPOCH);
        entry.push(b"A", b"1");
        entry.push(b"A", b"2");
        entry.push(b"MESSAGE", message);
        entry
    }

    fn json(path: &[&str]) -> Selector {
        Selector::Json(path.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn members_are_found_by_path() {
        let entry = entry(br#"{"a":{"b":"x","n":[1,true,null]}}"#);
        let view = View::new(&entry);
        let value = |path: &[&str]| view.value(&json(path)).map(|value| value.to_vec());
        assert_eq!(value(&["a", "b"]), Some(b"x".to_vec()));
        assert_eq!(value(&["a", "n", "0"]), Some(b"1".to_vec()));
        assert_eq!(value(&["a", "n", "1"]), Some(b"true".to_vec()));
        for path in [
            &["a"][..],
            &["a", "n", "2"],
            &["a", "n", "x"],
            &["b"],
            &["a", "b", "c"],
        ] {
            assert_eq!(value(path), None);
        }
        assert!(!view.bad_json());
    }

    #[test]
    fn what_is_no_json_has_no_members() {
        let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        for (message, bad) in [
            (&b"{\"a\":"[..], true),
            (b"\xff", false),
            (b"", false),
            (deep.as_bytes(), true),
        ] {
            let entry = entry(message);
            let view = View::new(&entry);
            assert!(!view.bad_json(), "nobody asked yet");
            assert_eq!(view.value(&json(&["a"])), None);
            assert_eq!(view.bad_json(), bad);
        }
    }

    #[test]
    fn any_value_of_a_field_fulfils_a_condition() {
        let entry = entry(b"");
        let view = View::new(&entry);
        let condition = |name: &str, any_of: &[&str]| Condition {
            selector: Selector::Field(name.into()),
            any_of: any_of.iter().map(ToString::to_string).collect(),
        };
        assert!(view.holds(&condition("A", &["3", "2"])));
        assert!(!view.holds(&condition("A", &["3"])));
        assert!(!view.holds(&condition("B", &[""])));
    }
}

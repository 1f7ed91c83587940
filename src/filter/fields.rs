//! Values of an entry: journal fields, and those of a `MESSAGE` that is JSON or logfmt.
//!
//! The message is parsed only if a rule asks for a value in it: as logfmt at most once a filter, as
//! JSON once for all filters that see the same of it. Its size is limited by
//! [`FIELD_LIMIT`](crate::model::FIELD_LIMIT).

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use crate::filter::json;
use crate::filter::logfmt::{NoPairs, Pairs};
use crate::filter::spec::{Condition, Selector};
use crate::model::Entry;

/// A message as JSON, once somebody has asked.
pub(super) type Json = OnceCell<Option<Value>>;

/// An entry as the rules of one filter look at it.
pub(super) struct View<'e> {
    /// The entry itself.
    pub entry: &'e Entry,
    /// Its message behind the filter's prefix, without blanks at the end.
    pub message: &'e [u8],
    json: &'e Json,
    pairs: OnceCell<Result<Pairs<'e>, NoPairs>>,
}

impl<'e> View<'e> {
    /// Looks at `entry`, whose `message` the rules see, and what is known of that as JSON.
    pub fn new(entry: &'e Entry, message: &'e [u8], json: &'e Json) -> Self {
        Self {
            entry,
            message,
            json,
            pairs: OnceCell::new(),
        }
    }

    /// Whether somebody asked for a value of a message that looks like JSON, but is none, or that
    /// has too many pairs.
    pub fn unreadable(&self) -> bool {
        matches!(self.json.get(), Some(None)) && self.message.starts_with(b"{")
            || matches!(self.pairs.get(), Some(Err(NoPairs::TooMany)))
    }

    /// The value at `selector`; of a field that occurs several times, the first.
    pub fn value(&self, selector: &Selector) -> Option<Cow<'_, [u8]>> {
        match selector {
            Selector::Field(name) => self.entry.get(name.as_bytes()).map(Cow::Borrowed),
            Selector::Json(path) => text(self.member(path)?),
            Selector::Logfmt(key) => {
                let pairs = self.pairs.get_or_init(|| Pairs::read(self.message));
                pairs.as_ref().ok()?.value(key).map(Cow::Borrowed)
            }
        }
    }

    /// Whether the entry is as `condition` says; any value of a field will do.
    pub fn holds(&self, condition: &Condition) -> bool {
        let wanted = |value: &[u8]| condition.any_of.iter().any(|text| text.as_bytes() == value);
        match &condition.selector {
            Selector::Field(name) => self.entry.values(name.as_bytes()).any(wanted),
            Selector::Json(_) | Selector::Logfmt(_) => self
                .value(&condition.selector)
                .is_some_and(|value| wanted(&value)),
        }
    }

    fn member(&self, path: &[String]) -> Option<&Value> {
        let root = self.json.get_or_init(|| json::read(self.message));
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
        let known = Json::new();
        let view = View::new(&entry, entry.message(), &known);
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
        assert!(!view.unreadable());
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
            let known = Json::new();
            let view = View::new(&entry, entry.message(), &known);
            assert!(!view.unreadable(), "nobody asked yet");
            assert_eq!(view.value(&json(&["a"])), None);
            assert_eq!(view.unreadable(), bad);
        }
    }

    #[test]
    fn pairs_are_found_by_key() {
        let many: Vec<String> = (0..300).map(|at| format!("k{at}")).collect();
        let many = many.join(" ");
        for (message, value, bad) in [
            ("a=1 b=\"x\"", Some(&b"x"[..]), false),
            ("a=1 b=x b=y", None, false),
            ("b=\"x", None, false),
            (&many, None, true),
        ] {
            let entry = entry(message.as_bytes());
            let known = Json::new();
            let view = View::new(&entry, entry.message(), &known);
            let found = view.value(&Selector::Logfmt("b".into()));
            assert_eq!(found.as_deref(), value, "{message}");
            assert_eq!(view.unreadable(), bad);
        }
    }

    #[test]
    fn any_value_of_a_field_fulfils_a_condition() {
        let entry = entry(b"");
        let known = Json::new();
        let view = View::new(&entry, entry.message(), &known);
        let condition = |name: &str, any_of: &[&str]| Condition {
            selector: Selector::Field(name.into()),
            any_of: any_of.iter().map(ToString::to_string).collect(),
        };
        assert!(view.holds(&condition("A", &["3", "2"])));
        assert!(!view.holds(&condition("A", &["3"])));
        assert!(!view.holds(&condition("B", &[""])));
    }
}

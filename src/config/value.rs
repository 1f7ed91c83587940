//! Single values: from TOML's types to ours, or what is wrong with them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::suggest::did_you_mean;
use crate::model::{Bantime, JournalMatch, parse_duration};

/// A value with the bytes at which it stands.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// What is wrong at a byte offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub offset: usize,
    pub message: String,
}

/// What a reader makes of a value: ours, or all that is wrong with it.
pub(super) type Read<T> = Result<T, Vec<Fault>>;

/// `value` is wrong as a whole.
pub(super) fn fault<T>(value: &Value<'_>, message: impl Display) -> Read<T> {
    Err(vec![Fault {
        offset: value.span().start,
        message: message.to_string(),
    }])
}

/// `value` should have been `what`.
pub(super) fn expected<T>(value: &Value<'_>, what: impl Display) -> Read<T> {
    let found = match value.get_ref() {
        DeValue::String(text) => format!("the string \"{text}\""),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    fault(value, format_args!("expected {what}, found {found}"))
}

/// `true` or `false`.
pub(super) fn boolean(value: &Value<'_>) -> Read<bool> {
    match value.get_ref() {
        DeValue::Boolean(truth) => Ok(*truth),
        _ => expected(value, "true or false"),
    }
}

/// Any text.
pub(super) fn string(value: &Value<'_>) -> Read<String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        _ => expected(value, "a string"),
    }
}

/// A text that is a `T`.
pub(super) fn parsed<T: FromStr<Err: Display>>(value: &Value<'_>) -> Read<T> {
    string(value)?.parse().or_else(|error| fault(value, error))
}

/// A number of `range`.
pub(super) fn integer<T>(range: RangeInclusive<T>) -> impl Fn(&Value<'_>) -> Read<T>
where
    T: TryFrom<i64> + PartialOrd + Display + Copy,
{
    move |value| {
        whole_number(value)
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .map_or_else(
                || {
                    let (least, most) = (range.start(), range.end());
                    expected(value, format_args!("a number from {least} to {most}"))
                },
                Ok,
            )
    }
}

/// A whole number of any radix.
pub(super) fn whole_number(value: &Value<'_>) -> Option<i64> {
    let number = value.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// One of a few words.
pub(super) fn choice<T: Copy>(words: &[(&'static str, T)]) -> impl Fn(&Value<'_>) -> Read<T> {
    move |value| {
        let text = string(value)?;
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*meant);
        }
        let quoted: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let hint = did_you_mean(&text, words.iter().map(|(word, _)| *word));
        let all = quoted.join(", ");
        fault(value, format_args!("\"{text}\" is none of {all}{hint}"))
    }
}

/// A span of more than zero: seconds as a number, or a text with units.
pub(super) fn duration(value: &Value<'_>) -> Read<Duration> {
    let span = match (value.get_ref(), whole_number(value)) {
        (DeValue::String(text), _) => parse_duration(text).or_else(|error| fault(value, error))?,
        (_, Some(seconds)) if seconds >= 0 => Duration::from_secs(seconds.unsigned_abs()),
        _ => return expected(value, "seconds (600) or a string with units (\"10m\")"),
    };
    if span.is_zero() {
        return expected(value, "a duration of more than zero");
    }
    Ok(span)
}

/// How long a ban lasts: a [`duration`], or `-1` or `"forever"`.
pub(super) fn bantime(value: &Value<'_>) -> Read<Bantime> {
    let forever = whole_number(value) == Some(-1)
        || value
            .get_ref()
            .as_str()
            .is_some_and(|text| text.parse() == Ok(Bantime::Forever));
    if forever {
        return Ok(Bantime::Forever);
    }
    duration(value).map(Bantime::For).map_err(|mut faults| {
        for fault in &mut faults {
            fault.message.push_str(", or \"forever\"");
        }
        faults
    })
}

/// A list of what `one` reads, or a single one of them; all that is wrong in it at once.
pub(super) fn list<T>(one: impl Fn(&Value<'_>) -> Read<T>) -> impl Fn(&Value<'_>) -> Read<Vec<T>> {
    move |value| {
        let Some(items) = value.get_ref().as_array() else {
            return one(value).map(|item| vec![item]);
        };
        let mut read = Vec::new();
        let mut faults = Vec::new();
        for item in items {
            match one(item) {
                Ok(item) => read.push(item),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults)
        }
    }
}

/// A table whose keys are names, each with what `one` reads; all that is wrong in it at once.
pub(super) fn map<T>(
    one: impl Fn(&Value<'_>) -> Read<T>,
) -> impl Fn(&Value<'_>) -> Read<BTreeMap<String, T>> {
    move |value| {
        let Some(entries) = value.get_ref().as_table() else {
            return expected(value, "a table");
        };
        let mut read = BTreeMap::new();
        let mut faults = Vec::new();
        for (key, item) in entries {
            match one(item) {
                Ok(item) => drop(read.insert(key.get_ref().to_string(), item)),
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults)
        }
    }
}

/// What `one` reads, with its byte offset.
pub(super) fn with_offset<T>(
    one: impl Fn(&Value<'_>) -> Read<T>,
) -> impl Fn(&Value<'_>) -> Read<(T, usize)> {
    move |value| one(value).map(|read| (read, value.span().start))
}

/// A match in journalctl's language: one string, or a list with one term (or `+`) each, whose
/// values may hold blanks.
pub(super) fn journalmatch(value: &Value<'_>) -> Read<JournalMatch> {
    if value.get_ref().is_str() {
        let text = string(value)?;
        return JournalMatch::parse(&text).or_else(|error| fault(value, error));
    }
    let terms = list(term)(value)?;
    JournalMatch::from_terms(terms.iter().map(String::as_str)).or_else(|error| fault(value, error))
}

fn term(value: &Value<'_>) -> Read<String> {
    let text = string(value)?;
    if text == "+" {
        return Ok(text);
    }
    if let Err(error) = JournalMatch::from_terms([text.as_str()]) {
        return fault(value, error);
    }
    // ["_UID=0 _PID=1"] would be a _UID that no entry has.
    let another = text
        .split_whitespace()
        .skip(1)
        .any(|word| word == "+" || word.starts_with('_') && JournalMatch::parse(word).is_ok());
    if another {
        return fault(
            value,
            format_args!("\"{text}\" is more than one term: give each its own place in the list"),
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn read<T>(value: &str, reader: impl Fn(&Value<'_>) -> Read<T>) -> Result<T, String> {
        let document = format!("k = {value}");
        let table = DeTable::parse(&document).expect("TOML").into_inner();
        reader(&table["k"]).map_err(|faults| {
            let messages: Vec<String> = faults
                .into_iter()
                .map(|fault| format!("{}: {}", fault.offset, fault.message))
                .collect();
            messages.join("; ")
        })
    }

    #[test]
    fn durations_are_numbers_or_texts_and_never_zero() {
        assert_eq!(read("600", duration), Ok(Duration::from_mins(10)));
        assert_eq!(read("0x10", duration), Ok(Duration::from_secs(16)));
        assert_eq!(read("\"1h 30m\"", duration), Ok(Duration::from_mins(90)));
        for bad in [
            "0", "\"0s\"", "-1", "1.5", "true", "\"ten\"", "[600]", "{ }",
        ] {
            assert!(read(bad, duration).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ban_may_last_forever() {
        for text in ["-1", "\"-1\"", "\"forever\""] {
            assert_eq!(read(text, bantime), Ok(Bantime::Forever), "{text}");
        }
        assert_eq!(
            read("\"2h\"", bantime),
            Ok(Bantime::For(Duration::from_hours(2)))
        );
        let message = read("-2", bantime).expect_err("no bantime");
        assert!(message.ends_with("or \"forever\""), "{message}");
    }

    #[test]
    fn a_number_is_within_its_range() {
        let prefix = integer(8..=32_u8);
        assert_eq!(read("24", &prefix), Ok(24));
        for bad in [
            "7",
            "33",
            "-24",
            "300",
            "99999999999999999999",
            "\"24\"",
            "24.0",
        ] {
            let message = read(bad, &prefix).expect_err(bad);
            assert!(
                message.starts_with("4: expected a number from 8 to 32"),
                "{message}"
            );
        }
    }

    #[test]
    fn all_that_is_wrong_in_a_list_is_told_at_its_place() {
        assert_eq!(read("\"a\"", list(string)), Ok(vec!["a".to_owned()]));
        assert_eq!(
            read("[1, \"b\", true]", list(string)).expect_err("two faults"),
            "5: expected a string, found the number 1; 13: expected a string, found true"
        );
    }

    #[test]
    fn a_match_is_a_text_or_a_list_of_terms() {
        let shown = |text| read(text, journalmatch).map(|m| m.to_string());
        assert_eq!(shown("\"A=1 B=2 + C=3\"").as_deref(), Ok("A=1 B=2 + C=3"));
        assert_eq!(
            read("[\"A=x y\", \"+\", \"B=2\"]", journalmatch)
                .expect("a match")
                .groups()[0][0],
            ("A".to_owned(), vec!["x y".to_owned()])
        );
        assert!(shown("[\"A=1\", \"b\"]").is_err_and(|e| e.starts_with("12: ")));
        assert!(shown("[\"_UID=0 _PID=1\"]").is_err_and(|e| e.contains("more than one term")));
        assert!(shown("\"A=1 +\"").is_err());
    }

    #[test]
    fn a_word_that_is_nearly_right_is_recognised() {
        let words = [("reject", 1), ("drop", 2)];
        assert_eq!(read("\"drop\"", choice(&words)), Ok(2));
        assert_eq!(
            read("\"rejct\"", choice(&words)).expect_err("misspelt"),
            "4: \"rejct\" is none of \"reject\", \"drop\"; did you mean \"reject\"?"
        );
    }
}

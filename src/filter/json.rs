//! A message as JSON, read so that nobody can choose which of two values is meant.
//!
//! What a service logs is valid JSON however hostile the text in it is, with two exceptions that
//! writers differ in: a member written twice, and half of a surrogate pair as an escape, which
//! JavaScript passes on. The first has no value here; the second becomes U+FFFD, or a client that
//! sends it would hide the line. The size is limited by [`FIELD_LIMIT`](crate::model::FIELD_LIMIT),
//! the depth by `serde_json` (128 levels).

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The object in `message`; `None` if it is none. A member that occurs twice is null.
pub(super) fn read(message: &[u8]) -> Option<Value> {
    if message.first() != Some(&b'{') {
        return None;
    }
    let text = String::from_utf8_lossy(message);
    let read: Result<Once, _> = serde_json::from_str(&text);
    let read = read.or_else(|_| serde_json::from_str(&with_whole_surrogates(&text)));
    read.ok().map(|once| once.0)
}

/// A value whose members all occur once.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            read.push(item);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some((name, Once(value))) = members.next_entry::<String, Once>()? {
            let value = if read.contains_key(&name) {
                Value::Null
            } else {
                value
            };
            read.insert(name, value);
        }
        Ok(Value::Object(read))
    }
}

/// `text` with U+FFFD for each escape that is half of a surrogate pair.
fn with_whole_surrogates(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        whole.push_str(before);
        let taken = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape.get(..12),
            (Some(0xd800..=0xdfff), _) => {
                whole.push('\u{fffd}');
                rest = &escape[6..];
                continue;
            }
            // Two bytes suffice for any other escape; the digits behind `\u` are plain text then.
            _ => escape.get(..2),
        };
        let taken = taken.unwrap_or(&escape[..1]);
        whole.push_str(taken);
        rest = &escape[taken.len()..];
    }
    whole + rest
}

/// The UTF-16 unit that `text` begins with as `\uXXXX`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_occurs_twice_has_no_value() {
        let read = |text: &str| read(text.as_bytes()).map(|value| value.to_string());
        for (text, value) in [
            (
                r#"{"a":[1,-2,0.5,true,null,"é"]}"#,
                Some(r#"{"a":[1,-2,0.5,true,null,"é"]}"#),
            ),
            (
                r#"{"a":1,"b":{"c":1,"c":2},"a":2}"#,
                Some(r#"{"a":null,"b":{"c":null}}"#),
            ),
            (r#"{"a":1,"a":2,"a":3}"#, Some(r#"{"a":null}"#)),
            (r#"{"a":1,"\u0061":2}"#, Some(r#"{"a":null}"#)),
            (r#"{"a":1} {"b":2}"#, None),
            (r#"["a"]"#, None),
            (r#"{"a"#, None),
            ("", None),
        ] {
            assert_eq!(read(text).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_hides_nothing() {
        for (text, value) in [
            (r#"{"u":"a\ud800b","ip":"x"}"#, "a\u{fffd}b"),
            (r#"{"u":"\udc00\ud800","ip":"x"}"#, "\u{fffd}\u{fffd}"),
            (
                r#"{"u":"\ud83d\ude00\ud800\"\\ud800","ip":"x"}"#,
                "😀\u{fffd}\"\\ud800",
            ),
            (r#"{"u":"\ud800\ud83d\ude00","ip":"x"}"#, "\u{fffd}😀"),
        ] {
            let read = read(text.as_bytes()).expect("JSON");
            assert_eq!((&read["u"], &read["ip"]), (&value.into(), &"x".into()));
        }
        assert_eq!(read(b"{\"u\":\"\xff\"}").expect("JSON")["u"], "\u{fffd}");
    }
}

//! One line of `journalctl -o json` as an [`Entry`].
//!
//! Values are strings; binary ones are arrays of byte numbers, several values of one field an
//! array of those, and `null` stands for a value that journalctl found too long
//! (<https://systemd.io/JOURNAL_EXPORT_FORMATS>). Pure.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::{Entry, Time};

/// The field that every exported entry has.
const REALTIME: &str = "__REALTIME_TIMESTAMP";

/// What an exported entry has and hardly any other JSON: an entry that somebody wrote by hand may
/// go without a time.
const MARKS: [&[u8]; 2] = [b"\"__REALTIME_TIMESTAMP\"", b"\"MESSAGE\""];

/// Whether `line` is meant to be such a line.
#[must_use]
pub fn looks_like(line: &[u8]) -> bool {
    line.starts_with(b"{")
        && MARKS
            .iter()
            .any(|mark| memchr::memmem::find(line, mark).is_some())
}

/// Reads `line`. What begins with `__` is no field of the journal but said about the entry
/// (cursor, times), and of that only the time is taken, [`Time::EPOCH`] if there is none. Values over
/// [`FIELD_LIMIT`](crate::model::FIELD_LIMIT) are cut.
pub fn entry(line: &[u8]) -> Result<Entry, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let entry = deserializer.deserialize_map(Fields)?;
    deserializer.end()?;
    Ok(entry)
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry as journalctl -o json writes it")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut entry = Entry::default();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            if name.0 == REALTIME {
                let micros: Cow<'de, str> = map.next_value::<Name<'de>>()?.0;
                let micros = micros.parse().map_err(serde::de::Error::custom)?;
                entry.set_time(Time::from_micros(micros));
            } else if name.0.starts_with("__") {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Values {
                    name: name.0.as_bytes(),
                    entry: &mut entry,
                })?;
            }
        }
        Ok(entry)
    }
}

/// A text, borrowed where it can be.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Adds what it sees to `entry` as values of `name`.
struct Values<'a> {
    name: &'a [u8],
    entry: &'a mut Entry,
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, an array of bytes, null, or an array of these")
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.entry.push(self.name, value.as_bytes());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // One binary value, or several values.
        let mut bytes = Vec::new();
        while let Some(item) = seq.next_element::<Item<'de>>()? {
            match item {
                Item::Byte(byte) => bytes.push(byte),
                Item::Text(text) => {
                    self.entry.push(self.name, text.as_bytes());
                }
                Item::Binary(value) => {
                    self.entry.push(self.name, &value);
                }
                Item::Null(()) => {}
            }
        }
        if !bytes.is_empty() {
            self.entry.push(self.name, &bytes);
        }
        Ok(())
    }
}

/// What an array may hold.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Item<'a> {
    Byte(u8),
    Text(#[serde(borrow)] Cow<'a, str>),
    Binary(Vec<u8>),
    Null(()),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_kinds_of_values_are_read() {
        let line =
            br#"{"__CURSOR":"s=1","MESSAGE":"a \u00e9\n","__REALTIME_TIMESTAMP":"1700000000000001",
            "MANY":["1",[255,0],null,"3"],"BINARY":[104,105,0],"LONG":null,"_UID":"0","EMPTY":""}"#;
        assert!(looks_like(line));
        let entry = entry(line).expect("an entry");
        assert_eq!(entry.time(), Time::from_micros(1_700_000_000_000_001));
        let fields: Vec<_> = entry.fields().collect();
        let expected: [(&[u8], &[u8]); 7] = [
            (b"MESSAGE", "a é\n".as_bytes()),
            (b"MANY", b"1"),
            (b"MANY", b"\xff\0"),
            (b"MANY", b"3"),
            (b"BINARY", b"hi\0"),
            (b"_UID", b"0"),
            (b"EMPTY", b""),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_no_entry_is_an_error() {
        for line in [
            "{",
            "{} x",
            r#"{"__REALTIME_TIMESTAMP":"x"}"#,
            r#"{"MESSAGE":{}}"#,
            r#"{"MESSAGE":[[["a"]]]}"#,
            r#"{"MESSAGE":1}"#,
            r#"{"MESSAGE":[256]}"#,
        ] {
            assert!(entry(line.as_bytes()).is_err(), "{line}");
        }
        assert!(!looks_like(br#"{"log":"a","time":"b"}"#));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(line in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = entry(&line);
            let _ = entry(&[b"{\"MESSAGE\":", &line[..], b"}"].concat());
        }
    }
}

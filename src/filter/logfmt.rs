//! A message as logfmt: `key=value key="quoted value" word …`, separated by blanks.
//!
//! Read strictly, because the values are written by whoever attacks: a quoted value ends at the
//! first quote that is not escaped, and a blank or the end must follow; a quote anywhere else, or
//! a control byte outside of quotes, and it is no logfmt at all. A key that occurs twice has no
//! value: which of the two was the service's cannot be told.

use std::borrow::Cow;
use std::collections::HashMap;

/// The most keys of a message: those that ship have about 20, a line of a firewall about 25.
const PAIRS_LIMIT: usize = 256;

/// A message's pairs.
#[derive(Debug)]
pub(super) struct Pairs<'m>(HashMap<&'m [u8], Option<Cow<'m, [u8]>>>);

/// A key and its value.
type Pair<'m> = (&'m [u8], Cow<'m, [u8]>);

/// Why a message has no pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPairs {
    /// It is not of this form.
    Malformed,
    /// There are more than [`PAIRS_LIMIT`].
    TooMany,
}

impl<'m> Pairs<'m> {
    /// Reads all of `message`.
    pub fn read(message: &'m [u8]) -> Result<Self, NoPairs> {
        let mut pairs = HashMap::new();
        let mut rest = message.trim_ascii_start();
        while !rest.is_empty() {
            if pairs.len() == PAIRS_LIMIT {
                return Err(NoPairs::TooMany);
            }
            let ((key, value), behind) = pair(rest).ok_or(NoPairs::Malformed)?;
            pairs
                .entry(key)
                .and_modify(|first| *first = None)
                .or_insert(Some(value));
            rest = behind;
        }
        Ok(Self(pairs))
    }

    /// The value of `key`, if it occurs once; empty for a word without `=`.
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key.as_bytes())?.as_deref()
    }
}

/// The first pair, and what follows behind the blanks.
fn pair(text: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let end = text.iter().position(|&byte| is_blank(byte) || byte == b'=');
    let (key, rest) = text.split_at(end.unwrap_or(text.len()));
    if key.is_empty() || !key.iter().all(|&byte| is_plain(byte)) {
        return None;
    }
    let (value, rest) = match rest {
        [b'=', b'"', rest @ ..] => quoted(rest)?,
        [b'=', rest @ ..] => {
            let end = rest.iter().position(|&byte| is_blank(byte));
            let (value, rest) = rest.split_at(end.unwrap_or(rest.len()));
            if !value.iter().all(|&byte| is_plain(byte)) {
                return None;
            }
            (Cow::Borrowed(value), rest)
        }
        rest => (Cow::Borrowed(&b""[..]), rest),
    };
    let blanks = rest.iter().take_while(|&&byte| is_blank(byte)).count();
    (blanks > 0 || rest.is_empty()).then(|| ((key, value), &rest[blanks..]))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_plain(byte: u8) -> bool {
    byte != b'"' && !byte.is_ascii_control()
}

/// The value up to the quote that ends it, and what follows.
fn quoted(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let value = &text[..end];
    let value = if value.contains(&b'\\') {
        Cow::Owned(unescaped(value))
    } else {
        Cow::Borrowed(value)
    };
    Some((value, &text[end + 1..]))
}

/// `value` with its escapes replaced; those of single characters, of bytes (`\x1b`) and of code
/// points (`\u00e9`). What is none stays as it is.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'\\' {
            text.push(*first);
            continue;
        }
        let [kind, behind @ ..] = rest else {
            text.push(b'\\');
            break;
        };
        rest = behind;
        let digits = match kind {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        match (kind, hex(rest, digits)) {
            (b'x', Some(code)) => text.extend(u8::try_from(code)),
            (b'u' | b'U', Some(code)) => {
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            (b'n', _) => text.push(b'\n'),
            (b'r', _) => text.push(b'\r'),
            (b't', _) => text.push(b'\t'),
            (b'"' | b'\\' | b'\'' | b'/', _) => text.push(*kind),
            _ => {
                text.extend_from_slice(&[b'\\', *kind]);
                continue;
            }
        }
        rest = &rest[digits..];
    }
    text
}

fn hex(text: &[u8], digits: usize) -> Option<u32> {
    let text = std::str::from_utf8(text.get(..digits)?).ok()?;
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(message: &str, key: &str) -> Option<String> {
        let pairs = Pairs::read(message.as_bytes()).ok()?;
        let value = pairs.value(key)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn values_are_found_by_key() {
        let line = r#"t=2026-01-01T00:00:00Z  lvl=warn msg="login of \"x\" failed" ip=192.0.2.1 word user= tls="""#;
        for (key, expected) in [
            ("lvl", Some("warn")),
            ("msg", Some("login of \"x\" failed")),
            ("ip", Some("192.0.2.1")),
            ("word", Some("")),
            ("user", Some("")),
            ("tls", Some("")),
            ("no", None),
        ] {
            assert_eq!(value(line, key).as_deref(), expected, "{key}");
        }
        let escapes = r#"a="\\\n\x41\u00e9\U0001F600\q\ud800\xzz" b="\\""#;
        assert_eq!(
            value(escapes, "a").as_deref(),
            Some("\\\nAé😀\\q\u{fffd}\\xzz")
        );
        assert_eq!(value(escapes, "b").as_deref(), Some("\\"));
        assert_eq!(value("", "a"), None);
    }

    #[test]
    fn text_in_quotes_starts_no_pair() {
        for user in [
            r#"x\" ip=198.51.100.7 y=\\"#,
            r"x ip=198.51.100.7",
            r#"x\\\" ip=198.51.100.7"#,
        ] {
            let line = format!(r#"user="{user}" ip=192.0.2.1"#);
            assert_eq!(value(&line, "ip").as_deref(), Some("192.0.2.1"), "{line}");
        }
        // A service that does not escape: nobody, rather than somebody else.
        for line in [
            r#"user="x" ip=198.51.100.7 y="" ip=192.0.2.1"#,
            r#"user="x"ip=198.51.100.7 y="""#,
            r#"user="x ip=198.51.100.7"#,
            r#"user=x"y ip=198.51.100.7"#,
            "user=x\nip=198.51.100.7",
            r#"user="x\\" ip=198.51.100.7 y=" ip=192.0.2.1"#,
            "=x ip=198.51.100.7",
        ] {
            assert_eq!(value(line, "ip"), None, "{line}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        let words = |count: usize| {
            let words: Vec<String> = (0..count).map(|at| format!("k{at}=1")).collect();
            words.join(" ")
        };
        assert!(Pairs::read(words(PAIRS_LIMIT).as_bytes()).is_ok());
        let error = Pairs::read(words(PAIRS_LIMIT + 1).as_bytes()).map(|_| ());
        assert_eq!(error, Err(NoPairs::TooMany));
    }
}

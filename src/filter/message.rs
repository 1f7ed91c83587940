//! A message as the service meant it: without what others put into or around it.
//!
//! Services that log for a terminal set colours around names and addresses, some also where none
//! reads it. Syslog daemons make one message of several equal ones.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

/// Where a control sequence begins.
const SEQUENCE: &[u8] = b"\x1b[";
/// More repetitions than that of one message do not count.
const TIMES_LIMIT: u32 = 100;

/// The text that patterns see, and how often it was logged.
pub(super) struct Message<'e> {
    plain: Cow<'e, [u8]>,
    text: Range<usize>,
    times: u32,
}

impl<'e> Message<'e> {
    /// Takes a `MESSAGE` as it was logged.
    pub fn new(logged: &'e [u8]) -> Self {
        let plain = without_colours(logged);
        let all = 0..plain.trim_ascii_end().len();
        let (times, text) = repeated(&plain[all.clone()]).unwrap_or((1, all));
        Self { plain, text, times }
    }

    /// What of it patterns see.
    pub fn text(&self) -> &[u8] {
        &self.plain[self.text.clone()]
    }

    /// How many times it was logged, at least once.
    pub fn times(&self) -> u32 {
        self.times
    }
}

/// `message` without the sequences that set colours (ECMA-48, SGR: `ESC [ 1 ; 31 m`).
fn without_colours(message: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(SEQUENCE[0], message) else {
        return message.into();
    };
    let mut plain = message[..first].to_vec();
    let mut rest = &message[first..];
    while let Some(at) = memmem::find(rest, SEQUENCE) {
        plain.extend(&rest[..at]);
        let behind = &rest[at + SEQUENCE.len()..];
        let parameter = |byte: &u8| matches!(byte, b'0'..=b'9' | b';' | b':');
        let end = behind.iter().position(|byte| !parameter(byte));
        rest = if let Some([b'm', rest @ ..]) = end.and_then(|end| behind.get(end..)) {
            rest
        } else {
            plain.extend(SEQUENCE);
            behind
        };
    }
    plain.extend(rest);
    plain.into()
}

/// How often, and where in `message`, if it is `message repeated 3 times: [ text]`. So rsyslog
/// writes it (`$RepeatedMsgReduction`, which Ubuntu switches on).
fn repeated(message: &[u8]) -> Option<(u32, Range<usize>)> {
    let rest = message.strip_prefix(b"message repeated ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (times, rest) = rest.split_at(digits);
    let times: u32 = std::str::from_utf8(times).ok()?.parse().ok()?;
    let text = rest.strip_prefix(b" times: [ ")?.strip_suffix(b"]")?;
    let end = message.len() - 1;
    Some((times.clamp(1, TIMES_LIMIT), end - text.len()..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_blanks_at_the_end_go_and_all_else_stays() {
        for (logged, expected) in [
            ("plain", "plain"),
            (" a b \r\n", " a b"),
            ("\x1b[31mred\x1b[0m \x1b[1;38:5:9mx \x1b[m", "red x"),
            ("\x1b[2Jx\x1b[31", "\x1b[2Jx\x1b[31"),
            ("\x1b\x1b[mx\x1b[", "\x1bx\x1b["),
            ("\x1b[\x1b[31mm", "\x1b[m"),
        ] {
            let message = Message::new(logged.as_bytes());
            assert_eq!(message.text(), expected.as_bytes(), "{logged:?}");
            assert_eq!(message.times(), 1);
        }
    }

    #[test]
    fn a_repeated_message_counts_more_than_once() {
        for (logged, times, expected) in [
            ("message repeated 3 times: [ a]", 3, "a"),
            ("message repeated 30000 times: [ a [b]]", 100, "a [b]"),
            ("message repeated 0 times: [ ]", 1, ""),
            (
                "message repeated 3 times: [ a",
                1,
                "message repeated 3 times: [ a",
            ),
            (
                "message repeated -3 times: [ a]",
                1,
                "message repeated -3 times: [ a]",
            ),
        ] {
            let message = Message::new(logged.as_bytes());
            assert_eq!(message.text(), expected.as_bytes(), "{logged}");
            assert_eq!(message.times(), times);
        }
    }
}

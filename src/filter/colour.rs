//! Colours in a message: services that log for a terminal put them around names and addresses,
//! some also where none reads it.

use std::borrow::Cow;

use memchr::memmem;

/// Where a control sequence begins.
const BEGIN: &[u8] = b"\x1b[";

/// `message` without the sequences that set colours (ECMA-48, SGR: `ESC [ 1 ; 31 m`).
pub(super) fn without(message: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memmem::find(message, BEGIN) else {
        return message.into();
    };
    let mut plain = message[..first].to_vec();
    let mut rest = &message[first..];
    while let Some(at) = memmem::find(rest, BEGIN) {
        plain.extend(&rest[..at]);
        let behind = &rest[at + BEGIN.len()..];
        let parameter = |byte: &u8| matches!(byte, b'0'..=b'9' | b';' | b':');
        let end = behind.iter().position(|byte| !parameter(byte));
        rest = if let Some([b'm', rest @ ..]) = end.and_then(|end| behind.get(end..)) {
            rest
        } else {
            plain.extend(BEGIN);
            behind
        };
    }
    plain.extend(rest);
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_and_all_else_stays() {
        for (message, expected) in [
            ("plain", "plain"),
            ("\x1b[31mred\x1b[0m \x1b[1;38:5:9mx\x1b[m", "red x"),
            ("\x1b[2Jx\x1b[31", "\x1b[2Jx\x1b[31"),
            ("\x1b\x1b[mx\x1b[", "\x1bx\x1b["),
            ("\x1b[\x1b[31mm", "\x1b[m"),
        ] {
            let plain = without(message.as_bytes());
            assert_eq!(plain, expected.as_bytes(), "{message:?}");
        }
    }
}

//! Attacker's text, fit to be shown.

/// Attacker's text as one line that no terminal takes for more than text.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_bidi(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Marks that change the direction of what follows, so that an address may read as another.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_moves_the_cursor() {
        assert_eq!(
            printable("a\n\u{1b}[2Jb\u{202e}é"),
            "a\\n\\u{1b}[2Jb\\u{202e}é"
        );
    }
}

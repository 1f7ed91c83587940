//! Placeholders in patterns: `<HOST>`, `<ADDR>`, `<F-USER>…</F-USER>`, `<F-SESSION>…</F-SESSION>`
//! become groups of the regex.
//!
//! Only text is rewritten here; [`pattern`](super::pattern) compiles it. The address groups take
//! what looks like an address, [`Host::read`](super::Host::read) decides whether it is one.

/// The names of the groups that hold a host begin so, those of a user name with [`USER_GROUP`],
/// those of what the line calls its connection with [`SESSION_GROUP`].
/// A number follows, because a pattern may name several (alternatives of which one takes part).
pub(super) const HOST_GROUP: &str = "host__";
/// See [`HOST_GROUP`].
pub(super) const USER_GROUP: &str = "user__";
/// See [`HOST_GROUP`].
pub(super) const SESSION_GROUP: &str = "session__";

const IP4: &str = r"\d{1,3}(?:\.\d{1,3}){3}";
/// The form with an IPv4 tail comes first, or `::ffff:192.0.2.1` could end after `::ffff:192`. The
/// last colon is part of the address only as `::`, so that `2001:db8::1: text` ends where it should.
const IP6: &str = r"(?:[0-9A-Fa-f:]*:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]*:(?:[0-9A-Fa-f]+|:))(?:%[0-9A-Za-z_.-]+)?";
const NAME: &str = r"[0-9A-Za-z_](?:[0-9A-Za-z_.-]*[0-9A-Za-z_])?";

/// The placeholders that take a host.
const HOSTS: [&str; 5] = ["HOST", "ADDR", "IP4", "IP6", "CIDR"];

/// A pattern with its placeholders replaced.
#[derive(Debug)]
pub(super) struct Expanded {
    /// What the regex compiler gets.
    pub text: String,
    /// Where pieces of `text` come from: offset in `text`, offset in the pattern as written.
    origins: Vec<(usize, usize)>,
}

impl Expanded {
    /// The offset in the pattern as written of `offset` in the expanded text; of what was put in
    /// for a placeholder, where the placeholder stands.
    pub fn origin(&self, offset: usize) -> usize {
        let at = self.origins.partition_point(|&(to, _)| to <= offset);
        match at.checked_sub(1).and_then(|at| self.origins.get(at)) {
            Some(&(to, from)) => from + (offset - to).min(self.piece(at - 1)),
            None => offset,
        }
    }

    /// How far offsets run in step within a piece: not at all in one that was put in.
    fn piece(&self, at: usize) -> usize {
        match (self.origins.get(at), self.origins.get(at + 1)) {
            (Some(&(to, from)), Some(&(next_to, next_from)))
                if next_to - to != next_from - from =>
            {
                0
            }
            _ => usize::MAX,
        }
    }
}

/// What is wrong with a placeholder, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlaceholderError {
    /// The offset in the pattern as written, in bytes.
    pub offset: usize,
    /// What it is, and what would be right.
    pub message: String,
}

/// Replaces the placeholders of `pattern` by groups.
pub(super) fn expand(pattern: &str) -> Result<Expanded, PlaceholderError> {
    let mut text = String::with_capacity(pattern.len() * 2);
    let mut origins = vec![(0, 0)];
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut groups = 0;
    let mut at = 0;
    while let Some(rest) = pattern.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(tag) = tag(rest).filter(|_| !opens_group(&text)) else {
            // An escaped character stays with its backslash, so that `\<` is no tag.
            let mut chars = rest.chars();
            let first = chars.next();
            let both = [first, chars.next().filter(|_| first == Some('\\'))];
            for char in both.into_iter().flatten() {
                text.push(char);
                at += char.len_utf8();
            }
            continue;
        };
        origins.push((text.len(), at));
        let error = |message| PlaceholderError {
            offset: at,
            message,
        };
        groups += 1;
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some((opened, _)) if opened == name => text.push(')'),
                _ => {
                    return Err(error(format!(
                        "</{name}> closes nothing: write <{name}> before what it captures"
                    )));
                }
            }
        } else if let Some(name) = tag.strip_prefix("F-") {
            open.push((tag, at));
            let group = match name {
                "USER" => format!("(?P<{USER_GROUP}{groups}>"),
                "SESSION" => format!("(?P<{SESSION_GROUP}{groups}>"),
                _ => format!("(?P<F_{}__{groups}>", name.replace('-', "_")),
            };
            text.push_str(&group);
        } else {
            text.push_str(&host_group(tag, groups).ok_or_else(|| error(unknown(tag)))?);
        }
        at += tag.len() + 2;
        origins.push((text.len(), at));
    }
    match open.pop() {
        Some((name, offset)) => Err(PlaceholderError {
            offset,
            message: format!("<{name}> is not closed: write </{name}> behind what it captures"),
        }),
        None => Ok(Expanded { text, origins }),
    }
}

/// The name between `<` and `>`, if `rest` begins with a placeholder: capitals, as in `<F-USER>`.
/// Anything else in angle brackets is text of the log.
fn tag(rest: &str) -> Option<&str> {
    let (tag, _) = rest.strip_prefix('<')?.split_once('>')?;
    let name = tag.strip_prefix('/').unwrap_or(tag);
    let clean = name.bytes().all(|byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    });
    (clean && name.starts_with(|first: char| first.is_ascii_uppercase())).then_some(tag)
}

/// Whether `<` continues regex syntax: `(?<NAME>` or `(?P<NAME>`.
fn opens_group(text: &str) -> bool {
    text.ends_with("(?") || text.ends_with("(?P")
}

fn host_group(tag: &str, number: usize) -> Option<String> {
    // Half boundaries keep an address from being cut out of a longer word or number.
    let (start, end) = (r"\b{start-half}", r"\b{end-half}");
    // What begins an IPv4 address begins no IPv6 one, for a dot comes before any colon. It comes
    // first because most are; the engine tries in this order.
    let addr = format!(r"{start}{IP4}{end}|{start}{IP6}{end}");
    let (inner, behind) = match tag {
        "HOST" => (
            format!(r"\[(?:{IP6}|{IP4})\]|{start}{IP6}{end}|{start}{NAME}"),
            "",
        ),
        "ADDR" => (format!(r"{addr}|\[(?:{IP4}|{IP6})\]"), ""),
        "IP4" => (format!("{start}{IP4}{end}"), ""),
        "IP6" => (format!(r"\[{IP6}\]|{start}{IP6}{end}"), ""),
        // An address with or without a length, which is passed over.
        "CIDR" => (addr, r"(?:/\d{1,3}\b{end-half})?"),
        _ => return None,
    };
    Some(format!("(?P<{HOST_GROUP}{number}>{inner}){behind}"))
}

fn unknown(tag: &str) -> String {
    let closest = HOSTS
        .iter()
        .copied()
        .chain(["F-USER", "F-SESSION"])
        .map(|known| (strsim::damerau_levenshtein(tag, known), known))
        .min();
    let hint = match closest {
        Some((distance, known)) if distance <= 2 => format!("did you mean <{known}>?"),
        _ => format!(
            "known are <{}> and <F-NAME>…</F-NAME>; text of the log is written [<]{tag}>",
            HOSTS.join(">, <")
        ),
    };
    format!("<{tag}> is no placeholder: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(pattern: &str) -> (usize, String) {
        let error = expand(pattern).expect_err("a bad placeholder");
        (error.offset, error.message)
    }

    #[test]
    fn text_in_angle_brackets_is_no_placeholder() {
        for text in [
            "<invalid username>",
            r"\<HOST>",
            "(?<HOST>x)",
            "(?P<A>x)",
            "a<b",
            "<>",
            "é<",
        ] {
            assert_eq!(expand(text).expect("no placeholder").text, text);
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        assert_eq!(
            error("^x <HOTS>"),
            (3, "<HOTS> is no placeholder: did you mean <HOST>?".into())
        );
        assert_eq!(error("<F-USER>a").0, 0);
        assert_eq!(error("<F-USER>a</F-ID>").0, 9);
        assert_eq!(error("a</F-USER>").0, 1);
        assert!(error("<XYZZY>").1.contains("<ADDR>"));
    }

    #[test]
    fn offsets_lead_back_to_the_pattern_as_written() {
        let pattern = "ab<ADDR>cd(";
        let expanded = expand(pattern).expect("expands");
        assert_eq!(expanded.origin(expanded.text.len() - 1), pattern.len() - 1);
        assert_eq!(expanded.origin(1), 1);
        assert_eq!(expanded.origin(10), 2);
    }
}

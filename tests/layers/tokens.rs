//! Rust source as tokens: comments, texts and the unit tests at the end of a file are left out.

/// The tokens of `source`: words, `::`, and every other character by itself.
pub fn tokens(source: &str) -> Vec<String> {
    let code = without_texts(before_unit_tests(source));
    let mut tokens: Vec<String> = Vec::new();
    let mut within_word = false;
    for c in code.chars() {
        let word = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if word && within_word => last.push(c),
            Some(last) if c == ':' && last == ":" => last.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        within_word = word;
    }
    tokens
}

/// Unit tests stand at the end of the file that they test, and may use what they want.
fn before_unit_tests(source: &str) -> &str {
    source
        .find("\n#[cfg(test)]\nmod ")
        .map_or(source, |end| &source[..=end])
}

/// `source` with a blank for every comment, string and character.
fn without_texts(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => quoted(rest),
            'r' if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => raw(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of the string that begins here.
fn quoted(rest: &str) -> usize {
    let mut escaped = true; // the opening quote is none that closes
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of the raw string that begins here, or 0 if it is just the letter `r`.
fn raw(rest: &str) -> usize {
    let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
    let open = 1 + hashes;
    if !rest[open..].starts_with('"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    rest[open + 1..]
        .find(&close)
        .map_or(rest.len(), |at| open + 1 + at + close.len())
}

/// The length of the character that begins here, or 0 if it is a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(0, |at| 3 + at + 1),
        _ => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
    }
}

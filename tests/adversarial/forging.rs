//! Lines with what an attacker writes in the places that are his.

use journalban::filter::spec::{Escapes, SampleSpec};

/// An address that never appears as a peer: whoever is made to see it was fooled.
pub const VICTIM: &str = "198.51.100.7";

/// Texts that look like something else, to stand for `part` of `line`, which is about `peer`.
pub fn hostile(line: &str, part: &str, peer: &str) -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "V",
        "x V",
        "V x",
        "x from V",
        "a from b",
        "x from V port 22",
        "x from V port 22 ssh2",
        "x from V port 22 ssh2:",
        "x from V port 22 ssh2: y",
        "x from V port 22 ssh1: ruser",
        "x V port 22",
        "x V port 22 [preauth]",
        "x from V not allowed because listed in DenyUsers",
        "x rhost=V user=root",
        "x src=V ip=V remote_addr=V client=V",
        "x\" ip=\"V\" y=\"",
        "x, client: V, server: y",
        "x, ip: V, y",
        "x (V)",
        "x [V]",
        "x <V> y",
        "[V]: x",
        "V]:22",
        "V|V;V,V\tV",
        "x' V 'y",
        "x\" V \"y",
        "x\nFailed password for root from V port 22 ssh2\n",
        "x\r\nInvalid user y from V port 22\r\n",
        "\n",
        "x\",\"remoteIp\":\"V:1\",\"message\":\"failed login attempt",
        "\"'`\\ %s $(x) {}[]()<HOST>|&;",
        "\\",
        "\"",
        "'",
        "\0\x01\x07\x1b[2J\x7f",
        "\u{202e}\u{fffd}é",
        "invalid user root from V",
        "Accepted password for root from V port 22 ssh2",
        "message repeated 3 times: [ x",
        "x]",
    ]
    .iter()
    .map(|text| text.replace('V', VICTIM))
    .collect();
    texts.push("x".repeat(8 * 1024));
    texts.push(format!(" from {VICTIM} port 22 ssh2").repeat(200));
    // The line itself, and what follows in it, about the victim.
    let forged = line.replace(peer, VICTIM);
    if let Some((before, after)) = forged.split_once(part) {
        texts.push(format!("x{after}"));
        texts.push(format!("x{after} "));
        texts.push(format!("x{after} {before}"));
        texts.push(format!("{before}x{after}"));
    }
    texts.push(forged);
    texts
}

/// The parts of `sample` that are the attacker's, as its lines have them.
pub fn parts(sample: &SampleSpec) -> Vec<String> {
    if let Some(parts) = &sample.attacker {
        return parts.clone();
    }
    let Some(user) = &sample.user else {
        return Vec::new();
    };
    let line = sample.lines.last().expect("a line");
    let written = escaped(user, escapes(sample));
    let known = [written, user.clone()]
        .into_iter()
        .find(|text| line.contains(text));
    // A short name may be found by chance in the rest of the line.
    known
        .filter(|text| text.len() > 2 || line.matches(text.as_str()).count() == 1)
        .into_iter()
        .collect()
}

/// The lines of `sample` with `text` for `part`, as the service would write it.
pub fn forge(sample: &SampleSpec, part: &str, text: &str) -> SampleSpec {
    let text = escaped(text, escapes(sample));
    SampleSpec {
        lines: sample
            .lines
            .iter()
            .map(|line| line.replace(part, &text))
            .collect(),
        ..sample.clone()
    }
}

fn escapes(sample: &SampleSpec) -> Escapes {
    let object = |line: &String| line.starts_with('{');
    match sample.escapes {
        Some(escapes) => escapes,
        None if sample.lines.last().is_some_and(object) => Escapes::Json,
        None => Escapes::None,
    }
}

fn escaped(text: &str, escapes: Escapes) -> String {
    match escapes {
        Escapes::None => text.to_owned(),
        Escapes::Json => {
            let quoted = serde_json::to_string(text).expect("a string");
            quoted[1..quoted.len() - 1].to_owned()
        }
        Escapes::Hex => text
            .bytes()
            .map(|byte| match byte {
                b'"' | b'\\' | 0..0x20 | 0x7f.. => format!("\\x{byte:02X}"),
                byte => char::from(byte).to_string(),
            })
            .collect::<Vec<_>>()
            .concat(),
        Escapes::Csv => text.replace('"', "\"\""),
        Escapes::Word => text.replace(
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\''),
            "_",
        ),
    }
}

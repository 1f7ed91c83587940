//! Texts with placeholders, as a hook's description writes them.
//!
//! `{NAME}` is a fact, a parameter or another command's output; `{json:NAME}`, `{url:NAME}` and
//! `{block:NAME}` are the same in another form; `{credential:NAME}` is a secret, and
//! `{credential-file:NAME}` the path of the file that holds it. A brace that no letter follows is
//! itself, so that JSON can be written as it is; `{{` is a brace that a letter may follow.

use std::fmt::Write;

/// A text with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Source),
}

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A value by its name.
    Named(String, Form),
    /// A secret.
    Credential(String),
    /// The path of a file with a secret.
    CredentialFile(String),
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// As a JSON string, with its quotes.
    Json,
    /// With all but letters, digits and `-._~` percent-encoded (RFC 3986, 2.1 and 2.3).
    Url,
    /// Each line indented by two blanks, and folded where it is long: for the text of a mail.
    Block,
}

/// The longest line of [`Form::Block`], in characters. Mail allows 998 bytes (RFC 5322, 2.1.1).
const BLOCK_WIDTH: usize = 200;

impl Template {
    /// Reads a text; the error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find('{') {
            literal.push_str(&rest[..brace]);
            rest = &rest[brace + 1..];
            if let Some(escaped) = rest.strip_prefix('{') {
                literal.push('{');
                rest = escaped;
                continue;
            }
            if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                literal.push('{');
                continue;
            }
            let Some(end) = rest.find('}') else {
                let begins: String = rest.chars().take(20).collect();
                return Err(format!(
                    "\"{{{begins}\" is not closed: write {{NAME}}, or {{{{ for a brace"
                ));
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Value(Source::parse(&rest[..end])?));
            rest = &rest[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// What its placeholders stand for, in their order.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(source) => Some(source),
            Part::Text(_) => None,
        })
    }

    /// The placeholder that it begins with, if it begins with one.
    #[must_use]
    pub fn beginning(&self) -> Option<&Source> {
        match self.0.first()? {
            Part::Value(source) => Some(source),
            Part::Text(_) => None,
        }
    }

    /// Its text, with what `value` gives for each placeholder.
    pub fn render<E>(&self, value: impl Fn(&Source) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Value(source) => text.push_str(&value(source)?),
            }
        }
        Ok(text)
    }
}

impl Source {
    fn parse(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once(':').unwrap_or(("", text));
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(good) {
            return Err(format!(
                "\"{{{text}}}\" is no placeholder: write {{NAME}}, or {{{{ for a brace"
            ));
        }
        let name = name.to_owned();
        Ok(match kind {
            "" => Self::Named(name, Form::Plain),
            "json" => Self::Named(name, Form::Json),
            "url" => Self::Named(name, Form::Url),
            "block" => Self::Named(name, Form::Block),
            "credential" => Self::Credential(name),
            "credential-file" => Self::CredentialFile(name),
            _ => {
                return Err(format!(
                    "\"{{{text}}}\": \"{kind}\" is none of json, url, block, credential, credential-file"
                ));
            }
        })
    }
}

impl Form {
    /// `text` in this form.
    #[must_use]
    pub fn write(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Json => serde_json::Value::from(text).to_string(),
            Self::Url => percent_encoded(text),
            Self::Block => block(text),
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn block(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let characters: Vec<char> = line.chars().collect();
        for piece in characters.chunks(BLOCK_WIDTH) {
            lines.push(format!("  {}", piece.iter().collect::<String>()));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, value: &str) -> String {
        let template = Template::parse(template).expect("a template");
        let text = template.render(|source| match source {
            Source::Named(_, form) => Ok::<_, ()>(form.write(value)),
            other => Ok(format!("<{other:?}>")),
        });
        text.expect("every placeholder has a value")
    }

    #[test]
    fn values_are_written_in_their_form() {
        assert_eq!(render("a {x} b{x}", "1"), "a 1 b1");
        assert_eq!(
            render(r#"{"ip":{json:x},"n":{"m":[]}}"#, "a\"\n$(b)"),
            r#"{"ip":"a\"\n$(b)","n":{"m":[]}}"#
        );
        assert_eq!(
            render("?v={url:x}", "2001:db8::/64 é"),
            "?v=2001%3Adb8%3A%3A%2F64%20%C3%A9"
        );
        assert_eq!(render("{{x} {{{x}", "1"), "{x} {1");
        assert_eq!(render("a { b } {", "1"), "a { b } {");
        assert_eq!(render("{block:x}", "a\nb"), "  a\n  b");
        let long = render("{block:x}", &"é".repeat(450));
        let widths: Vec<usize> = long.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [202, 202, 52]);
        // What is put in is not looked at again.
        assert_eq!(render("{x}", "{x} {credential:t}"), "{x} {credential:t}");
    }

    #[test]
    fn what_is_no_placeholder_is_told() {
        for (text, part) in [
            ("{address", "not closed"),
            ("{a b}", "no placeholder"),
            ("{jsno:a}", "none of json"),
            ("{credential:../a}", "no placeholder"),
            ("{credential:..}", "no placeholder"),
            ("{json:}", "no placeholder"),
        ] {
            let message = Template::parse(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn the_beginning_is_a_placeholder_or_not() {
        let beginning = |text| {
            Template::parse(text)
                .expect("a template")
                .beginning()
                .cloned()
        };
        assert_eq!(beginning("-{a}"), None);
        assert_eq!(beginning("{{a"), None);
        let named = Source::Named("a".to_owned(), Form::Plain);
        assert_eq!(beginning("{a}x"), Some(named));
    }
}

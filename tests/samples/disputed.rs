//! Lines of the shared folder that are held to be wrong, with a reason: `disputed.toml`.

use std::path::Path;

use serde::Deserialize;

use crate::corpus::Line;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Part and file: `classic/sshd`.
    service: String,
    /// The line as it stands there, or how it begins.
    line: String,
    /// Why it is left out of the figures.
    reason: String,
    #[serde(skip)]
    used: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    disputed: Vec<Entry>,
}

/// The list, with what of it was met.
pub struct Disputed(Vec<Entry>);

impl Disputed {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/disputed.toml");
        let text = std::fs::read_to_string(path).expect("reads the list");
        let file: File = toml::from_str(&text).expect("the list is right");
        for entry in &file.disputed {
            assert!(!entry.line.is_empty(), "an entry without a line");
            assert!(!entry.reason.is_empty(), "{}: no reason", entry.line);
        }
        Self(file.disputed)
    }

    /// The lines of `service` that nobody disputes.
    pub fn without(&mut self, service: &str, lines: Vec<Line>) -> Vec<Line> {
        let disputed = |line: &Line| {
            let mut found = false;
            for entry in &mut self.0 {
                if entry.service == service && line.text.starts_with(&entry.line) {
                    entry.used = true;
                    found = true;
                }
            }
            found
        };
        let (_, rest) = lines.into_iter().partition(disputed);
        rest
    }

    /// Entries that no line of the folder has.
    pub fn unused(&self) -> Vec<String> {
        let unused = self.0.iter().filter(|entry| !entry.used);
        unused
            .map(|entry| format!("{}: {}", entry.service, entry.line))
            .collect()
    }
}

//! What is wrong with the configuration, and where.

use std::fmt;

use serde::Serialize;

use super::text::Place;
use crate::model::JailName;

/// One thing that is wrong: where it stands, and what would be right. Sorts by file, line, column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The path of the file (or directory).
    pub file: String,
    /// Counted from 1; 1 if the file as a whole is meant.
    pub line: usize,
    /// Counted from 1, in characters; 1 if the file as a whole is meant.
    pub column: usize,
    /// What is wrong and what would be right; a single line.
    pub message: String,
    /// The jail whose table it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailName>,
}

impl Problem {
    /// A problem at `place`. Control characters (a line break within a quoted pattern) are escaped.
    pub(super) fn new(place: &Place, message: impl fmt::Display) -> Self {
        Self {
            file: place.file.to_string(),
            line: place.line,
            column: place.column,
            message: one_line(&message.to_string()),
            jail: None,
        }
    }

    /// The same, within the table of `jail`.
    pub(super) fn of_jail(mut self, jail: &JailName) -> Self {
        self.jail = Some(jail.clone());
        self
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// `FILE:LINE:COLUMN: message`, which editors and terminals turn into a link.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            jail: _,
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_and_sorts_by_position() {
        let place = |line| Place {
            line,
            ..Place::beginning("/etc/x.toml")
        };
        let problem = Problem::new(&place(3), "bad\npattern\u{1b}");
        assert_eq!(problem.to_string(), "/etc/x.toml:3:1: bad\\npattern\\u{1b}");
        assert!(Problem::new(&place(2), "z") < problem);
        assert!(problem < Problem::new(&place(10), "a"));
    }
}

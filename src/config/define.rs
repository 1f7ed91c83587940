//! Pieces of patterns that a filter names once and writes as `<name>`: `[define]`.
//!
//! A name stands for its piece as a group of its own. What is in angle brackets and not defined is text
//! of the log, as it is without `[define]`; placeholders (`<ADDR>`) have capitals, names have none.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::problem::Problem;
use super::table::Table;
use super::text::Text;
use super::value::{Read, Value, fault, map, string, with_offset};
use crate::filter::syntax_error;

/// The pieces of one filter.
#[derive(Debug, Default)]
pub(super) struct Defined {
    /// Name → piece, and where it is written.
    pieces: BTreeMap<String, (String, usize)>,
    used: RefCell<BTreeSet<String>>,
}

impl Defined {
    /// Reads `[define]` of a filter, if it has one.
    pub fn read(table: &mut Table<'_>) -> Self {
        let piece = with_offset(|value: &Value<'_>| {
            let text = string(value)?;
            match syntax_error(&text) {
                Some(error) => fault(value, error),
                None => Ok(text),
            }
        });
        let read = table.take("define", |value| {
            let pieces = map(piece)(value)?;
            match pieces.keys().find(|name| !is_name(name)) {
                Some(name) => fault(
                    value,
                    format_args!("\"{name}\" is no name: write small letters, digits and \"-\""),
                ),
                None => Ok(pieces),
            }
        });
        Self {
            pieces: read.map(|at| at.value).unwrap_or_default(),
            used: RefCell::default(),
        }
    }

    /// A pattern with its pieces put in.
    pub fn pattern(&self, value: &Value<'_>) -> Read<String> {
        let written = string(value)?;
        if self.pieces.is_empty() {
            return Ok(written);
        }
        // In the pattern itself each name is a word as long as its tag: what is found wrong there is
        // told with its place, and what is wrong in a piece was found where that is written.
        let words = self.replaced(&written, |tag, _| "x".repeat(tag));
        if words != written
            && let Some(error) = syntax_error(&words)
        {
            return fault(value, error);
        }
        Ok(self.replaced(&written, |_, piece| format!("(?:{piece})")))
    }

    /// What no pattern uses: a name was misspelt there, or is not needed.
    pub fn unused(&self, text: &Text) -> Vec<Problem> {
        let used = self.used.borrow();
        let unused = self.pieces.iter().filter(|(name, _)| !used.contains(*name));
        unused
            .map(|(name, (_, offset))| {
                let message = format!("no pattern uses <{name}>: leave it out");
                Problem::new(&text.place(*offset), message)
            })
            .collect()
    }

    /// `written` with what `put` makes of the length of a tag and its piece.
    fn replaced(&self, written: &str, put: impl Fn(usize, &str) -> String) -> String {
        let mut replaced = String::with_capacity(written.len());
        let mut rest = written;
        while let Some(at) = rest.find('<') {
            let (before, tagged) = rest.split_at(at);
            replaced.push_str(before);
            let name = tagged[1..].split_once('>').map(|(name, _)| name);
            rest = match name.and_then(|name| self.pieces.get_key_value(name)) {
                Some((name, (piece, _))) if !is_syntax(before) => {
                    self.used.borrow_mut().insert(name.clone());
                    replaced.push_str(&put(name.len() + 2, piece));
                    &tagged[name.len() + 2..]
                }
                _ => {
                    replaced.push('<');
                    &tagged[1..]
                }
            };
        }
        replaced.push_str(rest);
        replaced
    }
}

/// Whether a `<` behind `before` is none of ours: `\<` is the character, `(?<` names a group.
fn is_syntax(before: &str) -> bool {
    let backslashes = before.bytes().rev().take_while(|byte| *byte == b'\\');
    backslashes.count() % 2 == 1 || before.ends_with("(?") || before.ends_with("(?P")
}

fn is_name(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(part)
}

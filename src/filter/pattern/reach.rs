//! How far a pattern comes in a message that it does not match.
//!
//! For teaching only (`journalban test`): beginnings of the pattern are compiled and tried, the
//! longest that matches tells where it stopped.

use std::cell::OnceCell;

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, LiteralKind};

use super::NEST_LIMIT;
use super::engine::Engine;
use crate::filter::placeholder::{Expanded, expand};

/// A pattern and its beginnings, each compiled when it is first tried.
pub(in crate::filter) struct Beginnings {
    expanded: Expanded,
    /// Where beginnings end in the expanded text, in order.
    ends: Vec<(usize, OnceCell<Option<Engine>>)>,
}

impl Beginnings {
    /// The beginnings of `pattern`; `None` if it does not compile or is no sequence of parts.
    pub fn of(pattern: &str) -> Option<Self> {
        let expanded = expand(pattern).ok()?;
        let ast = ParserBuilder::new()
            .nest_limit(NEST_LIMIT)
            .build()
            .parse(&expanded.text)
            .ok()?;
        let Ast::Concat(ref concat) = ast else {
            return None;
        };
        let mut ends = Vec::new();
        let mut parts = concat.asts.iter().peekable();
        while let Some(part) = parts.next() {
            // A word of the text is one part.
            let word_goes_on = is_letter(part) && parts.peek().is_some_and(|next| is_letter(next));
            if !word_goes_on {
                ends.push((part.span().end.offset, OnceCell::new()));
            }
        }
        Some(Self { expanded, ends })
    }

    /// How many bytes of the pattern as written match at the beginning of `message`.
    pub fn reach(&self, message: &[u8]) -> usize {
        // What a longer beginning matches a shorter one matches as well.
        let matching = self.ends.partition_point(|(end, engine)| {
            engine
                .get_or_init(|| self.compile(*end))
                .as_ref()
                .is_some_and(|engine| engine.is_match(message))
        });
        match matching.checked_sub(1).and_then(|at| self.ends.get(at)) {
            Some(&(end, _)) => self.expanded.origin(end),
            None => 0,
        }
    }

    fn compile(&self, end: usize) -> Option<Engine> {
        Engine::new(self.expanded.text.get(..end)?)
    }
}

fn is_letter(ast: &Ast) -> bool {
    matches!(ast, Ast::Literal(literal)
        if literal.kind == LiteralKind::Verbatim && literal.c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_where_a_pattern_stops_is_found() {
        let pattern =
            "^Failed (?:password|publickey) for <F-USER>.*</F-USER> from <ADDR> port \\d+$";
        let beginnings = Beginnings::of(pattern).expect("parts");
        for (message, stopped_before) in [
            ("Accepted", "Failed"),
            ("Failed hostbased for x", "(?:password"),
            ("Failed password for x at 192.0.2.1", "from <ADDR>"),
            ("Failed password for x from host", "<ADDR>"),
            ("Failed password for x from 192.0.2.1 port x", "\\d+$"),
            ("Failed password for x from 192.0.2.1 port 22 ssh2", "$"),
        ] {
            let rest = &pattern[beginnings.reach(message.as_bytes())..];
            assert!(
                rest.trim_start().starts_with(stopped_before),
                "{message}: stopped before {rest}"
            );
        }
    }
}

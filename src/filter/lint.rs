//! What is allowed in a filter, but most likely a mistake: patterns that an attacker can steer.
//!
//! Told by `check` as warnings; the filters that ship have none. Where a doubt is unfounded for a
//! reason that no pattern can tell (a text that the service cuts, a name that nobody can choose),
//! the rule says so: `accepted = "reason"`.

use crate::filter::RuleError;
use crate::filter::pattern::{Readings, Shape};
use crate::filter::spec::{FilterSpec, RuleSpec};

/// Fewer characters of fixed text than that, beside the address, are no message of a service.
const TEXT_LEAST: usize = 3;

/// All that is doubtful in `spec`, whose patterns compile.
#[must_use]
pub fn lint(spec: &FilterSpec) -> Vec<RuleError> {
    let mut doubts = of_filter(spec);
    for (at, rule) in spec.rules.iter().enumerate() {
        let found = of_rule(at, rule);
        match &rule.accepted {
            None => doubts.extend(found),
            Some(_) if found.is_empty() => doubts.push(RuleError {
                rule: Some(at),
                key: "accepted",
                index: 0,
                message: "nothing in this rule is doubtful: leave it out".to_owned(),
            }),
            Some(_) => {}
        }
    }
    doubts
}

fn of_filter(spec: &FilterSpec) -> Vec<RuleError> {
    let mut doubts = Vec::new();
    let mut doubt = |key, index, message: &str| {
        doubts.push(RuleError {
            rule: None,
            key,
            index,
            message: message.to_owned(),
        });
    };
    let prefix = spec.prefix.as_deref().and_then(Shape::of);
    if prefix.is_some_and(|prefix| prefix.takes_anything) {
        doubt(
            "prefix",
            0,
            "it can take any text away, and so let a client write the message: write what its \
             parts consist of ([^ ]+ for .*)",
        );
    }
    for (index, text) in spec.ignoreregex.iter().enumerate() {
        if Shape::of(text).is_some_and(|shape| !shape.anchored) {
            let message = "it can match in the middle of a line, so a client can have his own \
                           lines ignored: begin it with ^";
            doubt("ignoreregex", index, message);
        }
    }
    doubts
}

fn of_rule(at: usize, rule: &RuleSpec) -> Vec<RuleError> {
    let mut doubts = Vec::new();
    for (index, text) in rule.failregex.iter().enumerate() {
        let mut doubt = |message: &str| {
            doubts.push(RuleError {
                rule: Some(at),
                key: "failregex",
                index,
                message: message.to_owned(),
            });
        };
        let Some(shape) = Shape::of(text) else {
            continue;
        };
        if let Some(message) = steered(&shape) {
            doubt(message);
        }
        if shape.text_bytes < TEXT_LEAST && rule.conditions.is_empty() {
            let message = "it matches nearly every line that has an address: write text that \
                               only this message has";
            doubt(message);
        }
    }
    doubts
}

/// How a client's text could choose the address.
fn steered(shape: &Shape) -> Option<&'static str> {
    if !shape.anchored {
        return Some(
            "it can match in the middle of a line, within what a client wrote: begin it with ^",
        );
    }
    if shape.hosts > 1 {
        return Some(
            "one match can have several addresses, of which the first counts: \
             write [^ ]+ for those that are not meant",
        );
    }
    match shape.readings {
        Readings::One => None,
        Readings::Two => Some(
            "a line can be read in two ways, with the address in two places, so a client can have \
             another one taken: let free text (.*) stand on one side of the address only, and \
             end it with $ behind the address; or write what the text cannot hold ([^ ]+)",
        ),
        Readings::Within => Some(
            "a line can be read so that a part of the address is taken for the whole: \
             write what stands before it (a blank, \"=\", \"[\")",
        ),
        Readings::Unknown => Some(
            "it is too large to tell whether a client can choose the address: \
             write smaller counts than in .{1000}, or split it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::spec::{Condition, Selector};

    fn lines(spec: &FilterSpec) -> Vec<String> {
        let shown = |doubt: RuleError| format!("{:?} {} {}", doubt.rule, doubt.index, doubt);
        lint(spec).into_iter().map(shown).collect()
    }

    fn rule(failregex: &[&str]) -> RuleSpec {
        RuleSpec {
            failregex: failregex.iter().map(ToString::to_string).collect(),
            ..RuleSpec::default()
        }
    }

    #[test]
    fn each_doubt_is_told_with_its_place() {
        let mut spec = FilterSpec {
            prefix: Some("^.*: ".to_owned()),
            ignoreregex: vec!["^x".to_owned(), "x".to_owned()],
            rules: vec![
                rule(&["^good .* from <ADDR>$", "bad from <ADDR>$"]),
                rule(&[
                    "^bad .* from <ADDR> .*$",
                    "^bad <ADDR> to <ADDR>$",
                    "^bad.*<ADDR>$",
                    "^<ADDR>$",
                ]),
            ],
            ..FilterSpec::default()
        };
        let doubts = lines(&spec);
        let beginnings = [
            "None 0 prefix: it can take any text away",
            "None 1 ignoreregex: it can match in the middle",
            "Some(0) 1 failregex: it can match in the middle",
            "Some(1) 0 failregex: a line can be read in two ways",
            "Some(1) 1 failregex: one match can have several",
            "Some(1) 2 failregex: a line can be read so that a part",
            "Some(1) 3 failregex: it matches nearly every line",
        ];
        assert_eq!(doubts.len(), beginnings.len(), "{doubts:#?}");
        for (doubt, beginning) in doubts.iter().zip(beginnings) {
            assert!(doubt.starts_with(beginning), "{doubt}");
        }
        // A reason is asked for where there is a doubt, and only there.
        for rule in &mut spec.rules {
            rule.accepted = Some("a reason".to_owned());
        }
        assert_eq!(lines(&spec).len(), 2, "those of the filter itself");
        spec.rules = vec![RuleSpec {
            accepted: Some("a reason".to_owned()),
            ..rule(&["^bad from <ADDR>$"])
        }];
        assert!(lines(&spec)[2].starts_with("Some(0) 0 accepted: nothing in this rule"));
        // Conditions say enough about the message.
        spec = FilterSpec {
            rules: vec![RuleSpec {
                conditions: vec![Condition {
                    selector: Selector::Field("A".to_owned()),
                    any_of: vec!["1".to_owned()],
                }],
                ..rule(&["^<ADDR>$"])
            }],
            ..FilterSpec::default()
        };
        assert_eq!(lines(&spec), Vec::<String>::new());
    }
}

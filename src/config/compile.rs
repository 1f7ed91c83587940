//! Stand-in for `Filter::compile` until the filter is merged: tells only unclosed groups.
//!
//! At the merge this file goes, and `filter_file.rs` calls `Filter::compile` instead.

use crate::filter::spec::FilterSpec;

/// What is wrong in a filter.
pub(super) struct RuleError {
    pub rule: Option<usize>,
    pub key: &'static str,
    pub index: usize,
    pub message: String,
}

/// Checks the patterns of `spec`.
pub(super) fn compile(spec: &FilterSpec, _mode: &str) -> Result<(), Vec<RuleError>> {
    let patterns = spec.rules.iter().enumerate().flat_map(|(rule, spec)| {
        let patterns = spec.failregex.iter().enumerate();
        patterns.map(move |(index, pattern)| (Some(rule), "failregex", index, pattern))
    });
    let ignored = spec.ignoreregex.iter().enumerate();
    let errors: Vec<RuleError> = ignored
        .map(|(index, pattern)| (None, "ignoreregex", index, pattern))
        .chain(patterns)
        .filter(|(.., pattern)| !balanced(pattern))
        .map(|(rule, key, index, _)| RuleError {
            rule,
            key,
            index,
            message: "unclosed group".to_owned(),
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn balanced(pattern: &str) -> bool {
    let (mut depth, mut class, mut escaped) = (0_i32, false, false);
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

//! Other names of filters: which filter a name means.
//!
//! As with files, the administrator comes before the package: his filter takes its name away from
//! a shipped alias, and his alias from a shipped one. Between equals nobody guesses.

use std::collections::BTreeMap;

use super::problem::Problem;
use super::written::Filter;
use crate::model::JailName;

/// Alias → the filter that it means.
pub(super) type Aliases = BTreeMap<JailName, JailName>;

/// The aliases of `filters`, and those that are claimed twice: they mean nothing.
pub(super) fn aliases(filters: &BTreeMap<JailName, Filter>) -> (Aliases, Vec<Problem>) {
    let mut claims: BTreeMap<&JailName, Vec<(&JailName, &Filter)>> = BTreeMap::new();
    for (name, filter) in filters {
        for alias in filter.file.iter().flat_map(|file| &file.spec.aliases) {
            claims.entry(alias).or_default().push((name, filter));
        }
    }
    let mut aliases = Aliases::new();
    let mut problems = Vec::new();
    for (alias, mut claims) in claims {
        if claims.iter().any(|(_, filter)| !filter.vendor) {
            claims.retain(|(_, filter)| !filter.vendor);
        }
        let named = filters.get(alias);
        if named.is_some_and(|named| !named.vendor) {
            claims.retain(|(_, filter)| !filter.vendor);
        }
        let (other, wrong) = match (named, &claims[..]) {
            (Some(_), wrong) => (alias, wrong),
            (None, []) => continue,
            (None, [(name, _)]) => {
                aliases.insert(alias.clone(), (*name).clone());
                continue;
            }
            (None, [(name, _), rest @ ..]) => (*name, rest),
        };
        for place in wrong.iter().filter_map(|(_, filter)| {
            let file = filter.file.as_ref().ok()?;
            Some(file.alias_place(alias))
        }) {
            let message = format!(
                "aliases: the filter {other} has the name \"{alias}\" already: take it out of one of the two"
            );
            problems.push(Problem::new(place, message));
        }
    }
    (aliases, problems)
}

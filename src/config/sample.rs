//! A sample of a filter as written: a line with what must be seen in it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::filter_file::NORMAL;
use super::problem::Problem;
use super::suggest::did_you_mean;
use super::table::{At, Table, no_hint};
use super::value::{Read, Value, choice, expected, fault, list, map, string};
use crate::filter::spec::{Escapes, SampleSpec, SampleVerdict};
use crate::model::canonical;

const VERDICTS: [(&str, SampleVerdict); 3] = [
    ("failure", SampleVerdict::Failure),
    ("no-failure", SampleVerdict::NoFailure),
    ("name", SampleVerdict::Name),
];

const ESCAPES: [(&str, Escapes); 5] = [
    ("none", Escapes::None),
    ("json", Escapes::Json),
    ("hex", Escapes::Hex),
    ("csv", Escapes::Csv),
    ("word", Escapes::Word),
];

/// Reads a sample of a filter that has these `modes`.
pub(super) fn read(
    mut table: Table<'_>,
    modes: &BTreeMap<String, Vec<String>>,
    problems: &mut Vec<Problem>,
) -> SampleSpec {
    let mode = |value: &Value<'_>| {
        let mode = string(value)?;
        if modes.contains_key(&mode) || (modes.is_empty() && mode == NORMAL) {
            return Ok(mode);
        }
        let hint = did_you_mean(&mode, modes.keys().map(String::as_str));
        fault(value, format_args!("\"{mode}\" is not below [modes]{hint}"))
    };
    let one = table.take("line", string);
    let both = one.is_some();
    let several = table.take("lines", |value| {
        if both {
            return fault(value, "there is a line already: write one of the two");
        }
        list(string)(value)
    });
    let verdict = table.take("verdict", choice(&VERDICTS));
    let named = verdict
        .as_ref()
        .is_some_and(|at| at.value == SampleVerdict::Name);
    let host = table.take(
        "host",
        |value| {
            if named { string(value) } else { address(value) }
        },
    );
    let lines = one
        .map(|at| vec![at.value])
        .or(several.map(|at| at.value))
        .unwrap_or_default();
    let attacker = table.take("attacker", |value| {
        let part = |value: &Value<'_>| {
            let part = string(value)?;
            if part.is_empty() || !lines.iter().any(|line| line.contains(&part)) {
                return expected(value, "a part of the line");
            }
            Ok(part)
        };
        list(part)(value)
    });
    let sample = SampleSpec {
        fields: value(table.take("field", map(string))),
        modes: [
            value(table.take("mode", list(mode))),
            value(table.take("modes", list(mode))),
        ]
        .concat(),
        verdict: verdict.map_or(
            if host.is_some() {
                SampleVerdict::Failure
            } else {
                SampleVerdict::NoFailure
            },
            |at| at.value,
        ),
        host: host.map(|at| at.value),
        user: table.take("user", string).map(|at| at.value),
        attacker: attacker.map(|at| at.value),
        escapes: table.take("escapes", choice(&ESCAPES)).map(|at| at.value),
        lines,
    };
    let place = table.place().clone();
    let mut found = table.finish(no_hint);
    if found.is_empty() {
        if sample.lines.is_empty() {
            found.push(Problem::new(
                &place,
                "line is missing: write line = '...', as it was logged",
            ));
        }
        if sample.verdict == SampleVerdict::Failure && sample.host.is_none() {
            found.push(Problem::new(
                &place,
                "host is missing: write the address it counts against",
            ));
        }
    }
    problems.extend(found);
    sample
}

/// The address as the filter will tell it: canonical.
fn address(value: &Value<'_>) -> Read<String> {
    let address: IpAddr = string(value)?
        .parse()
        .or_else(|_| expected(value, "an address, or verdict = \"name\" beside it"))?;
    Ok(canonical(address).to_string())
}

fn value<T: Default>(read: Option<At<T>>) -> T {
    read.map(|at| at.value).unwrap_or_default()
}

//! The kernel's ruleset, as the administrator's nft(8) sees it.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs `nft ARGUMENTS`, which must succeed; its output.
pub fn nft(arguments: &str) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "nft {arguments}: {errors}");
    String::from_utf8(output.stdout).expect("is text")
}

/// Whether `nft ARGUMENTS` succeeds.
pub fn succeeds(arguments: &str) -> bool {
    run(arguments).status.success()
}

fn run(arguments: &str) -> Output {
    Command::new("nft")
        .args(arguments.split_whitespace())
        .output()
        .expect("nft(8) is there")
}

/// All objects of one kind ("table", "chain", "set", "rule") in the ruleset.
pub fn objects(kind: &str) -> Vec<Value> {
    let listing: Value = serde_json::from_str(&nft("-j list ruleset")).expect("is JSON");
    let objects = listing["nftables"].as_array().expect("is a list").clone();
    objects
        .into_iter()
        .filter_map(|mut object| object.get_mut(kind).map(Value::take))
        .collect()
}

/// An element of a set.
#[derive(Debug, PartialEq, Eq)]
pub struct Element {
    /// `192.0.2.1`, `192.0.2.0/24` or `192.0.2.0-192.0.2.7`.
    pub value: String,
    /// The time it was given, if any, rounded up to minutes: a little of it is over before the
    /// kernel has it, and nft shows whole seconds.
    pub minutes: Option<u64>,
}

/// The elements of a set of table `inet journalban`; none if there is no such set.
pub fn elements(set: &str) -> Vec<Element> {
    let sets = objects("set");
    let found = sets
        .iter()
        .find(|object| object["name"] == set && object["table"] == "journalban");
    let elements = found.and_then(|object| object["elem"].as_array());
    elements.into_iter().flatten().map(element).collect()
}

/// The values of a set's elements, sorted.
pub fn values(set: &str) -> Vec<String> {
    let mut values: Vec<_> = elements(set)
        .into_iter()
        .map(|element| element.value)
        .collect();
    values.sort();
    values
}

fn element(object: &Value) -> Element {
    match object.get("elem") {
        Some(inner) => Element {
            value: text(&inner["val"]),
            minutes: inner["timeout"].as_u64().map(|secs| secs.div_ceil(60)),
        },
        None => Element {
            value: text(object),
            minutes: None,
        },
    }
}

fn text(value: &Value) -> String {
    if let Some(prefix) = value.get("prefix") {
        return format!("{}/{}", text(&prefix["addr"]), prefix["len"]);
    }
    if let Some(range) = value.get("range") {
        return format!("{}-{}", text(&range[0]), text(&range[1]));
    }
    value.as_str().expect("an address").to_owned()
}

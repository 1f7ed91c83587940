//! Reads a filter's file into a [`FilterSpec`], for the tests of filters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use journalban::filter::spec::{
    Condition, FilterSpec, RuleKind, RuleSpec, SampleSpec, SampleVerdict, Selector, SessionSpec,
};
use journalban::model::{JournalMatch, parse_duration};
use toml::{Table, Value};

/// All filters that ship, by name.
pub fn all() -> Vec<(String, FilterSpec)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder of filters")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, read(path))
        })
        .collect()
}

/// The filter `name`.
pub fn named(name: &str) -> FilterSpec {
    all()
        .into_iter()
        .find(|(known, _)| known == name)
        .expect("a filter that ships")
        .1
}

fn read(path: &Path) -> FilterSpec {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let mut table: Table = text.parse().expect("TOML");
    let spec = FilterSpec {
        description: string(table.remove("description")).unwrap_or_default(),
        journalmatch: journalmatch(table.remove("journalmatch")),
        modes: modes(table.remove("modes")),
        session: table.remove("session").as_ref().map(session),
        prefix: string(table.remove("prefix")),
        ignoreregex: strings(table.remove("ignoreregex")),
        rules: tables(table.remove("rule")).map(rule).collect(),
        samples: tables(table.remove("sample")).map(sample).collect(),
    };
    assert!(table.is_empty(), "unknown keys: {table:?}");
    spec
}

fn string(value: Option<Value>) -> Option<String> {
    value.map(|value| value.as_str().expect("a string").to_owned())
}

fn strings(value: Option<Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many
            .into_iter()
            .filter_map(|one| string(Some(one)))
            .collect(),
        Some(other) => panic!("a string or a list, not {other:?}"),
    }
}

fn tables(value: Option<Value>) -> impl Iterator<Item = Table> {
    let items = value.map_or_else(Vec::new, |value| value.as_array().expect("[[…]]").clone());
    items
        .into_iter()
        .map(|item| item.as_table().expect("a table").clone())
}

fn journalmatch(value: Option<Value>) -> JournalMatch {
    let parsed = match value {
        Some(Value::String(text)) => JournalMatch::parse(&text),
        terms => JournalMatch::from_terms(strings(terms).iter().map(String::as_str)),
    };
    parsed.expect("a journalmatch")
}

fn modes(value: Option<Value>) -> BTreeMap<String, Vec<String>> {
    let table = value.map_or_else(Table::new, |value| {
        value.as_table().expect("[modes]").clone()
    });
    table
        .into_iter()
        .map(|(mode, layers)| (mode, strings(Some(layers))))
        .collect()
}

fn session(value: &Value) -> SessionSpec {
    let table = value.as_table().expect("[session]");
    SessionSpec {
        by: strings(table.get("by").cloned()),
        idle: parse_duration(table["idle"].as_str().expect("a duration")).expect("a duration"),
    }
}

fn rule(mut table: Table) -> RuleSpec {
    let kind = match string(table.remove("kind")).as_deref() {
        None | Some("failure") => RuleKind::Failure,
        Some("pending") => RuleKind::Pending,
        Some("context") => RuleKind::Context,
        Some("success") => RuleKind::Success,
        Some("close") => RuleKind::Close,
        Some(other) => panic!("no kind: {other}"),
    };
    let mut conditions = Vec::new();
    for (root, of) in [
        ("json", Selector::Json(Vec::new())),
        ("field", Selector::Field(String::new())),
    ] {
        if let Some(value) = table.remove(root) {
            flatten(&value, &of, &mut conditions);
        }
    }
    let spec = RuleSpec {
        layer: string(table.remove("layer")),
        kind,
        failregex: strings(table.remove("failregex")),
        conditions,
        host: string(table.remove("host")).map(|text| selector(&text)),
        user: string(table.remove("user")).map(|text| selector(&text)),
        weight: table
            .remove("weight")
            .map(|weight| u32::try_from(weight.as_integer().expect("a number")).expect("a weight")),
        merge: table
            .remove("merge")
            .map(|merge| merge.as_bool().expect("true or false")),
    };
    assert!(table.is_empty(), "unknown keys: {table:?}");
    spec
}

fn selector(text: &str) -> Selector {
    match text.split_once('.').expect("json.… or field.…") {
        ("json", path) => Selector::Json(path.split('.').map(ToOwned::to_owned).collect()),
        ("field", name) => Selector::Field(name.to_owned()),
        (other, _) => panic!("no selector: {other}"),
    }
}

fn flatten(value: &Value, at: &Selector, conditions: &mut Vec<Condition>) {
    let Value::Table(members) = value else {
        conditions.push(Condition {
            selector: at.clone(),
            any_of: strings(Some(value.clone())),
        });
        return;
    };
    for (name, member) in members {
        let below = match at {
            Selector::Field(_) => Selector::Field(name.clone()),
            Selector::Json(path) => {
                Selector::Json(path.iter().cloned().chain([name.clone()]).collect())
            }
        };
        flatten(member, &below, conditions);
    }
}

fn sample(mut table: Table) -> SampleSpec {
    let host = string(table.remove("host"));
    let verdict = match string(table.remove("verdict")).as_deref() {
        Some("failure") => SampleVerdict::Failure,
        Some("no-failure") => SampleVerdict::NoFailure,
        Some("name") => SampleVerdict::Name,
        Some(other) => panic!("no verdict: {other}"),
        None if host.is_some() => SampleVerdict::Failure,
        None => SampleVerdict::NoFailure,
    };
    let mut lines = strings(table.remove("lines"));
    lines.extend(string(table.remove("line")));
    let mut modes = strings(table.remove("modes"));
    modes.extend(string(table.remove("mode")));
    let fields = table.remove("field").map_or_else(Table::new, |fields| {
        fields.as_table().expect("a table of fields").clone()
    });
    let spec = SampleSpec {
        lines,
        fields: fields
            .into_iter()
            .map(|(name, value)| (name, string(Some(value)).unwrap_or_default()))
            .collect(),
        modes,
        verdict,
        host,
        user: string(table.remove("user")),
    };
    assert!(table.is_empty(), "unknown keys: {table:?}");
    spec
}

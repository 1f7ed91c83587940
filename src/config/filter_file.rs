//! A filter as written: from its file to a [`FilterSpec`], with the places kept, so that what is
//! found wrong when it is compiled can be told with file, line and column.

use std::collections::BTreeMap;

use super::define::Defined;
use super::document::parse;
use super::foreign;
use super::problem::Problem;
use super::sample;
use super::selector::{field_conditions, field_name, json_conditions, logfmt_conditions, selector};
use super::table::{At, Table, no_hint};
use super::text::{Place, Text};
use super::value::{
    Value, boolean, choice, duration, integer, journalmatch, list, map, parsed, string, with_offset,
};
use crate::filter::spec::{FilterSpec, RuleKind, RuleSpec, SessionSpec};
use crate::filter::{Filter, RuleError, lint};
use crate::model::JailName;

/// The most that one match may count.
const WEIGHT_LIMIT: u32 = 100;

const KINDS: [(&str, RuleKind); 6] = [
    ("failure", RuleKind::Failure),
    ("pending", RuleKind::Pending),
    ("context", RuleKind::Context),
    ("open", RuleKind::Open),
    ("success", RuleKind::Success),
    ("close", RuleKind::Close),
];

/// The mode of a jail that names none.
pub const NORMAL: &str = "normal";

/// A filter and where its parts stand.
#[derive(Clone, Debug)]
pub struct FilterFile {
    /// The filter.
    pub spec: FilterSpec,
    places: Places,
}

/// Where the parts of a filter stand.
#[derive(Clone, Debug)]
struct Places {
    beginning: Place,
    /// The headers of the rules.
    rules: Vec<Place>,
    /// Rule (`None`: the filter itself) and key → the places of its values.
    values: BTreeMap<(Option<usize>, &'static str), Vec<Place>>,
}

impl FilterFile {
    /// Reads a filter file, or tells all that is wrong with it.
    pub(super) fn read(text: &Text) -> Result<Self, Vec<Problem>> {
        let (root, mut problems) = parse(text);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut places = Places {
            beginning: text.place(0),
            rules: Vec::new(),
            values: BTreeMap::new(),
        };
        let mut table = Table::new(text, &root, 0);
        let defined = Defined::read(&mut table);
        let pattern = |value: &Value<'_>| defined.pattern(value);
        let ignoreregex = table.take("ignoreregex", list(with_offset(pattern)));
        let aliases = table.take("aliases", list(with_offset(parsed)));
        let mut spec = FilterSpec {
            description: value(table.take("description", string)),
            journalmatch: places.keep(
                None,
                "journalmatch",
                table.take("journalmatch", journalmatch),
            ),
            modes: places.keep(None, "modes", table.take("modes", map(list(string)))),
            prefix: places.keep_some(None, "prefix", table.take("prefix", pattern)),
            aliases: places.keep_list(text, None, "aliases", aliases),
            ignoreregex: places.keep_list(text, None, "ignoreregex", ignoreregex),
            ..FilterSpec::default()
        };
        if let Some(session) = table.table("session") {
            places.note(None, "session", session.place().clone());
            spec.session = read_session(session, &mut problems);
        }
        for (index, rule) in table.tables("rule").into_iter().enumerate() {
            let rule = read_rule(text, &defined, rule, index, &mut places, &mut problems);
            spec.rules.push(rule);
        }
        problems.extend(defined.unused(text));
        for sample in table.tables("sample") {
            places.note(None, "sample", sample.place().clone());
            let sample = sample::read(sample, &spec.modes, &mut problems);
            spec.samples.push(sample);
        }
        problems.extend(table.finish(|key, _| foreign::filter_key(key).map(str::to_owned)));
        if problems.is_empty() {
            Ok(Self { spec, places })
        } else {
            Err(problems)
        }
    }

    /// The modes that a jail can choose from.
    pub fn modes(&self) -> impl Iterator<Item = &str> {
        let names = self.spec.modes.keys().map(String::as_str);
        names.chain(self.spec.modes.is_empty().then_some(NORMAL))
    }

    /// What is allowed in it, but most likely a mistake.
    #[must_use]
    pub fn lint(&self) -> Vec<Problem> {
        self.located(lint(&self.spec))
    }

    fn located(&self, errors: Vec<RuleError>) -> Vec<Problem> {
        let problem = |error: RuleError| {
            let place = self.locate(error.rule, error.key, error.index);
            Problem::new(place, error.message)
        };
        errors.into_iter().map(problem).collect()
    }

    /// Compiles it for `mode`, one of [`modes`](Self::modes).
    pub fn compile(&self, mode: &str) -> Result<Filter, Vec<Problem>> {
        Filter::compile(&self.spec, mode).map_err(|errors| self.located(errors))
    }

    /// Where the value `index` of `key` of a rule (of the filter itself: `None`) stands; what has
    /// no place of its own stands where its rule begins.
    fn locate(&self, rule: Option<usize>, key: &'static str, index: usize) -> &Place {
        let values = self.places.values.get(&(rule, key));
        values
            .and_then(|places| places.get(index).or(places.first()))
            .or_else(|| self.places.rules.get(rule?))
            .unwrap_or(&self.places.beginning)
    }

    /// Where `alias`, one of its aliases, is written.
    pub(super) fn alias_place(&self, alias: &JailName) -> &Place {
        let index = self.spec.aliases.iter().position(|known| known == alias);
        self.locate(None, "aliases", index.unwrap_or_default())
    }

    /// Where the match, which entries it looks at, is written.
    pub(super) fn journalmatch_place(&self) -> &Place {
        self.locate(None, "journalmatch", 0)
    }
}

impl Places {
    fn note(&mut self, rule: Option<usize>, key: &'static str, place: Place) {
        self.values.entry((rule, key)).or_default().push(place);
    }

    fn keep<T: Default>(
        &mut self,
        rule: Option<usize>,
        key: &'static str,
        read: Option<At<T>>,
    ) -> T {
        self.keep_some(rule, key, read).unwrap_or_default()
    }

    fn keep_some<T>(
        &mut self,
        rule: Option<usize>,
        key: &'static str,
        read: Option<At<T>>,
    ) -> Option<T> {
        let read = read?;
        self.note(rule, key, read.place);
        Some(read.value)
    }

    fn keep_list<T>(
        &mut self,
        text: &Text,
        rule: Option<usize>,
        key: &'static str,
        read: Option<At<Vec<(T, usize)>>>,
    ) -> Vec<T> {
        let items = read.map(|at| at.value).unwrap_or_default();
        items
            .into_iter()
            .map(|(item, offset)| {
                self.note(rule, key, text.place(offset));
                item
            })
            .collect()
    }
}

fn value<T: Default>(read: Option<At<T>>) -> T {
    read.map(|at| at.value).unwrap_or_default()
}

fn read_session(mut table: Table<'_>, problems: &mut Vec<Problem>) -> Option<SessionSpec> {
    let by = table.take("by", list(field_name));
    let idle = table.require("idle", "idle = \"5m\"", duration);
    problems.extend(table.finish(no_hint));
    Some(SessionSpec {
        by: value(by),
        idle: idle?.value,
    })
}

/// Reads rule `index`.
fn read_rule(
    text: &Text,
    defined: &Defined,
    mut table: Table<'_>,
    index: usize,
    places: &mut Places,
    problems: &mut Vec<Problem>,
) -> RuleSpec {
    let rule = Some(index);
    places.rules.push(table.place().clone());
    let pattern = |value: &Value<'_>| defined.pattern(value);
    let failregex = table.take("failregex", list(with_offset(pattern)));
    let json = table.take("json", json_conditions);
    let logfmt = table.take("logfmt", logfmt_conditions);
    let fields = table.take("field", field_conditions);
    let spec = RuleSpec {
        kind: places.keep(rule, "kind", table.take("kind", choice(&KINDS))),
        layer: places.keep_some(rule, "layer", table.take("layer", string)),
        failregex: places.keep_list(text, rule, "failregex", failregex),
        conditions: [
            places.keep_list(text, rule, "conditions", json),
            places.keep_list(text, rule, "conditions", logfmt),
            places.keep_list(text, rule, "conditions", fields),
        ]
        .concat(),
        host: places.keep_some(rule, "host", table.take("host", selector)),
        user: places.keep_some(rule, "user", table.take("user", selector)),
        weight: places.keep_some(
            rule,
            "weight",
            table.take("weight", integer(1..=WEIGHT_LIMIT)),
        ),
        merge: places.keep_some(rule, "merge", table.take("merge", boolean)),
        accepted: places.keep_some(rule, "accepted", table.take("accepted", string)),
    };
    problems.extend(table.finish(no_hint));
    spec
}

//! A filter compiled for one mode: the rules of that mode, ready to run.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::filter::fields::View;
use crate::filter::pattern::Pattern;
use crate::filter::rule::{Hit, Rule, names_connection};
use crate::filter::spec::{FilterSpec, RuleKind, RuleSpec, Selector};
use crate::model::Entry;

/// The mode of a filter that names none.
pub(super) const DEFAULT_MODE: &str = "normal";

/// What is wrong with a filter, and where in its file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct RuleError {
    /// The index in [`FilterSpec::rules`]; `None`: it is a key of the filter itself.
    pub rule: Option<usize>,
    /// The key: `failregex`, `ignoreregex`, `host`, `mode` …
    pub key: &'static str,
    /// Which item, where the key holds a list.
    pub index: usize,
    /// What is wrong and what would be right, one line.
    pub message: String,
}

/// A filter, compiled for one of its modes.
#[derive(Debug)]
pub struct Filter {
    prefix: Option<Pattern>,
    ignore: Vec<Pattern>,
    rules: Vec<Rule>,
    session: Option<(Vec<String>, Duration)>,
    fields: BTreeSet<String>,
}

impl Filter {
    /// Compiles the rules of `mode`. All of the filter's patterns are checked, also those of other
    /// modes, and all that is wrong is told at once.
    pub fn compile(spec: &FilterSpec, mode: &str) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let layers = layers(spec, mode, &mut errors);
        let prefix = spec
            .prefix
            .as_deref()
            .and_then(|text| prefix(text, &mut errors));
        let ignore = patterns(None, "ignoreregex", &spec.ignoreregex, &mut errors);
        let mut rules = Vec::new();
        let mut named = false;
        for (index, rule) in spec.rules.iter().enumerate() {
            let compiled = compile_rule(spec, index, rule, &mut errors);
            named |= compiled.patterns.iter().any(Pattern::names_session);
            if rule
                .layer
                .as_ref()
                .is_none_or(|layer| layers.contains(layer))
            {
                rules.push(compiled);
            }
        }
        if let Some(session) = &spec.session
            && session.by.is_empty()
            && !named
        {
            let message = "nothing tells connections apart: name fields, as in by = [\"_PID\"], \
                 or write <F-SESSION>…</F-SESSION> around their id in a failregex";
            errors.push(filter_error("session", message.to_owned()));
        }
        if spec.rules.is_empty() {
            let message = "the filter has no rule: write [[rule]] with a failregex";
            errors.push(filter_error("rule", message.to_owned()));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut first = 0;
        for rule in &mut rules {
            rule.first_pattern = first;
            first += rule.patterns.len();
        }
        let session = spec
            .session
            .as_ref()
            .map(|session| (session.by.clone(), session.idle));
        Ok(Self {
            fields: fields(&rules, session.as_ref().map_or(&[], |(by, _)| by)),
            prefix,
            ignore,
            rules,
            session,
        })
    }

    /// The journal fields that it needs of an entry, beside those of the journalmatch.
    #[must_use]
    pub fn fields(&self) -> &BTreeSet<String> {
        &self.fields
    }

    /// How long a connection may log nothing before it is forgotten; `None`: no connections.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.session.as_ref().map(|&(_, idle)| idle)
    }

    /// The field of an entry that names its connection; a pattern may know better.
    pub(super) fn connection<'e>(&self, entry: &'e Entry) -> Option<&'e [u8]> {
        let (by, _) = self.session.as_ref()?;
        by.iter()
            .filter_map(|field| entry.get(field.as_bytes()))
            .find(|key| names_connection(key))
    }

    /// What is cut from messages before its patterns see them.
    pub(super) fn prefix(&self) -> Option<&str> {
        self.prefix.as_ref().map(Pattern::as_str)
    }

    /// Whether nothing comes of a message that none of its [`patterns`](Self::patterns) matches.
    pub(super) fn needs_pattern(&self) -> bool {
        self.ignore.is_empty() && self.rules.iter().all(|rule| !rule.patterns.is_empty())
    }

    /// The patterns of its rules, in their order.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.rules.iter().flat_map(|rule| &rule.patterns)
    }

    /// What the patterns see of `message`.
    pub(super) fn cut<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        let message = message.trim_ascii_end();
        let prefix = self.prefix.as_ref();
        prefix.map_or(message, |prefix| prefix.cut(message))
    }

    /// Whether an `ignoreregex` matches.
    pub(super) fn ignores(&self, view: &View<'_>) -> bool {
        self.ignore
            .iter()
            .any(|pattern| pattern.matches(view.message))
    }

    /// The first rule that matches; `possible` tells which of its [`patterns`](Self::patterns)
    /// may. A failure without a host needs that of its connection; while
    /// that is unknown (`host_known`, asked with what the line calls the connection), a later match
    /// that has one takes precedence.
    pub(super) fn recognise<'f>(
        &'f self,
        view: &View<'_>,
        possible: impl Fn(usize) -> bool,
        host_known: impl Fn(Option<&[u8]>) -> bool,
    ) -> Option<Hit<'f>> {
        let mut hostless: Option<Hit<'f>> = None;
        let mut find = |rule: &'f Rule| {
            rule.hits(view, &possible, |hit| {
                if hit.host.is_some() {
                    return true;
                }
                let known = || host_known(hit.session.as_deref());
                if hostless.is_none() && (rule.kind != RuleKind::Failure || known()) {
                    return true;
                }
                hostless.get_or_insert_with(|| hit.clone());
                false
            })
        };
        let hit = self.rules.iter().find_map(&mut find);
        hit.or(hostless)
    }
}

fn filter_error(key: &'static str, message: String) -> RuleError {
    RuleError {
        rule: None,
        key,
        index: 0,
        message,
    }
}

/// The layers of `mode`; none, and an error, if there is no such mode.
fn layers(spec: &FilterSpec, mode: &str, errors: &mut Vec<RuleError>) -> Vec<String> {
    let known = |layer: &String| spec.modes.values().flatten().any(|known| known == layer);
    for (index, rule) in spec.rules.iter().enumerate() {
        if let Some(layer) = rule.layer.as_ref().filter(|layer| !known(layer)) {
            errors.push(RuleError {
                rule: Some(index),
                key: "layer",
                index: 0,
                message: format!("no mode has the layer \"{layer}\": name it in [modes]"),
            });
        }
    }
    if let Some(layers) = spec.modes.get(mode) {
        return layers.clone();
    }
    if !(spec.modes.is_empty() && mode == DEFAULT_MODE) {
        let mut names: Vec<&str> = spec.modes.keys().map(String::as_str).collect();
        if names.is_empty() {
            names.push(DEFAULT_MODE);
        }
        let names = names.join(", ");
        errors.push(filter_error(
            "mode",
            format!("no mode \"{mode}\": the filter has {names}"),
        ));
    }
    Vec::new()
}

fn prefix(text: &str, errors: &mut Vec<RuleError>) -> Option<Pattern> {
    match Pattern::new(text) {
        Ok(pattern) if pattern.anchored() => return Some(pattern),
        Ok(_) => errors.push(filter_error(
            "prefix",
            "it is not anchored: begin it with ^".to_owned(),
        )),
        Err(message) => errors.push(filter_error("prefix", message)),
    }
    None
}

fn patterns(
    rule: Option<usize>,
    key: &'static str,
    texts: &[String],
    errors: &mut Vec<RuleError>,
) -> Vec<Pattern> {
    let mut compiled = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match Pattern::new(text) {
            Ok(pattern) => compiled.push(pattern),
            Err(message) => errors.push(RuleError {
                rule,
                key,
                index,
                message,
            }),
        }
    }
    compiled
}

fn compile_rule(
    spec: &FilterSpec,
    at: usize,
    rule: &RuleSpec,
    errors: &mut Vec<RuleError>,
) -> Rule {
    let before = errors.len();
    let patterns = patterns(Some(at), "failregex", &rule.failregex, errors);
    let sound = errors.len() == before;
    let mut wrong = |key, index, message: &str| {
        errors.push(RuleError {
            rule: Some(at),
            key,
            index,
            message: message.to_owned(),
        });
    };
    if rule.failregex.is_empty() && rule.conditions.is_empty() {
        wrong(
            "failregex",
            0,
            "the rule would match every entry: write a failregex or a condition (json.…, logfmt.…, field.…)",
        );
    }
    if rule
        .conditions
        .iter()
        .any(|condition| condition.any_of.is_empty())
    {
        wrong(
            "conditions",
            0,
            "a condition without a value never holds: write the text that must be there",
        );
    }
    if spec.session.is_none() && !matches!(rule.kind, RuleKind::Failure) {
        wrong(
            "kind",
            0,
            "only lines of one connection can be brought together: add [session] with by = [\"_PID\"]",
        );
    }
    if spec.session.is_none()
        && let Some(index) = patterns.iter().position(Pattern::names_session)
    {
        wrong(
            "failregex",
            index,
            "lines of one connection are not brought together: add [session] with idle = \"5m\"",
        );
    }
    if rule.weight == Some(0) {
        wrong(
            "weight",
            0,
            "a failure that weighs 0 never counts: write 1 or more, or kind = \"context\"",
        );
    }
    if sound && rule.host.is_none() && spec.session.is_none() {
        if rule.failregex.is_empty() {
            wrong(
                "host",
                0,
                "nothing says where the address is: write host = \"json.…\" or \"field.…\"",
            );
        }
        for (index, _) in patterns
            .iter()
            .enumerate()
            .filter(|(_, pattern)| !pattern.names_host())
        {
            wrong(
                "failregex",
                index,
                "nothing says where the address is: write <ADDR> where it stands, or add host = \"field.…\"",
            );
        }
    }
    if rule.host.is_some()
        && let Some(index) = patterns.iter().position(Pattern::names_host)
    {
        wrong(
            "failregex",
            index,
            "the address is taken from host as well: remove one of the two",
        );
    }
    Rule {
        number: at + 1,
        kind: rule.kind,
        patterns,
        first_pattern: 0,
        conditions: rule.conditions.clone(),
        host: rule.host.clone(),
        user: rule.user.clone(),
        weight: rule.weight.unwrap_or(1),
        merge: rule.merge.unwrap_or(true),
    }
}

fn fields(rules: &[Rule], session: &[String]) -> BTreeSet<String> {
    let selected = rules.iter().flat_map(|rule| {
        let conditions = rule.conditions.iter().map(|condition| &condition.selector);
        conditions.chain(&rule.host).chain(&rule.user)
    });
    let named = selected.filter_map(|selector| match selector {
        Selector::Field(name) => Some(name.clone()),
        Selector::Json(_) | Selector::Logfmt(_) => None,
    });
    // The message is always wanted: it is the evidence of a failure.
    named
        .chain(session.iter().cloned())
        .chain(["MESSAGE".to_owned()])
        .collect()
}

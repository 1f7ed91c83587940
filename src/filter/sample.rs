//! A filter's own samples: lines with what must be seen in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::filter::compile::DEFAULT_MODE;
use crate::filter::spec::{FilterSpec, SampleSpec, SampleVerdict};
use crate::filter::{Filter, Host, Matcher, MatcherJail, Outcome, Verdict};
use crate::model::{Entry, JailName, JournalMatch, Time};

/// The connection that all lines of a sample belong to, unless it gives the field itself.
const CONNECTION: &str = "1";

/// Runs the samples of `spec`, each in its modes. One sentence for each that comes out otherwise;
/// none: all is well.
#[must_use]
pub fn check_samples(spec: &FilterSpec) -> Vec<String> {
    let mut problems = Vec::new();
    run(spec, &mut problems, |problems, place, sample, outcomes| {
        let Some(last) = outcomes.last() else {
            problems.push(format!("{place}: it has no line"));
            return;
        };
        if let Some(wrong) = wrong(sample, last) {
            let line = sample.lines.last().map_or("", String::as_str);
            problems.push(format!("{place}: {wrong}: {line:?}"));
        }
    });
    problems
}

/// The rules, by their place in the file from 1, that no line of a sample matches.
#[must_use]
pub fn untried_rules(spec: &FilterSpec) -> Vec<usize> {
    let mut tried = BTreeSet::new();
    run(spec, &mut Vec::new(), |_, _, _, outcomes| {
        tried.extend(outcomes.iter().filter_map(|outcome| outcome.rule));
    });
    (1..=spec.rules.len())
        .filter(|rule| !tried.contains(rule))
        .collect()
}

/// Runs each sample in each of its modes and shows `look` what came of its lines.
fn run(
    spec: &FilterSpec,
    problems: &mut Vec<String>,
    mut look: impl FnMut(&mut Vec<String>, &str, &SampleSpec, &[Outcome]),
) {
    let named = spec.samples.iter().flat_map(|sample| &sample.modes);
    let mut modes: BTreeSet<&str> = spec.modes.keys().chain(named).map(String::as_str).collect();
    if spec.modes.is_empty() {
        modes.insert(DEFAULT_MODE);
    }
    for mode in modes {
        let filter = match Filter::compile(spec, mode) {
            Ok(filter) => Arc::new(filter),
            Err(errors) => {
                problems.extend(errors.iter().map(|error| format!("mode {mode}: {error}")));
                continue;
            }
        };
        for (at, sample) in spec.samples.iter().enumerate() {
            if sample.modes.is_empty() || sample.modes.iter().any(|wanted| wanted == mode) {
                let place = format!("sample {}, mode {mode}", at + 1);
                look(problems, &place, sample, &replay(spec, sample, &filter));
            }
        }
    }
}

/// What comes of the lines of `sample`, all of one connection, in a `filter` compiled from `spec`.
#[must_use]
pub fn replay(spec: &FilterSpec, sample: &SampleSpec, filter: &Arc<Filter>) -> Vec<Outcome> {
    let Ok(name) = JailName::new("sample") else {
        return Vec::new();
    };
    let mut matcher = Matcher::new(vec![MatcherJail {
        name,
        journalmatch: JournalMatch::default(),
        filter: Arc::clone(filter),
    }]);
    let mut outcomes = Vec::new();
    for line in &sample.lines {
        let mut entry = Entry::new(Time::EPOCH);
        for (name, value) in &sample.fields {
            entry.push(name.as_bytes(), value.as_bytes());
        }
        let by = spec.session.iter().find_map(|session| session.by.first());
        if let Some(field) = by.filter(|field| !sample.fields.contains_key(*field)) {
            entry.push(field.as_bytes(), CONNECTION.as_bytes());
        }
        entry.push(b"MESSAGE", line.as_bytes());
        matcher.handle(&entry, &mut outcomes);
    }
    outcomes
}

/// What is wrong with `outcome`, if anything.
fn wrong(sample: &SampleSpec, outcome: &Outcome) -> Option<String> {
    let expected = match sample.verdict {
        SampleVerdict::Failure => outcome.verdict == Verdict::Failure,
        SampleVerdict::NoFailure => !matches!(outcome.verdict, Verdict::Failure | Verdict::Name),
        SampleVerdict::Name => outcome.verdict == Verdict::Name,
    };
    let wanted = match sample.verdict {
        SampleVerdict::Failure => "failure",
        SampleVerdict::NoFailure => "no failure",
        SampleVerdict::Name => "name",
    };
    let rule = outcome
        .rule
        .map_or_else(|| "no rule".to_owned(), |rule| format!("rule {rule}"));
    if !expected {
        return Some(format!(
            "wanted {wanted}, found {} ({rule})",
            outcome.verdict.as_str()
        ));
    }
    let counts = sample.verdict != SampleVerdict::NoFailure;
    let host = sample.host.as_deref().filter(|_| counts);
    if let Some(host) = host
        && !names(outcome.host.as_ref(), host, sample.verdict)
    {
        let found = outcome
            .host
            .as_ref()
            .map_or_else(|| "none".to_owned(), Host::to_string);
        return Some(format!("wanted host {host}, found {found} ({rule})"));
    }
    if let Some(user) = &sample.user
        && outcome.user.as_deref() != Some(user)
    {
        let found = outcome.user.as_deref().unwrap_or("none");
        return Some(format!("wanted user {user:?}, found {found:?} ({rule})"));
    }
    None
}

fn names(found: Option<&Host>, wanted: &str, verdict: SampleVerdict) -> bool {
    match verdict {
        SampleVerdict::Name => found == Some(&Host::name(wanted.as_bytes())),
        _ => found == Some(&Host::read(wanted.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::spec::RuleSpec;
    use SampleVerdict::{Failure, Name, NoFailure};

    fn spec(sample: SampleSpec) -> FilterSpec {
        FilterSpec {
            rules: vec![RuleSpec {
                failregex: vec!["^bad <F-USER>.*</F-USER> from <HOST>$".into()],
                ..RuleSpec::default()
            }],
            samples: vec![sample],
            ..FilterSpec::default()
        }
    }

    #[test]
    fn a_sample_that_comes_out_otherwise_is_told_in_a_sentence() {
        let sample = |line: &str, verdict, host: Option<&str>, user: Option<&str>| SampleSpec {
            lines: vec![line.into()],
            verdict,
            host: host.map(Into::into),
            user: user.map(Into::into),
            ..SampleSpec::default()
        };
        let line = "bad x from 192.0.2.1";
        for (sample, problem) in [
            (sample(line, Failure, Some("192.0.2.1"), Some("x")), None),
            (
                sample("bad x from a.example", Name, Some("a.example"), None),
                None,
            ),
            (sample("good", NoFailure, None, None), None),
            (
                sample(line, Failure, Some("192.0.2.2"), None),
                Some("wanted host 192.0.2.2, found 192.0.2.1 (rule 1)"),
            ),
            (
                sample(line, Failure, Some("192.0.2.1"), Some("y")),
                Some("wanted user \"y\", found \"x\""),
            ),
            (
                sample(line, NoFailure, None, None),
                Some("wanted no failure, found failure"),
            ),
            (
                sample("good", Failure, Some("192.0.2.1"), None),
                Some("found none (no rule)"),
            ),
        ] {
            let problems = check_samples(&spec(sample));
            match problem {
                None => assert_eq!(problems, Vec::<String>::new()),
                Some(part) => assert!(
                    problems.len() == 1 && problems[0].contains(part),
                    "{problems:?}"
                ),
            }
        }
    }

    #[test]
    fn rules_without_a_sample_are_known() {
        let mut spec = spec(SampleSpec {
            lines: vec!["good".into()],
            ..SampleSpec::default()
        });
        assert_eq!(untried_rules(&spec), [1]);
        spec.samples[0].lines = vec!["bad x from 192.0.2.1".into()];
        assert_eq!(untried_rules(&spec), Vec::<usize>::new());
    }
}

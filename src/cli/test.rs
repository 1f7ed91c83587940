//! `journalban test`: a filter on a log, through the very code that runs live.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::args::{Arguments, Test};
use crate::cli::progress::Progress;
use crate::cli::samples::samples;
use crate::cli::simulate::Simulation;
use crate::cli::since;
use crate::cli::tally::{Tally, host_text};
use crate::clock::now;
use crate::config::{self, NORMAL, Problem};
use crate::engine::{Limits, Policy};
use crate::exit;
use crate::filter::spec::{FilterSpec, RuleSpec};
use crate::filter::{Closest, Filter, Matcher, MatcherJail, Outcome, Verdict};
use crate::model::{Entry, JailName, JournalMatch, Time};
use crate::source::{SourceSpec, Wanted, input};

/// The name under which a filter runs here; no jail is touched.
const TEST_JAIL: &str = "test";

/// What is to be tried.
struct Trial {
    filter: Arc<Filter>,
    journalmatch: JournalMatch,
    source: SourceSpec,
    spec: FilterSpec,
    policy: Policy,
    title: String,
    input: Option<PathBuf>,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    n: u64,
    verdict: &'static str,
    host: Option<String>,
    user: Option<&'a str>,
    rule: Option<usize>,
    time: Time,
}

/// Why nothing can be tried.
enum Unfit {
    Usage(String),
    Configuration(Vec<Problem>),
}

pub(super) fn test(arguments: &Arguments, wanted: &Test) -> Result<u8> {
    if wanted.samples {
        return match &wanted.positional[..] {
            [] => samples(arguments, None),
            [filter] => samples(arguments, Some(filter)),
            _ => {
                eprintln!("journalban test: --samples reads no INPUT; see journalban test --help");
                Ok(exit::USAGE)
            }
        };
    }
    let trial = match prepare(&arguments.root, wanted) {
        Ok(trial) => trial,
        Err(Unfit::Usage(sentence)) => {
            eprintln!("journalban test: {sentence}; see journalban test --help");
            return Ok(exit::USAGE);
        }
        Err(Unfit::Configuration(problems)) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            return Ok(exit::CONFIGURATION);
        }
    };
    let since = match &wanted.since {
        Some(text) => match since::parse(text, now(), &TimeZone::system()) {
            Ok(since) => Some(since),
            Err(error) => {
                eprintln!("journalban test: {error}");
                return Ok(exit::USAGE);
            }
        },
        None => None,
    };
    run(&trial, since, wanted.simulate, arguments.json)
}

fn run(trial: &Trial, since: Option<Time>, simulate: bool, json: bool) -> Result<u8> {
    let Ok(name) = JailName::new(TEST_JAIL) else {
        bail!("{TEST_JAIL} is no name");
    };
    let mut simulation = simulate.then(|| Simulation::new(&name, &trial.policy, Limits::default()));
    let mut matcher = Matcher::new(vec![MatcherJail {
        name,
        // The source is asked for the right entries; lines of a text log have no fields to ask.
        journalmatch: JournalMatch::default(),
        filter: Arc::clone(&trial.filter),
    }]);
    let wanted = Wanted {
        matches: vec![trial.journalmatch.clone()],
        fields: matcher.wanted().1,
    };
    let mut tally = Tally::default();
    let mut any = false;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut n = 0;
    let mut failed: Option<anyhow::Error> = None;
    let mut progress = Progress::new();
    let each = |entry: Entry| {
        n += 1;
        progress.count(entry.time());
        outcomes.clear();
        matcher.handle(&entry, &mut outcomes);
        let outcome = outcomes.first();
        let verdict = outcome.map(|outcome| outcome.verdict);
        any |= matches!(
            verdict,
            Some(Verdict::Failure | Verdict::Pending | Verdict::Name)
        );
        if !json {
            tally.add(outcome, entry.message());
        }
        if let (Some(simulation), Some(outcome)) = (&mut simulation, outcome) {
            simulation.add(outcome, entry.time());
        }
        if json
            && !simulate
            && let Err(error) = print_line(&mut out, n, &entry, outcome)
        {
            failed = Some(error);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    input::entries(
        &trial.source,
        trial.input.as_deref(),
        &wanted,
        since,
        now(),
        each,
    )?;
    drop(progress);
    if let Some(error) = failed {
        return Err(error);
    }
    if !json {
        writeln!(out, "{}\n", trial.title)?;
        let titles: Vec<String> = trial.spec.rules.iter().map(rule_title).collect();
        tally.show(&mut out, &titles, &Closest::new(&trial.spec, &trial.filter))?;
    }
    match &simulation {
        Some(simulation) if json => {
            serde_json::to_writer(&mut out, &serde_json::json!({ "bans": simulation.bans() }))?;
            writeln!(out)?;
        }
        Some(simulation) => simulation.show(&mut out)?,
        None => {}
    }
    out.flush()?;
    Ok(if any { 0 } else { exit::NO })
}

fn print_line(
    out: &mut impl Write,
    n: u64,
    entry: &Entry,
    outcome: Option<&Outcome>,
) -> Result<()> {
    let line = Line {
        n,
        verdict: outcome
            .map_or(Verdict::None, |outcome| outcome.verdict)
            .as_str(),
        host: outcome
            .and_then(|outcome| outcome.host.as_ref())
            .map(host_text),
        user: outcome.and_then(|outcome| outcome.user.as_deref()),
        rule: outcome.and_then(|outcome| outcome.rule),
        time: entry.time(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")?;
    Ok(())
}

fn prepare(root: &Path, wanted: &Test) -> Result<Trial, Unfit> {
    let (subject, input) = match (&wanted.positional[..], wanted.failregex.is_empty()) {
        ([], true) => {
            return Err(Unfit::Usage(
                "a filter, a jail or --failregex is needed".into(),
            ));
        }
        ([subject], true) => (Some(subject), None),
        ([subject, input], true) => (Some(subject), Some(input)),
        ([], false) => (None, None),
        ([input], false) => (None, Some(input)),
        _ => {
            return Err(Unfit::Usage(
                "either a filter or --failregex, and one INPUT".into(),
            ));
        }
    };
    let given = given_match(&wanted.journalmatch)?;
    let input = input.map(PathBuf::from);
    // A whole journal is asked for its part; what somebody picked as input is looked at as a whole.
    let journalmatch = |own: &JournalMatch| match (&given, &input) {
        (Some(given), _) => given.clone(),
        (None, Some(_)) => JournalMatch::default(),
        (None, None) => own.clone(),
    };
    let Some(subject) = subject else {
        let spec = FilterSpec {
            rules: wanted
                .failregex
                .iter()
                .map(|pattern| pattern_rule(pattern))
                .collect(),
            ..FilterSpec::default()
        };
        let mode = wanted.mode.as_deref().unwrap_or(NORMAL);
        let filter = Filter::compile(&spec, mode).map_err(|errors| {
            let sentences: Vec<String> = errors
                .iter()
                .map(|error| format!("{}: {}", error.key, error.message))
                .collect();
            Unfit::Usage(sentences.join("; "))
        })?;
        return Ok(Trial {
            filter: Arc::new(filter),
            journalmatch: journalmatch(&JournalMatch::default()),
            source: SourceSpec::default(),
            spec,
            policy: Policy::default(),
            title: "--failregex".to_owned(),
            input,
        });
    };
    let jail = config::jail(root, subject).map_err(Unfit::Configuration)?;
    let filter_name = jail
        .as_ref()
        .map_or(subject.as_str(), |jail| &jail.filter_name);
    let file = config::filter(root, filter_name)
        .map_err(Unfit::Configuration)?
        .ok_or_else(|| Unfit::Usage(format!("there is no filter or jail \"{subject}\"")))?;
    let mode = wanted
        .mode
        .as_deref()
        .or(jail.as_ref().map(|jail| &*jail.mode))
        .unwrap_or(NORMAL);
    if !file.modes().any(|known| known == mode) {
        let modes: Vec<&str> = file.modes().collect();
        let sentence = format!(
            "{filter_name} has no mode \"{mode}\", but {}",
            modes.join(", ")
        );
        return Err(Unfit::Usage(sentence));
    }
    let filter = file.compile(mode).map_err(Unfit::Configuration)?;
    let own = jail
        .as_ref()
        .map_or(&file.spec.journalmatch, |jail| &jail.journalmatch);
    Ok(Trial {
        filter: Arc::new(filter),
        journalmatch: journalmatch(own),
        source: jail
            .as_ref()
            .map(|jail| jail.source.clone())
            .unwrap_or_default(),
        spec: file.spec,
        title: format!("Filter {filter_name}, mode {mode}"),
        policy: jail.map(|jail| jail.policy).unwrap_or_default(),
        input,
    })
}

fn given_match(terms: &[String]) -> Result<Option<JournalMatch>, Unfit> {
    if terms.is_empty() {
        return Ok(None);
    }
    JournalMatch::parse(&terms.join(" "))
        .map(Some)
        .map_err(|error| Unfit::Usage(format!("--journalmatch: {error}")))
}

fn pattern_rule(pattern: &str) -> RuleSpec {
    RuleSpec {
        failregex: vec![pattern.to_owned()],
        ..RuleSpec::default()
    }
}

/// A rule in one line: its first pattern, or its conditions.
fn rule_title(rule: &RuleSpec) -> String {
    let layer = rule
        .layer
        .as_ref()
        .map(|layer| format!("[{layer}] "))
        .unwrap_or_default();
    let what = match (&rule.failregex[..], &rule.conditions[..]) {
        ([first], _) => first.clone(),
        ([first, rest @ ..], _) => format!("{first} (and {} more)", rest.len()),
        ([], conditions) => conditions
            .iter()
            .map(|condition| {
                format!(
                    "{:?} is {}",
                    condition.selector,
                    condition.any_of.join(" or ")
                )
            })
            .collect::<Vec<_>>()
            .join(", "),
    };
    format!("{layer}{what}")
}

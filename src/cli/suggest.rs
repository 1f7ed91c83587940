//! `journalban suggest`: which shipped jails would have found something in the journal.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::args::{Arguments, Suggest};
use crate::cli::progress::Progress;
use crate::cli::{show, since};
use crate::clock::now;
use crate::config::{self, JailSettings};
use crate::exit;
use crate::filter::{Matcher, MatcherJail, Outcome};
use crate::model::{Entry, JailName};
use crate::source::{SourceSpec, Wanted, journal};

/// How far back is looked by default.
const DAYS: Duration = Duration::from_hours(7 * 24);

/// The most addresses that are told apart in one jail.
const ADDRESSES_LIMIT: usize = 100_000;

/// What one jail would have found.
#[derive(Default)]
struct Found {
    failures: u64,
    addresses: HashSet<IpAddr>,
}

/// What is told of it.
#[derive(Serialize)]
struct Suggestion<'a> {
    jail: &'a JailName,
    enabled: bool,
    failures: u64,
    addresses: usize,
    description: &'a str,
}

pub(super) fn suggest(arguments: &Arguments, wanted: &Suggest) -> Result<u8> {
    let since = match &wanted.since {
        None => now().before(DAYS),
        Some(text) => match since::parse(text, now(), &TimeZone::system()) {
            Ok(since) => since,
            Err(error) => {
                eprintln!("journalban suggest: {error}");
                return Ok(exit::USAGE);
            }
        },
    };
    let jails = config::every_jail(&arguments.root);
    let mut found: BTreeMap<&JailName, Found> = BTreeMap::new();
    let mut by_source: BTreeMap<&SourceSpec, Vec<&JailSettings>> = BTreeMap::new();
    for (jail, _) in &jails {
        by_source.entry(&jail.source).or_default().push(jail);
    }
    let names: BTreeMap<JailName, &JailName> = jails
        .iter()
        .map(|(jail, _)| (jail.name.clone(), &jail.name))
        .collect();
    let mut progress = Progress::new();
    for (source, jails) in by_source {
        let mut matcher = Matcher::new(jails.into_iter().filter_map(matcher_jail).collect());
        let asked = matcher.wanted();
        let asked = Wanted {
            matches: asked.0,
            fields: asked.1,
        };
        let mut outcomes: Vec<Outcome> = Vec::new();
        journal::read(source, &asked, Some(since), |entry: Entry| {
            progress.count(entry.time());
            outcomes.clear();
            matcher.handle(&entry, &mut outcomes);
            for failure in outcomes
                .iter()
                .filter_map(|outcome| outcome.failure.as_ref())
            {
                if let Some(name) = names.get(&failure.jail) {
                    let found = found.entry(name).or_default();
                    found.failures += 1;
                    if found.addresses.len() < ADDRESSES_LIMIT {
                        found.addresses.insert(failure.addr);
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
    }
    drop(progress);
    let suggestions: Vec<Suggestion> = jails
        .iter()
        .filter_map(|(jail, enabled)| {
            let found = found.get(&jail.name)?;
            Some(Suggestion {
                jail: &jail.name,
                enabled: *enabled,
                failures: found.failures,
                addresses: found.addresses.len(),
                description: &jail.description,
            })
        })
        .collect();
    if arguments.json {
        show::json(&suggestions)?;
    } else {
        print(&mut io::stdout().lock(), &suggestions, jails.len())?;
    }
    Ok(if suggestions.is_empty() {
        exit::NO
    } else {
        exit::OK
    })
}

fn matcher_jail(jail: &JailSettings) -> Option<MatcherJail> {
    Some(MatcherJail {
        name: jail.name.clone(),
        journalmatch: jail.journalmatch.clone(),
        filter: Arc::clone(jail.filter.as_ref()?),
    })
}

fn print(out: &mut impl Write, suggestions: &[Suggestion<'_>], tried: usize) -> io::Result<()> {
    if suggestions.is_empty() {
        return writeln!(
            out,
            "none of {tried} jails would have found anything in the journal"
        );
    }
    let rows = suggestions.iter().map(|it| {
        vec![
            it.jail.to_string(),
            it.failures.to_string(),
            it.addresses.to_string(),
            if it.enabled { "yes" } else { "no" }.to_owned(),
            it.description.to_owned(),
        ]
    });
    show::table(
        out,
        &["JAIL", "FAILURES", "ADDRESSES", "ENABLED", ""],
        rows,
        &[1, 2],
    )?;
    for it in suggestions.iter().filter(|it| !it.enabled) {
        let name = it.jail;
        writeln!(
            out,
            "\n# /etc/journalban/jail.d/{name}.toml\n[{name}]\nenabled = true"
        )?;
    }
    if suggestions.iter().any(|it| !it.enabled) {
        writeln!(out, "\nThen: journalban check && journalban reload")?;
    }
    Ok(())
}

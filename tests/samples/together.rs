//! All jails at once see what each of them sees alone, though they share the look for their texts.

use std::sync::Arc;

use journalban::filter::{Filter, Matcher, MatcherJail, Outcome};
use journalban::model::{Entry, JailName, JournalMatch, Time};

use crate::filters;

/// A message as a service of `journalmatch` logs it.
fn logged(journalmatch: &JournalMatch, message: &str) -> Entry {
    let mut entry = Entry::new(Time::from_secs(1_700_000_000));
    for (name, values) in journalmatch.groups().first().into_iter().flatten() {
        entry.push(name.as_bytes(), values[0].as_bytes());
    }
    entry.push(b"_PID", b"4711");
    entry.push(b"MESSAGE", message.as_bytes());
    entry
}

fn handle(matcher: &mut Matcher, entry: &Entry) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    matcher.handle(entry, &mut outcomes);
    outcomes
}

#[test]
fn jails_together_see_what_each_sees_alone() {
    let filters = filters::all();
    let jails: Vec<MatcherJail> = filters
        .iter()
        .map(|(name, file)| {
            let strict = file.modes().find(|mode| *mode == "aggressive");
            let mode = strict.or(file.modes().next()).expect("a mode");
            MatcherJail {
                name: JailName::new(name).expect("a name"),
                journalmatch: file.spec.journalmatch.clone(),
                filter: Arc::new(Filter::compile(&file.spec, mode).expect("compiles")),
            }
        })
        .collect();
    let mut alone: Vec<Matcher> = jails
        .iter()
        .map(|jail| Matcher::new(vec![jail.clone()]))
        .collect();
    let mut together = Matcher::new(jails);
    // Services whose lines many jails look at, so that each gets lines that are not meant for it.
    let services = ["apache2", "nginx", "traefik"]
        .map(|name| format!("_SYSTEMD_UNIT={name}.service"))
        .map(|text| JournalMatch::parse(&text).expect("a match"));
    let (mut seen, mut matched) = (0, 0);
    for (_, file) in &filters {
        let messages = file.spec.samples.iter().flat_map(|sample| &sample.lines);
        for message in messages {
            for service in services.iter().chain([&file.spec.journalmatch]) {
                let entry = logged(service, message);
                let found = handle(&mut together, &entry);
                let each: Vec<Outcome> = alone
                    .iter_mut()
                    .flat_map(|matcher| handle(matcher, &entry))
                    .collect();
                assert_eq!(found, each, "{message}");
                seen += found.len();
                matched += found.iter().filter(|found| found.rule.is_some()).count();
            }
        }
    }
    assert!(
        matched > filters.len() && seen > 2 * matched,
        "{matched} of {seen}"
    );
}

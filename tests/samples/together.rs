//! All jails at once see what each of them sees alone, though they share the look for their texts.

use journalban::filter::{Matcher, Outcome};
use journalban::model::{Entry, JournalMatch};

use crate::filters;
use crate::jails::{logged, strict};

fn handle(matcher: &mut Matcher, entry: &Entry) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    matcher.handle(entry, &mut outcomes);
    outcomes
}

#[test]
fn jails_together_see_what_each_sees_alone() {
    let filters = filters::all();
    let jails = strict(&filters);
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

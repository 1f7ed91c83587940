//! The shared folder of real lines: its README tells what the keys mean. It is measuring data, so
//! it is read where it lies, and nothing of it is in this repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use journalban::config::{FilterFile, NORMAL};
use journalban::filter::{Filter, Host, Matcher, MatcherJail, Outcome, Verdict};
use journalban::model::{Entry, JailName, JournalMatch, Time};
use journalban::source::line::{self, Calendar};
use serde::Deserialize;

/// Of the lines that count, so many at least must be seen with the right host and user.
const FOUND_LEAST: f64 = 0.98;
/// Of the others, so many at most may count.
const COUNTED_MOST: f64 = 0.005;

/// Files that are called after something else than their service.
const SSHD: [&str; 4] = [
    "sshd-journal",
    "opnsense-sshd",
    "sshd-invalid-bf",
    "whitelists",
];

/// A line with what must be seen in it.
#[derive(Deserialize)]
pub struct Line {
    #[serde(rename = "line")]
    pub text: String,
    journal: Option<BTreeMap<String, String>>,
    #[serde(rename = "match")]
    counts: bool,
    host: Option<String>,
    user: Option<String>,
    #[serde(default)]
    name: bool,
    /// Only classic lines have them.
    #[serde(default)]
    modes: Vec<String>,
}

/// What came of the lines of a service, over all modes and both ways.
#[derive(Default)]
pub struct Figures {
    /// Lines that count, and how many of them were found.
    counting: usize,
    found: usize,
    /// Lines that do not, and how many of them were counted.
    others: usize,
    counted: usize,
    pub misses: Vec<String>,
}

/// The way that a line takes to the filter.
#[derive(Clone, Copy, Debug)]
enum Way {
    Journal,
    File,
}

/// The folder; `None`, and said, if it is absent.
pub fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    if folder.exists() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("JOURNALBAN_NO_SKIP").is_none(),
        "{} is absent",
        folder.display()
    );
    println!("skipped: {} is absent", folder.display());
    None
}

/// The lines of each service in a part of the folder.
pub fn services(part: &Path) -> BTreeMap<String, Vec<Line>> {
    let files = fs::read_dir(part).expect("lists the folder");
    files
        .map(|file| {
            let path = file.expect("an entry").path();
            let service = path.file_stem().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("reads");
            let lines = text.lines().map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{service}: {error}"))
            });
            (service.to_string(), lines.collect())
        })
        .collect()
}

/// Runs the lines of `service` through the filter of that name.
pub fn judge(filters: &[(String, FilterFile)], service: &str, lines: &[Line]) -> Figures {
    let mut figures = Figures::default();
    let service = if SSHD.contains(&service) {
        "sshd"
    } else {
        service
    };
    let known = |(name, file): &&(String, FilterFile)| {
        name == service
            || file
                .spec
                .aliases
                .iter()
                .any(|alias| alias.as_str() == service)
    };
    let file = filters.iter().find(known).map(|(_, file)| file);
    if file.is_none() {
        figures.misses.push("there is no filter for it".to_owned());
    }
    let modes: BTreeSet<&str> = lines.iter().flat_map(Line::modes).collect();
    for mode in modes {
        for way in [Way::File, Way::Journal] {
            let lines: Vec<&Line> = lines
                .iter()
                .filter(|line| line.modes().any(|known| known == mode))
                .collect();
            figures.run(file, mode, way, &lines);
        }
    }
    figures
}

impl Line {
    fn modes(&self) -> impl Iterator<Item = &str> {
        let normal = self.modes.is_empty().then_some(NORMAL);
        self.modes.iter().map(String::as_str).chain(normal)
    }

    fn entry(&self, way: Way) -> Option<Entry> {
        let calendar = Calendar {
            now: Time::from_secs(1_700_000_000),
            zone: TimeZone::UTC,
        };
        match way {
            Way::File => {
                let mut entry = line::entry(self.text.as_bytes(), &calendar);
                // The years of the lines are years apart; they were logged one after the other.
                entry.set_time(calendar.now);
                Some(entry)
            }
            Way::Journal => {
                let mut entry = Entry::new(calendar.now);
                for (name, value) in self.journal.as_ref()? {
                    entry.push(name.as_bytes(), value.as_bytes());
                }
                Some(entry)
            }
        }
    }

    fn is_right(&self, outcome: Option<&Outcome>) -> bool {
        let verdict = outcome.map_or(Verdict::None, |outcome| outcome.verdict);
        match (self.counts, self.name) {
            (false, _) => verdict != Verdict::Failure,
            (true, true) => verdict == Verdict::Name,
            (true, false) => outcome.is_some_and(|outcome| {
                let failed = outcome
                    .failure
                    .as_ref()
                    .map(|failure| Host::Addr(failure.addr));
                let host = self.host.as_deref().map(|host| Host::read(host.as_bytes()));
                let user = self.user.as_deref();
                failed.is_some()
                    && failed == host
                    && (user.is_none() || outcome.user.as_deref() == user)
            }),
        }
    }
}

impl Figures {
    fn run(&mut self, file: Option<&FilterFile>, mode: &str, way: Way, lines: &[&Line]) {
        let mut matcher = file.map(|file| {
            let known = file.modes().find(|known| *known == mode);
            matcher(Filter::compile(&file.spec, known.unwrap_or(NORMAL)).expect("compiles"))
        });
        for line in lines {
            let Some(entry) = line.entry(way) else {
                continue;
            };
            let mut outcomes = Vec::new();
            if let Some(matcher) = &mut matcher {
                matcher.handle(&entry, &mut outcomes);
            }
            let outcome = outcomes.first();
            let right = line.is_right(outcome);
            if line.counts {
                self.counting += 1;
                self.found += usize::from(right);
            } else {
                self.others += 1;
                self.counted += usize::from(!right);
            }
            if !right && file.is_some() {
                self.misses.push(miss(line, outcome, mode, way));
            }
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.counting += other.counting;
        self.found += other.found;
        self.others += other.others;
        self.counted += other.counted;
    }

    #[expect(clippy::cast_precision_loss, reason = "a few thousand lines")]
    pub fn good_enough(&self) -> bool {
        self.found as f64 >= FOUND_LEAST * self.counting as f64
            && self.counted as f64 <= COUNTED_MOST * self.others as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            counting,
            found,
            others,
            counted,
            misses: _,
        } = self;
        write!(
            f,
            "{found} of {counting} found, {counted} of {others} others counted"
        )
    }
}

fn matcher(filter: Filter) -> Matcher {
    Matcher::new(vec![MatcherJail {
        name: JailName::new("test").expect("a name"),
        journalmatch: JournalMatch::default(),
        filter: Arc::new(filter),
    }])
}

fn miss(line: &Line, outcome: Option<&Outcome>, mode: &str, way: Way) -> String {
    let wanted = if line.counts { "a match" } else { "none" };
    let (verdict, host, user) = outcome.map_or((Verdict::None, None, None), |outcome| {
        let host = outcome.host.as_ref().map(ToString::to_string);
        (outcome.verdict, host, outcome.user.as_deref())
    });
    format!(
        "mode {mode}, {way:?}: wanted {wanted} {:?} {:?}, found {verdict:?} {host:?} {user:?}: {}",
        line.host, line.user, line.text
    )
}

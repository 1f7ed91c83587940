//! Which jails look at an entry: an index over their matches.
//!
//! Of each group of a match one equality is hashed, the one that the fewest groups share
//! (`SYSLOG_IDENTIFIER=sshd` rather than `_UID=0`). So an entry that no jail wants costs a lookup
//! for each field that is hashed, however many jails there are.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::model::{Entry, JournalMatch};

/// Fields that nearly every entry has, with few values: the last to be hashed.
const BROAD: [&str; 8] = [
    "_UID",
    "_GID",
    "_TRANSPORT",
    "_BOOT_ID",
    "_MACHINE_ID",
    "_HOSTNAME",
    "PRIORITY",
    "SYSLOG_FACILITY",
];

/// Who may want an entry with a value. The values are the configuration's, so that nobody can
/// choose them to collide.
type Values = HashMap<Box<[u8]>, Vec<Candidate>, RandomState>;

/// One who may want an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// The position of its match.
    pub at: usize,
    /// Whether more of the match has to hold than what was looked up.
    pub unsure: bool,
}

/// The index: field → value → who may want the entry.
#[derive(Debug, Default)]
pub(super) struct Dispatch {
    fields: Vec<(Box<[u8]>, Values)>,
    /// Those whose match is empty.
    always: Vec<Candidate>,
}

impl Dispatch {
    /// Builds the index; answers are positions in `matches`.
    pub fn new(matches: &[&JournalMatch]) -> Self {
        let groups = || matches.iter().flat_map(|wanted| wanted.groups());
        let mut shared: HashMap<(&str, &str), usize> = HashMap::new();
        for (field, values) in groups().flatten() {
            for value in values {
                *shared.entry((field, value)).or_default() += 1;
            }
        }
        let mut index = Self::default();
        for (at, wanted) in matches.iter().enumerate() {
            let sure = Candidate { at, unsure: false };
            if wanted.is_any() {
                index.always.push(sure);
            }
            for group in wanted.groups() {
                let cost = |(field, values): &&(String, Vec<String>)| {
                    let most = values
                        .iter()
                        .filter_map(|value| shared.get(&(field.as_str(), value.as_str())))
                        .max()
                        .copied();
                    (BROAD.contains(&field.as_str()), most)
                };
                if let Some((field, values)) = group.iter().min_by_key(cost) {
                    let unsure = group.len() > 1;
                    index.add(field, values, Candidate { at, unsure });
                }
            }
        }
        index
    }

    /// Collects who may want `entry`, in order and each once.
    pub fn candidates(&self, entry: &Entry, found: &mut Vec<Candidate>) {
        found.clear();
        for (name, value) in entry.fields() {
            let known = self.fields.iter().find(|(field, _)| **field == *name);
            if let Some(some) = known.and_then(|(_, values)| values.get(value)) {
                found.extend_from_slice(some);
            }
        }
        found.extend_from_slice(&self.always);
        if found.len() < 2 {
            return;
        }
        found.sort_unstable();
        // The sure one comes first.
        found.dedup_by_key(|candidate| candidate.at);
    }

    /// The companies into which `count` matches fall: those that share a value, also over others,
    /// may want the same entries. Positions, in order.
    pub fn companies(&self, count: usize) -> Vec<Vec<usize>> {
        let mut first: Vec<usize> = (0..count).collect();
        let values = self.fields.iter().flat_map(|(_, values)| values.values());
        for together in values.chain([&self.always]) {
            let known: Vec<usize> = together.iter().map(|one| first[one.at]).collect();
            let least = known.iter().min().copied().unwrap_or_default();
            for first in first.iter_mut().filter(|first| known.contains(first)) {
                *first = least;
            }
        }
        let mut companies = BTreeMap::<usize, Vec<usize>>::new();
        for (at, first) in first.into_iter().enumerate() {
            companies.entry(first).or_default().push(at);
        }
        companies.into_values().collect()
    }

    fn add(&mut self, field: &str, values: &[String], candidate: Candidate) {
        let field = field.as_bytes();
        let position = self.fields.iter().position(|(known, _)| **known == *field);
        let position = position.unwrap_or_else(|| {
            self.fields.push((field.into(), Values::default()));
            self.fields.len() - 1
        });
        if let Some((_, index)) = self.fields.get_mut(position) {
            for value in values {
                let here = index.entry(value.as_bytes().into()).or_default();
                here.push(candidate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    #[test]
    fn every_match_that_holds_is_found_and_few_others() {
        let matches: Vec<JournalMatch> = [
            "_UID=0 SYSLOG_IDENTIFIER=a SYSLOG_IDENTIFIER=b",
            "_UID=0 _SYSTEMD_UNIT=a.service + _UID=0 SYSLOG_IDENTIFIER=b",
            "",
            "_TRANSPORT=kernel",
        ]
        .iter()
        .map(|text| JournalMatch::parse(text).expect("a match"))
        .collect();
        let index = Dispatch::new(&matches.iter().collect::<Vec<_>>());
        let candidates = |fields: &[(&str, &str)]| {
            let mut entry = Entry::new(Time::EPOCH);
            for (name, value) in fields {
                entry.push(name.as_bytes(), value.as_bytes());
            }
            let mut found = vec![Candidate {
                at: 9,
                unsure: false,
            }];
            index.candidates(&entry, &mut found);
            for (at, wanted) in matches.iter().enumerate() {
                let here = found.iter().find(|candidate| candidate.at == at);
                let sure = here.map(|candidate| !candidate.unsure);
                if wanted.matches(&entry) {
                    assert!(sure.is_some(), "{wanted}");
                } else {
                    assert_ne!(sure, Some(true), "{wanted}");
                }
            }
            found.iter().map(|one| one.at).collect::<Vec<_>>()
        };
        assert_eq!(candidates(&[("_UID", "0")]), [2]);
        assert_eq!(
            candidates(&[("SYSLOG_IDENTIFIER", "b"), ("_UID", "0")]),
            [0, 1, 2]
        );
        assert_eq!(
            candidates(&[("_SYSTEMD_UNIT", "a.service"), ("_UID", "0")]),
            [1, 2]
        );
        assert_eq!(candidates(&[("_TRANSPORT", "kernel")]), [2, 3]);
        assert_eq!(index.companies(4), [vec![0, 1], vec![2], vec![3]]);
    }
}

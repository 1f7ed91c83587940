//! `journalban test --samples`: filters against the lines that they carry themselves.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;

use crate::cli::args::Arguments;
use crate::config::{self, FilterFile, Problem};
use crate::exit;
use crate::filter::{check_samples, untried_rules};
use crate::model::printable;

/// What came of one filter; a line of `--json`.
#[derive(Serialize)]
struct Report<'f> {
    filter: &'f str,
    /// How many samples it has.
    samples: usize,
    /// A sentence for each sample, in each of its modes, that comes out otherwise.
    misses: Vec<String>,
    /// The rules, by their place in the file from 1, that no sample tries.
    untried: Vec<usize>,
}

/// Runs the samples of the filter `name`, or of all filters.
pub(super) fn samples(arguments: &Arguments, name: Option<&str>) -> Result<u8> {
    let filters = match wanted(arguments, name) {
        Ok(Some(filters)) => filters,
        Ok(None) => {
            let name = name.unwrap_or_default();
            eprintln!("journalban test: there is no filter \"{name}\"");
            return Ok(exit::USAGE);
        }
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            return Ok(exit::CONFIGURATION);
        }
    };
    let mut out = io::stdout().lock();
    let mut all_right = true;
    for (name, file) in &filters {
        let report = Report {
            filter: name,
            samples: file.spec.samples.len(),
            misses: check_samples(&file.spec),
            untried: untried_rules(&file.spec),
        };
        all_right &= report.misses.is_empty();
        if arguments.json {
            serde_json::to_writer(&mut out, &report)?;
            out.write_all(b"\n")?;
        } else {
            show(&mut out, &report)?;
        }
    }
    Ok(if all_right { exit::OK } else { exit::NO })
}

type Filters = Vec<(String, FilterFile)>;

fn wanted(arguments: &Arguments, name: Option<&str>) -> Result<Option<Filters>, Vec<Problem>> {
    let root = &arguments.root;
    let Some(name) = name else {
        let all = config::filters(root)?;
        let named = all.into_iter().map(|(name, file)| (name.to_string(), file));
        return Ok(Some(named.collect()));
    };
    let file = config::filter(root, name)?;
    Ok(file.map(|file| vec![(name.to_owned(), file)]))
}

/// For people: the misses, then a line for the filter.
fn show(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    let Report {
        filter,
        samples,
        misses,
        untried,
    } = report;
    for miss in misses {
        writeln!(out, "{filter}: {}", printable(miss))?;
    }
    write!(out, "{filter}: {samples} samples, ")?;
    match misses.len() {
        0 => write!(out, "all right")?,
        1 => write!(out, "1 miss")?,
        count => write!(out, "{count} misses")?,
    }
    if !untried.is_empty() {
        let rules: Vec<String> = untried.iter().map(ToString::to_string).collect();
        write!(out, "; no sample tries rule {}", rules.join(", "))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_one_line_below_its_misses() {
        let mut report = Report {
            filter: "a",
            samples: 3,
            misses: Vec::new(),
            untried: Vec::new(),
        };
        let shown = |report: &Report<'_>| {
            let mut out = Vec::new();
            show(&mut out, report).expect("writes");
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(shown(&report), "a: 3 samples, all right\n");
        report.misses = vec!["sample 2\n".to_owned()];
        report.untried = vec![1, 4];
        assert_eq!(
            shown(&report),
            "a: sample 2\\n\na: 3 samples, 1 miss; no sample tries rule 1, 4\n"
        );
    }
}

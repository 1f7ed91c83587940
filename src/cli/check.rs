//! `journalban check`: what is wrong with the configuration, for people and for programs.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::{self, Write as _};

use anyhow::Result;
use serde::Serialize;

use crate::cli::args::Arguments;
use crate::cli::show;
use crate::config::{self, Loaded, Problem};
use crate::exit;
use crate::ignored;
use crate::model::JailName;

/// What `check --json` prints: one object.
#[derive(Serialize)]
struct Report<'l> {
    problems: &'l [Problem],
    warnings: &'l [Problem],
    /// The jails that run.
    jails: Vec<&'l JailName>,
    /// The jails that do not, because of a problem.
    left_out: &'l [JailName],
    /// No jail runs, because `journalban.toml` (or a directory) cannot be used.
    fatal: bool,
}

/// Checks all of it: the exit code is 0, or 78 if there is any problem. Warnings alone do not fail.
pub(super) fn check(arguments: &Arguments) -> Result<u8> {
    let mut loaded = config::check(&arguments.root);
    loaded.warnings.extend(ignored_files(&loaded));
    if arguments.json {
        show::json(&report(&loaded))?;
    } else {
        io::stdout().write_all(text(&loaded).as_bytes())?;
    }
    Ok(exit_code(&loaded))
}

/// What is wrong in the files that `ignoreip` of enabled jails names. The daemon goes on with what it
/// knows, so none of it is an error.
fn ignored_files(loaded: &Loaded) -> Vec<Problem> {
    let policies = loaded.settings.jails.iter().map(|jail| &jail.policy);
    let named: BTreeSet<&str> = policies
        .flat_map(|policy| &policy.ignore_named)
        .map(|name| &**name)
        .collect();
    let mut found = Vec::new();
    for (_, path) in ignored::files(named) {
        for (line, message) in ignored::problems(&path) {
            found.push(Problem {
                file: path.display().to_string(),
                line,
                column: 1,
                message,
                jail: None,
            });
        }
    }
    found
}

fn exit_code(loaded: &Loaded) -> u8 {
    if loaded.problems.is_empty() {
        0
    } else {
        exit::CONFIGURATION
    }
}

/// For people: a line for each problem and warning, then what follows from them.
fn text(loaded: &Loaded) -> String {
    let mut text = String::new();
    for problem in &loaded.problems {
        let _ = writeln!(text, "error    {problem}");
    }
    for warning in &loaded.warnings {
        let _ = writeln!(text, "warning  {warning}");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let jails = loaded.settings.jails.iter().map(|jail| &jail.name);
    let _ = writeln!(text, "{}", named("enabled", jails));
    if !loaded.left_out.is_empty() {
        let _ = writeln!(text, "{}", named("left out", loaded.left_out.iter()));
    }
    if loaded.fatal() {
        text.push_str("no jail runs until that is right\n");
    }
    text
}

/// `2 jails enabled: a, b`.
fn named<'l>(what: &str, names: impl Iterator<Item = &'l JailName>) -> String {
    let names: Vec<&str> = names.map(JailName::as_str).collect();
    match names.len() {
        0 => format!("no jail {what}"),
        1 => format!("1 jail {what}: {}", names[0]),
        count => format!("{count} jails {what}: {}", names.join(", ")),
    }
}

/// For programs: the same as one JSON object.
fn report(loaded: &Loaded) -> Report<'_> {
    Report {
        problems: &loaded.problems,
        warnings: &loaded.warnings,
        jails: loaded
            .settings
            .jails
            .iter()
            .map(|jail| &jail.name)
            .collect(),
        left_out: &loaded.left_out,
        fatal: loaded.fatal(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config;

    /// What `check` finds in a root with one filter and `jails`, with paths below the root.
    fn check(jails: &str) -> (Loaded, String) {
        let root = tempfile::tempdir().expect("a directory");
        let etc = root.path().join("etc/journalban");
        fs::create_dir_all(etc.join("filter.d")).expect("makes directories");
        fs::create_dir_all(etc.join("jail.d")).expect("makes directories");
        let filter = "journalmatch = 'ID=a'\n[[rule]]\nfailregex = '^failed from <ADDR>$'\n";
        fs::write(etc.join("filter.d/a.toml"), filter).expect("writes");
        fs::write(etc.join("jail.d/x.toml"), jails).expect("writes");
        let loaded = config::check(root.path());
        let shown =
            text(&loaded).replace(&format!("{}/etc/journalban/", root.path().display()), "");
        (loaded, shown)
    }

    #[test]
    fn problems_and_warnings_are_shown_with_what_follows() {
        let (loaded, shown) = check("[a]\nenabled = true\n[b]\nenabled = true\nfilter = 'c'\n");
        assert_eq!(
            shown,
            "error    jail.d/x.toml:5:10: there is no filter \"c\", a file filter.d/c.toml; \
             did you mean \"a\"?\n\
             warning  filter.d/a.toml:1:16: jail a: a local user can choose ID, and so have any \
             address banned: add what he cannot, as in _SYSTEMD_UNIT=NAME.service\n\
             \n\
             1 jail enabled: a\n\
             1 jail left out: b\n"
        );
        assert_eq!(exit_code(&loaded), 78);
        let json: serde_json::Value = serde_json::to_value(report(&loaded)).expect("JSON");
        assert_eq!(json["problems"][0]["line"], 5);
        assert_eq!(json["warnings"][0]["jail"], "a");
        assert_eq!(json["jails"], serde_json::json!(["a"]));
        assert_eq!(json["left_out"], serde_json::json!(["b"]));
        assert_eq!(json["fatal"], false);
    }

    #[test]
    fn what_is_wrong_in_ignored_files_is_a_warning() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ignored");
        fs::write(&path, "192.0.2.1\n192.0.2\n").expect("writes");
        let jail = format!(
            "[a]\nenabled = true\nignoreip = ['file:{}', 'file:/nonexistent', 'a.example']\n",
            path.display()
        );
        let (loaded, _) = check(&jail);
        let shown: Vec<String> = ignored_files(&loaded)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].starts_with("/nonexistent:1:1: reading /nonexistent: "));
        assert!(shown[1].starts_with(&format!("{}:2:1: \"192.0.2\" is no", path.display())));
    }

    #[test]
    fn a_warning_alone_is_no_failure() {
        let (loaded, shown) = check("[a]\nenabled = true\n");
        assert!(shown.starts_with("warning  "), "{shown}");
        assert_eq!(exit_code(&loaded), 0);
        let (loaded, shown) = check("[a]\n");
        assert_eq!(shown, "no jail enabled\n");
        assert_eq!(exit_code(&loaded), 0);
    }
}

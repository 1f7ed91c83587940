//! `journalban check`: mistakes in the configuration, all at once.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::json;

use crate::cli::args::Arguments;
use crate::cli::{EXIT_CONFIGURATION, show};
use crate::config;

pub(super) fn check(arguments: &Arguments) -> Result<u8> {
    let loaded = config::check(&arguments.root);
    let code = if loaded.problems.is_empty() {
        0
    } else {
        EXIT_CONFIGURATION
    };
    let jails: Vec<&str> = loaded
        .settings
        .jails
        .iter()
        .map(|jail| jail.name.as_str())
        .collect();
    if arguments.json {
        show::json(&json!({
            "problems": loaded.problems,
            "warnings": loaded.warnings,
            "jails": jails,
        }))?;
        return Ok(code);
    }
    let mut out = io::stdout().lock();
    for problem in &loaded.problems {
        writeln!(out, "{problem}")?;
    }
    for warning in &loaded.warnings {
        writeln!(out, "{warning} (warning)")?;
    }
    let enabled = if jails.is_empty() {
        "none".to_owned()
    } else {
        jails.join(", ")
    };
    match loaded.problems.len() {
        0 => writeln!(out, "the configuration is sound; enabled jails: {enabled}")?,
        1 => writeln!(out, "1 problem; jails that can run as it is: {enabled}")?,
        n => writeln!(out, "{n} problems; jails that can run as it is: {enabled}")?,
    }
    Ok(code)
}

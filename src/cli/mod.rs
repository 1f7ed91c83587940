//! The command line: one file a group of subcommands; [`args`] says what can be typed.
//!
//! Exit codes follow sysexits.h where one fits: 0 done, 1 no (nothing matched, nothing lifted),
//! 64 wrong usage, 69 the daemon does not answer, 78 the configuration has problems.

pub mod args;
mod check;
mod control;
mod show;
mod since;
mod tally;
mod test;

use std::process::ExitCode;

use clap::Parser;

use crate::{daemon, log};
use args::{Arguments, Command};

/// Nothing matched, or the daemon refused.
const EXIT_NO: u8 = 1;
/// Wrong usage (`EX_USAGE`).
const EXIT_USAGE: u8 = 64;
/// The daemon does not answer (`EX_UNAVAILABLE`).
const EXIT_UNAVAILABLE: u8 = 69;
/// The configuration has problems (`EX_CONFIG`).
const EXIT_CONFIGURATION: u8 = daemon::EXIT_CONFIGURATION;

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // --help and --version come this way as well; a closed pipe is not worth a word.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    let outcome = match &arguments.command {
        Command::Daemon => {
            log::begin();
            daemon::run(&arguments.root)
        }
        Command::Status { jail } => control::status(&arguments, jail.as_ref()),
        Command::List { jail } => control::list(&arguments, jail.as_ref()),
        Command::Ban(wanted) => control::ban(&arguments, wanted),
        Command::Unban(wanted) => control::unban(&arguments, wanted),
        Command::Reload => control::reload(&arguments),
        Command::Ping => control::ping(&arguments),
        Command::Check => check::check(&arguments),
        Command::Test(wanted) => test::test(&arguments, wanted),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) if show::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            if matches!(arguments.command, Command::Daemon) {
                tracing::error!("{error:#}");
            } else {
                eprintln!("journalban: {error:#}");
            }
            ExitCode::from(control::exit_code(&error))
        }
    }
}

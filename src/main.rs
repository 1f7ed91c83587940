//! Arguments → command line or daemon → exit code.

use std::process::ExitCode;

use clap::Parser;
use journalban::cli::args::{Arguments, Command};
use journalban::ignored::resolver;
use journalban::{cli, daemon, exit, log};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // --help and --version come this way as well; a closed pipe is not worth a word.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                exit::USAGE
            } else {
                exit::OK
            });
        }
    };
    let code = match &arguments.command {
        Command::Tool(tool) => cli::run(&arguments, tool),
        Command::Resolve => {
            match resolver::answer(std::io::stdin().lock(), std::io::stdout().lock()) {
                Ok(()) => exit::OK,
                Err(error) => {
                    eprintln!("journalban: answering the daemon: {error}");
                    exit::NO
                }
            }
        }
        Command::Daemon => {
            log::begin();
            daemon::run(&arguments.root).unwrap_or_else(|error| {
                tracing::error!("{error:#}");
                exit::NO
            })
        }
    };
    ExitCode::from(code)
}

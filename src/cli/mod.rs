//! The command line but for the daemon: one file a group of subcommands; [`args`] says what can be
//! typed.

pub mod args;
mod bulk;
mod check;
mod control;
mod explain;
mod history;
mod hook;
mod progress;
mod samples;
mod show;
mod simulate;
mod since;
mod streamed;
mod suggest;
mod tally;
mod test;

use args::{Arguments, Tool};

use crate::exit;

/// Runs what the command line asks for; the answer is the [exit code](crate::exit).
#[must_use]
pub fn run(arguments: &Arguments, tool: &Tool) -> u8 {
    let outcome = match tool {
        Tool::Status { jail } => control::status(arguments, jail.as_ref()),
        Tool::List(wanted) => control::list(arguments, wanted),
        Tool::History(wanted) => history::history(arguments, wanted),
        Tool::Explain(wanted) => explain::explain(arguments, wanted),
        Tool::Ban(wanted) => control::ban(arguments, wanted),
        Tool::Unban(wanted) => control::unban(arguments, wanted),
        Tool::Reload => control::reload(arguments),
        Tool::Ping => control::ping(arguments),
        Tool::Check => check::check(arguments),
        Tool::Test(wanted) => test::test(arguments, wanted),
        Tool::Hook(wanted) => hook::hook(arguments, wanted),
        Tool::Suggest(wanted) => suggest::suggest(arguments, wanted),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if show::is_closed_pipe(&error) => exit::OK,
        Err(error) => {
            eprintln!("journalban: {error:#}");
            control::exit_code(&error)
        }
    }
}

//! What can be typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::model::{BanPlace, Bantime, JailName, Prefix};

/// Bans addresses that the system journal shows attacking.
#[derive(Debug, Parser)]
#[command(name = "journalban", version, about, max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,

    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub json: bool,

    /// Read configuration, filters and jails below DIR, and find the daemon's socket there
    #[arg(long, global = true, value_name = "DIR", default_value = crate::paths::DEFAULT_ROOT, hide_default_value = true)]
    pub root: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  journalban status sshd                 how the sshd jail is doing, and who is banned
  journalban explain 192.0.2.7           why it is, or is not, banned
  journalban history 192.0.2.7           when it was banned, and what for
  journalban ban 192.0.2.7 --for 2h      keep an address out by hand
  journalban unban 192.0.2.7             let it in again, whichever jail banned it
  journalban test --since -1h sshd       what the sshd filter finds in the last hour
  journalban check && journalban reload  take a changed configuration";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service (systemd does this)
    Daemon,
    /// Resolve names for the daemon (systemd starts this): questions on standard input
    #[command(hide = true)]
    Resolve,
    /// Everything else.
    #[command(flatten)]
    Tool(Tool),
}

/// The subcommands that are over at once.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Show the jails: failures, bans, packets stopped
    Status {
        /// Only this jail, with its list of banned addresses
        jail: Option<JailName>,
    },
    /// List all bans in force: since when, until when, why
    List(List),
    /// Tell who was banned, and what became of it
    History(History),
    /// Tell why an address is, or is not, banned
    Explain(Explain),
    /// Ban addresses or prefixes; answers once the kernel has them
    Ban(Ban),
    /// Lift bans; answers once the kernel let go
    Unban(Unban),
    /// Take the changed configuration; on any mistake the old one stays whole
    Reload,
    /// Ask whether the daemon is alive
    Ping,
    /// Look for mistakes in the configuration, without touching the daemon
    Check,
    /// Try a filter on a log: what it finds, what it misses
    Test(Test),
    /// Run a hook (systemd does this), or try one
    #[command(hide = true)]
    Hook(Hook),
    /// Tell which jails would have found something in the journal
    Suggest(Suggest),
}

/// List bans in force.
#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct List {
    /// Only those of this jail
    pub jail: Option<JailName>,
    /// Not more than N
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Only those behind this one, in the order of jail, beginning and address
    #[arg(long, value_name = "JAIL/SINCE/ADDRESS")]
    pub after: Option<BanPlace>,
}

/// Tell who was banned.
#[derive(Debug, Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub struct History {
    /// Only bans that have an address in common with it, with the lines that led to them
    #[arg(value_name = "ADDRESS|PREFIX")]
    pub prefix: Option<Prefix>,
    /// Only those of this jail
    #[arg(long, value_name = "JAIL")]
    pub jail: Option<JailName>,
    /// Only those that began, or ended, after it: -2h, 2026-11-20, "2026-11-20 10:00"
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Not more than N
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// Tell why.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct Explain {
    /// The address
    pub address: IpAddr,
}

/// Ban by hand.
#[derive(Debug, Args)]
#[command(after_help = BAN_EXAMPLES)]
pub struct Ban {
    /// An address or a prefix: `192.0.2.7`, `2001:db8::/64`
    #[arg(value_name = "ADDRESS|PREFIX", required_unless_present = "file")]
    pub prefix: Option<Prefix>,
    /// All addresses and prefixes in FILE ("-": standard input), one a line; "#" begins a comment.
    /// If any line is wrong, nothing is done
    #[arg(long, value_name = "FILE", conflicts_with = "prefix")]
    pub file: Option<PathBuf>,
    /// On behalf of this jail, on its ports [default: "manual", on all ports]
    #[arg(long, value_name = "JAIL")]
    pub jail: Option<JailName>,
    /// For how long: 2h, 1d, forever [default: the jail's bantime; a day for "manual"]
    #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
    pub bantime: Option<Bantime>,
    /// Why; kept with the ban
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Lift bans by hand.
#[derive(Debug, Args)]
#[command(after_help = UNBAN_EXAMPLES)]
pub struct Unban {
    /// An address or prefix; every ban that has an address in common with it is lifted
    #[arg(value_name = "ADDRESS|PREFIX", required_unless_present_any = ["all", "file"])]
    pub prefix: Option<Prefix>,
    /// All addresses and prefixes in FILE ("-": standard input), one a line; "#" begins a comment.
    /// If any line is wrong, nothing is done
    #[arg(long, value_name = "FILE", conflicts_with = "prefix")]
    pub file: Option<PathBuf>,
    /// Lift all bans
    #[arg(long, conflicts_with_all = ["prefix", "file"])]
    pub all: bool,
    /// Only those of this jail
    #[arg(long, value_name = "JAIL")]
    pub jail: Option<JailName>,
}

/// Try a filter.
#[derive(Debug, Args)]
#[command(after_help = TEST_EXAMPLES)]
pub struct Test {
    /// The filter or jail to try, and then where to read: a log file, "-", a .journal file or
    /// directory, lines of "journalctl -o json", or a single line [default: the system journal]
    #[arg(value_name = "FILTER|JAIL [INPUT]", num_args = 0..=2)]
    pub positional: Vec<String>,
    /// Try this pattern instead of a filter; may be given several times
    #[arg(long, value_name = "RE")]
    pub failregex: Vec<String>,
    /// Look at entries that match this, in journalctl's language [default: the filter's own match]
    #[arg(long, value_name = "EXPR")]
    pub journalmatch: Vec<String>,
    /// The filter's mode [default: the jail's, else "normal"]
    #[arg(long, value_name = "M")]
    pub mode: Option<String>,
    /// Tell what would have been banned, when and for how long
    #[arg(long)]
    pub simulate: bool,
    /// Begin there: -2h, 2026-11-20, "2026-11-20 10:00", 2026-11-20T10:00:00Z
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Run the lines that the filter itself carries; without a filter, those of all filters
    #[arg(long, conflicts_with_all = ["failregex", "journalmatch", "mode", "since", "simulate"])]
    pub samples: bool,
}

/// Run the call that comes on standard input, or try a hook.
#[derive(Debug, Args)]
pub struct Hook {
    /// Call this hook with an example, 192.0.2.1, and show what it does
    #[arg(long = "try", value_name = "HOOK")]
    pub try_hook: Option<JailName>,
    /// With the parameters that this jail sets
    #[arg(long, value_name = "JAIL", requires = "try_hook")]
    pub jail: Option<JailName>,
    /// Call it for the end of a ban
    #[arg(long, requires = "try_hook")]
    pub unban: bool,
    /// Run it in this process, as this user and without the sandbox
    #[arg(long, requires = "try_hook")]
    pub here: bool,
}

/// Which jails would have been of use.
#[derive(Debug, Args)]
pub struct Suggest {
    /// Begin there: -2h, 2026-11-20, ... [default: a week ago]
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub since: Option<String>,
}

const LIST_EXAMPLES: &str = "\
Examples:
  journalban list sshd                                     who is banned for sshd
  journalban list --json | jq -r '.bans[].prefix'          all banned addresses
  journalban list --json --limit 1000 --after sshd/2026-11-20T10:00:00.000000Z/192.0.2.7
                                                           a script's next thousand

The list is sorted by jail, beginning and address.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  journalban explain 192.0.2.7
  if journalban explain 2001:db8::7 >/dev/null; then echo 'it is banned'; fi

Exit status: 0 if it is banned, 1 if not.";

const BAN_EXAMPLES: &str = "\
Examples:
  journalban ban 192.0.2.7 --for 2h --reason 'asked for it'
  journalban ban 2001:db8:1::/48 --jail postfix-sasl --for forever
  journalban ban --file blocklist.txt --for 1d --reason blocklist
  curl -sf https://example.org/list.txt | journalban ban --file - --for 25h

Who is banned for longer already stays so. Exit status: 0 if all are banned, 1 if any is refused, 64
if the file is wrong.";

const UNBAN_EXAMPLES: &str = "\
Examples:
  journalban unban 192.0.2.7               whichever jail banned it
  journalban unban 192.0.2.0/24 --jail sshd
  journalban unban --file blocklist.txt    all of a list again
  journalban unban --all

Exit status: 0 if anything was lifted, 1 if there was nothing to lift, 64 if the file is wrong.";

const HISTORY_EXAMPLES: &str = "\
Examples:
  journalban history 192.0.2.7               every ban of this address, and why
  journalban history --jail sshd --since -1d the sshd jail's last day
  journalban history --limit 20              what is in force, or else ended last

Bans in force come first, the newest of them at the top; behind them those that ended, the last one
first. How long they are kept is purgeage in journalban.toml.";

const TEST_EXAMPLES: &str = "\
Examples:
  journalban test sshd                                      the sshd filter on the whole journal
  journalban test --since -1d --mode aggressive sshd        a stricter mode, the last day
  journalban test --journalmatch SYSLOG_IDENTIFIER=fmd-server fmd-server
  journalban test sshd /var/log/auth.log                    on a log file
  journalban test sshd 'Invalid user x from 192.0.2.1'      on a line
  journalctl -o json -u ssh | journalban test sshd -        on what journalctl prints
  journalban test --simulate --since -7d sshd               what a week would have banned
  journalban test --samples                                 all filters on their own samples
  journalban test --failregex '^login failed from <ADDR>$' app.log

Exit status: 0 if anything matched (--samples: if all is right), 1 if not, 64 wrong usage, 78 bad configuration.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        super::Arguments::command().debug_assert();
    }
}

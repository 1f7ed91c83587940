//! `journalban hook`: one call of a hook, as systemd starts it; and `--try`, one call by hand.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::net::sockopt::socket_type;

use crate::cli::args::{Arguments, Hook as Wanted};
use crate::cli::show;
use crate::clock::now;
use crate::config::{self, Problem};
use crate::exit;
use crate::hook::{
    self, CALL_LIMIT, Call, Facts, HookUse, On, Outcome, REPORT_LIMIT, Report, Step, Stream,
};
use crate::model::{Ban, JailName, Origin, Unban, UnbanCause};
use crate::paths;

/// Whom an example is about: an address that nobody has (RFC 5737).
const EXAMPLE_ADDRESS: &str = "192.0.2.1";
/// On whose behalf it is kept out, if no jail is named.
const EXAMPLE_JAIL: &str = "example";
/// How long the example is banned.
const EXAMPLE_BANTIME: Duration = Duration::from_mins(10);

/// How long starting the process of a call may take, on top of the hook's own time.
const STARTING: Duration = Duration::from_secs(30);

pub(super) fn hook(arguments: &Arguments, wanted: &Wanted) -> Result<u8> {
    match &wanted.try_hook {
        Some(name) => try_hook(arguments, wanted, name),
        None => serve(&arguments.root),
    }
}

/// Runs the call that comes on standard input. The report goes back if that is a socket; what was
/// done goes to standard output, the journal.
fn serve(root: &Path) -> Result<u8> {
    let mut line = Vec::new();
    io::stdin()
        .lock()
        .take(CALL_LIMIT)
        .read_until(b'\n', &mut line)
        .context("reading the call")?;
    let call = Call::from_line(&line).context("understanding the call")?;
    let name = call.hook.clone();
    let report = match config::hook(root, &name, &call.facts.jail) {
        Ok(used) => run(&used, call),
        Err(problems) => hook::failure(&call, Outcome::Unusable, &sentence(&problems)),
    };
    answer(&report).context("answering the call")?;
    tell(&mut io::stdout().lock(), &format!("{name}: "), &report)?;
    Ok(code(&report))
}

fn run(used: &HookUse, call: Call) -> Report {
    let hostname = rustix::system::uname();
    let hostname = hostname.nodename().to_string_lossy();
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    hook::run(used, call, &hostname, credentials)
}

fn answer(report: &Report) -> io::Result<()> {
    let stdin = io::stdin();
    if socket_type(&stdin).is_err() {
        return Ok(());
    }
    let line = report.to_line()?;
    let mut rest = &line[..];
    while !rest.is_empty() {
        match rustix::io::write(&stdin, rest) {
            Ok(count) => rest = &rest[count..],
            // Who asked does not listen any more, which is no reason to fail.
            Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn sentence(problems: &[Problem]) -> String {
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    all.join("; ")
}

fn code(report: &Report) -> u8 {
    match report.outcome {
        outcome if outcome.is_good() => exit::OK,
        Outcome::Unusable => exit::CONFIGURATION,
        _ => exit::NO,
    }
}

/// Calls a hook with an example.
fn try_hook(arguments: &Arguments, wanted: &Wanted, name: &JailName) -> Result<u8> {
    let jail = wanted
        .jail
        .clone()
        .map_or_else(|| EXAMPLE_JAIL.parse(), Ok)?;
    let used = match config::hook(&arguments.root, name, &jail) {
        Ok(used) => used,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            return Ok(exit::CONFIGURATION);
        }
    };
    let call = Call {
        hook: name.clone(),
        facts: example(jail, if wanted.unban { On::Unban } else { On::Ban })?,
    };
    let report = if wanted.here {
        run(&used, call)
    } else {
        let socket = paths::hook_socket(&arguments.root);
        match ask(&socket, &call, used.hook.timeout + STARTING) {
            Ok(report) => report,
            Err(error) => {
                eprintln!(
                    "journalban: calling the hook at {}: {error}; needed is root, and \
                     \"systemctl enable --now journalban-hook.socket\"; --here does without",
                    socket.display()
                );
                return Ok(exit::UNAVAILABLE);
            }
        }
    };
    if arguments.json {
        show::json(&report)?;
    } else {
        tell(&mut io::stdout().lock(), "", &report)?;
    }
    Ok(code(&report))
}

fn example(jail: JailName, action: On) -> Result<Facts> {
    let prefix = EXAMPLE_ADDRESS.parse()?;
    let since = now();
    let mut facts = match action {
        On::Ban => Facts::of_ban(
            &Ban {
                jail,
                prefix,
                since,
                until: Some(since.after(EXAMPLE_BANTIME)),
                failures: 5,
                origin: Origin::Log,
                offence: 1,
                open: Box::default(),
                reason: "this is an example, nobody was banned".into(),
                lines: Box::default(),
            },
            false,
        ),
        On::Unban => Facts::of_unban(
            &Unban {
                jail,
                prefix,
                time: since,
                cause: UnbanCause::Manual,
            },
            false,
        ),
    };
    facts.example = true;
    Ok(facts)
}

fn ask(socket: &Path, call: &Call, patience: Duration) -> io::Result<Report> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(&call.to_line()?)?;
    let mut line = Vec::new();
    BufReader::new(stream)
        .take(REPORT_LIMIT)
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::Error::other(
            "the hook's process ended without an answer: see journalctl -t journalban-hook",
        ));
    }
    Report::from_line(&line)
}

/// For people: each command with what it printed, then what became of the call.
fn tell(out: &mut impl Write, subject: &str, report: &Report) -> io::Result<()> {
    for step in &report.steps {
        let Step {
            command,
            ended,
            milliseconds,
            stdout,
            stderr,
            ..
        } = step;
        writeln!(
            out,
            "{subject}{} ({ended}, {milliseconds} ms)",
            command.join(" ")
        )?;
        tell_stream(out, stdout)?;
        tell_stream(out, stderr)?;
    }
    writeln!(out, "{subject}{}", report.message)
}

fn tell_stream(out: &mut impl Write, stream: &Stream) -> io::Result<()> {
    for line in stream.head.lines() {
        writeln!(out, "  {line}")?;
    }
    if stream.cut > 0 {
        writeln!(out, "  ({} more bytes)", stream.cut)?;
    }
    Ok(())
}

//! Runs one command: no shell, a clean environment, so long and no longer, so much output and no
//! more.
//!
//! The command leads a process group of its own; whatever of that is left when it ends, or when its
//! time is over, is killed. (In `journalban-hook@.service` systemd ends what left the group.)

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::clock::steady;
use crate::hook::call::Stream;
use crate::model::printable;

/// How much of what a command prints is kept, in bytes: enough for whois, and for any complaint.
const KEPT: usize = 16 * 1024;

/// How much a command may print, in bytes. One that prints more is ended: reading without end would
/// only keep a processor busy.
const PRINTED_LIMIT: u64 = 1024 * 1024;

/// How long, after a command has ended, its output is read that others still hold open.
const GRACE: Duration = Duration::from_millis(200);

/// What is to be run.
pub(super) struct Order<'o> {
    /// Program and arguments; a program without a slash is looked for in [`PATH`].
    pub arguments: &'o [String],
    /// All of its environment.
    pub environment: &'o [(String, String)],
    /// What it reads.
    pub stdin: &'o [u8],
    /// How long it may run.
    pub timeout: Duration,
}

/// Where programs are looked for.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How a command ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself.
    Exit(ExitStatus),
    /// Killed, as its time was over.
    TimedOut,
    /// Killed, as it printed too much.
    Flooded,
}

/// What became of a command.
#[derive(Debug)]
pub(super) struct Ran {
    pub ended: Ended,
    pub took: Duration,
    pub stdout: Stream,
    pub stderr: Stream,
}

/// Runs it. An error is that it could not be started, or not be waited for.
pub(super) fn run(order: &Order<'_>) -> io::Result<Ran> {
    let Some((program, arguments)) = order.arguments.split_first() else {
        return Err(io::Error::other("the command is empty"));
    };
    let begun = steady();
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = Watch::new(&mut child, order.stdin).and_then(|mut watch| {
        let ended = watch.until(begun + order.timeout)?;
        Ok((ended, watch))
    });
    // Before it is reaped, so that its number is still its own.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let status = child.wait()?;
    let (killed, watch) = ended?;
    Ok(Ran {
        ended: killed.unwrap_or(Ended::Exit(status)),
        took: begun.elapsed(),
        stdout: watch.stdout.stream(),
        stderr: watch.stderr.stream(),
    })
}

/// A running command and the ends of its pipes.
struct Watch<'i> {
    process: OwnedFd,
    stdin: Option<(ChildStdin, &'i [u8])>,
    stdout: Pipe,
    stderr: Pipe,
}

impl<'i> Watch<'i> {
    fn new(child: &mut Child, input: &'i [u8]) -> io::Result<Self> {
        let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
        let stdin = child.stdin.take();
        if let Some(stdin) = &stdin {
            ioctl_fionbio(stdin, true)?;
        }
        Ok(Self {
            process,
            stdin: stdin.map(|stdin| (stdin, input)),
            stdout: Pipe::new(child.stdout.take().map(OwnedFd::from))?,
            stderr: Pipe::new(child.stderr.take().map(OwnedFd::from))?,
        })
    }

    /// Feeds it and reads from it until it has ended (`None`) or has to be.
    fn until(&mut self, mut end: Instant) -> io::Result<Option<Ended>> {
        let mut exited = false;
        loop {
            let left = end.saturating_duration_since(steady());
            if left.is_zero() {
                return Ok((!exited).then_some(Ended::TimedOut));
            }
            if exited && self.stdout.fd.is_none() && self.stderr.fd.is_none() {
                return Ok(None);
            }
            if self.wait(left, exited)? && !exited {
                exited = true;
                end = end.min(steady() + GRACE);
            }
            self.feed();
            self.stdout.read()?;
            self.stderr.read()?;
            if self.stdout.printed + self.stderr.printed > PRINTED_LIMIT {
                return Ok(Some(Ended::Flooded));
            }
        }
    }

    /// Waits until there is something to do, at most so long; whether the process has ended.
    fn wait(&self, limit: Duration, exited: bool) -> io::Result<bool> {
        // Once it has ended its descriptor would wake us without end.
        let interest = if exited {
            PollFlags::empty()
        } else {
            PollFlags::IN
        };
        let mut fds = vec![PollFd::new(&self.process, interest)];
        let pipes = [&self.stdout.fd, &self.stderr.fd];
        fds.extend(
            pipes
                .into_iter()
                .flatten()
                .map(|fd| PollFd::new(fd, PollFlags::IN)),
        );
        if let Some((stdin, _)) = &self.stdin {
            fds.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::OUT));
        }
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(!fds[0].revents().is_empty()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes as much as fits; closes the pipe behind the last byte, or if nobody reads.
    fn feed(&mut self) {
        let Some((pipe, rest)) = &mut self.stdin else {
            return;
        };
        match pipe.write(rest) {
            Ok(count) => *rest = &rest[count..],
            Err(error) if is_for_later(&error) => return,
            // A command need not read what it is offered.
            Err(_) => *rest = &[],
        }
        if rest.is_empty() {
            self.stdin = None;
        }
    }
}

/// The reading end of a pipe, and what came out of it.
struct Pipe {
    /// Until its end was seen.
    fd: Option<OwnedFd>,
    kept: Vec<u8>,
    printed: u64,
}

impl Pipe {
    fn new(fd: Option<OwnedFd>) -> io::Result<Self> {
        if let Some(fd) = &fd {
            ioctl_fionbio(fd, true)?;
        }
        Ok(Self {
            fd,
            kept: Vec::new(),
            printed: 0,
        })
    }

    /// Reads once, so that no pipe keeps the others waiting.
    fn read(&mut self) -> io::Result<()> {
        let Some(fd) = &self.fd else {
            return Ok(());
        };
        let mut piece = [0; 16 * 1024];
        match rustix::io::read(fd, &mut piece).map_err(io::Error::from) {
            Ok(0) => self.fd = None,
            Ok(count) => {
                self.printed += count as u64;
                let room = KEPT - self.kept.len();
                self.kept.extend_from_slice(&piece[..count.min(room)]);
            }
            Err(error) if is_for_later(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn stream(&self) -> Stream {
        let text = String::from_utf8_lossy(&self.kept);
        let lines = text.lines().map(|line| printable(&line.replace('\t', " ")));
        let lines: Vec<String> = lines.collect();
        Stream {
            head: lines.join("\n"),
            cut: self.printed - self.kept.len() as u64,
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str], stdin: &[u8], timeout: Duration) -> io::Result<Ran> {
        let arguments: Vec<String> = words.iter().map(ToString::to_string).collect();
        run(&Order {
            arguments: &arguments,
            environment: &[("PATH".to_owned(), PATH.to_owned())],
            stdin,
            timeout,
        })
    }

    /// Longer than any of this takes, so that only what is meant to wait for it does.
    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn input_output_and_exit_code_come_through() {
        let input = "x".repeat(300_000);
        let ran = command(&["wc", "-c"], input.as_bytes(), LONG).expect("starts");
        assert!(matches!(ran.ended, Ended::Exit(status) if status.success()));
        assert_eq!(ran.stdout.head, "300000");
        let ran = command(&["ls", "/nonexistent\u{1b}"], b"", LONG).expect("starts");
        assert!(matches!(ran.ended, Ended::Exit(status) if status.code() == Some(2)));
        assert!(ran.stderr.head.contains("nonexistent") && !ran.stderr.head.contains('\u{1b}'));
        // Who does not read what it is offered is not waited for.
        let ran = command(&["true"], input.as_bytes(), LONG).expect("starts");
        assert!(matches!(ran.ended, Ended::Exit(status) if status.success()));
    }

    #[test]
    fn the_environment_is_clean() {
        let ran = command(&["env"], b"", LONG).expect("starts");
        assert_eq!(ran.stdout.head, format!("PATH={PATH}"));
    }

    #[test]
    fn output_is_kept_to_its_head() {
        let input = "0123456789abcde\n".repeat(40_000);
        let ran = command(&["cat"], input.as_bytes(), LONG).expect("starts");
        assert!(matches!(ran.ended, Ended::Exit(status) if status.success()));
        assert_eq!(ran.stdout.cut, 640_000 - KEPT as u64);
        assert_eq!(ran.stdout.head.lines().count(), KEPT / 16);
    }

    #[test]
    fn who_does_not_end_is_ended_with_all_that_it_started() {
        let timeout = Duration::from_millis(50);
        let ran = command(&["sleep", "3600"], b"", timeout).expect("starts");
        assert!(matches!(ran.ended, Ended::TimedOut));
        let ran = command(&["yes"], b"", LONG).expect("starts");
        assert!(matches!(ran.ended, Ended::Flooded));
        assert!(ran.stdout.cut > 0);
        // It leaves a child behind that holds its output open.
        let script = "sleep 3600 & echo $!";
        let ran = command(&["sh", "-c", script], b"", LONG).expect("starts");
        assert!(matches!(ran.ended, Ended::Exit(_)));
        let left = format!("/proc/{}/stat", ran.stdout.head.trim());
        let gone = || match std::fs::read_to_string(&left) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let begun = steady();
        while !gone() {
            assert!(begun.elapsed() < LONG, "it is still there");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let missing = command(&["no-such-program"], b"", LONG).expect_err("missing");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(command(&[], b"", LONG).is_err());
    }
}

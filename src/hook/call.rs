//! What goes over the socket: one call, one report, each a line of JSON.

use std::io;

use serde::{Deserialize, Serialize};

use crate::hook::facts::Facts;
use crate::model::JailName;

/// The longest call, in bytes: the facts are cut far below it.
pub const CALL_LIMIT: u64 = 1024 * 1024;

/// The longest report, in bytes: what it holds of outputs is cut far below it.
pub const REPORT_LIMIT: u64 = 1024 * 1024;

/// One call of a hook. It says nothing of how: description and parameters are read where the hook
/// runs, so that a daemon that was taken over cannot choose a program or send a secret elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Which hook.
    pub hook: JailName,
    /// What happened.
    pub facts: Facts,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its command succeeded.
    Done,
    /// There was nothing to do.
    NothingToDo,
    /// A command failed.
    Failed,
    /// A command took too long and was ended.
    TimedOut,
    /// A command printed without end and was ended.
    Flooded,
    /// A command could not be started.
    NotStarted,
    /// The description cannot be used, or something that it needs is not there.
    Unusable,
    /// Nobody listens on the hooks' socket.
    NoSocket,
    /// The hook's process ended without a report.
    NoAnswer,
    /// More calls waited than may.
    LeftOut,
}

impl Outcome {
    /// Whether nobody has to be told.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::NothingToDo)
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// A sentence, one line.
    pub message: String,
    /// The commands that were run, in their order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A command that was run, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// How it ended, one line.
    pub ended: String,
    /// How long it ran, in milliseconds.
    pub milliseconds: u64,
    /// What it printed.
    pub stdout: Stream,
    /// What it complained about.
    pub stderr: Stream,
}

/// The head of what a command printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its first lines, fit to be shown.
    pub head: String,
    /// How many bytes were cut off behind them.
    pub cut: u64,
}

impl Report {
    /// A report without any command.
    #[must_use]
    pub fn of(outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            outcome,
            message: message.into(),
            steps: Vec::new(),
        }
    }
}

/// The line of JSON that `message` is on the socket.
pub(super) fn line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

impl Call {
    /// As it is written to the socket.
    pub fn to_line(&self) -> io::Result<Vec<u8>> {
        line(self)
    }

    /// As it is read from there. Its texts are made fit to be shown.
    pub fn from_line(line: &[u8]) -> io::Result<Self> {
        let mut call: Self = serde_json::from_slice(line)?;
        call.facts = call.facts.cleaned();
        Ok(call)
    }
}

impl Report {
    /// As it is written to the socket.
    pub fn to_line(&self) -> io::Result<Vec<u8>> {
        line(self)
    }

    /// As it is read from there.
    pub fn from_line(line: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(line)?)
    }
}

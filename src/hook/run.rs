//! Runs a call: its commands one after the other, until one decides that it is over.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::clock::steady;
use crate::hook::call::{Call, Outcome, Report, Step};
use crate::hook::command::{Ended, Order, PATH, run as run_command};
use crate::hook::description::{First, HookUse, Need, Steps};
use crate::hook::template::Template;
use crate::hook::values::{ValueError, Values};
use crate::model::{format_duration, printable};

/// The longest piece of an output in the sentence that tells of a failure, in characters.
const QUOTED: usize = 160;

/// The most of one argument that a report shows, in characters.
const ARGUMENT_SHOWN: usize = 300;

/// Runs the commands of the hook that `call` names. `credentials` is where secrets are, `hostname`
/// the machine's name.
#[must_use]
pub fn run(used: &HookUse, mut call: Call, hostname: &str, credentials: Option<PathBuf>) -> Report {
    let hook = &used.hook;
    hostname.clone_into(&mut call.facts.hostname);
    call.facts = call.facts.cleaned();
    let steps = match hook.steps(&call.facts) {
        Ok(steps) => steps,
        Err(why) => return Report::of(Outcome::NothingToDo, why),
    };
    let mut environment = vec![
        ("PATH".to_owned(), PATH.to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ];
    environment.extend(call.facts.environment());
    if let (true, Some(path)) = (steps.uses_credentials(), &credentials) {
        let path = path.to_string_lossy().into_owned();
        environment.push(("CREDENTIALS_DIRECTORY".to_owned(), path));
    }
    let values = Values {
        facts: &call.facts,
        parameters: &used.parameters,
        choices: &hook.choices,
        outputs: BTreeMap::new(),
        credentials,
    };
    let mut course = Course {
        values,
        environment,
        end: steady() + hook.timeout,
        steps: Vec::new(),
    };
    let (outcome, message) = match course.all(steps) {
        Ok(message) => (Outcome::Done, message),
        Err(Stop(outcome, message)) => (outcome, message),
    };
    Report {
        outcome,
        message: about(&call, &message),
        steps: course.steps,
    }
}

/// A report that the call could not even be begun.
#[must_use]
pub fn failure(call: &Call, outcome: Outcome, message: &str) -> Report {
    Report::of(outcome, about(call, message))
}

/// `ban of 192.0.2.1 (sshd): MESSAGE`.
fn about(call: &Call, message: &str) -> String {
    let facts = &call.facts;
    format!(
        "{} of {} ({}): {}",
        facts.action.as_str(),
        facts.address,
        facts.jail,
        printable(message)
    )
}

/// Why a call ends here.
struct Stop(Outcome, String);

impl From<ValueError> for Stop {
    fn from(error: ValueError) -> Self {
        Self(Outcome::Unusable, error.to_string())
    }
}

/// A call under way.
struct Course<'c> {
    values: Values<'c>,
    environment: Vec<(String, String)>,
    end: Instant,
    steps: Vec<Step>,
}

impl<'c> Course<'c> {
    fn all(&mut self, steps: &'c Steps) -> Result<String, Stop> {
        for first in &steps.first {
            let output = self.first(first)?;
            self.values.outputs.insert(&first.name, output);
        }
        let stdin = match &steps.stdin {
            Some(template) => self.values.fill(template)?,
            None => serde_json::to_string(self.values.facts)
                .map_err(|error| Stop(Outcome::Unusable, error.to_string()))?,
        };
        self.command(&steps.command, &stdin, self.left())?;
        Ok("done".to_owned())
    }

    /// Runs a command whose output is wanted, and answers it.
    fn first(&mut self, first: &'c First) -> Result<String, Stop> {
        let stdin = self.values.fill(&first.stdin)?;
        let timeout = self.left().min(first.timeout);
        let output = match self.command(&first.command, &stdin, timeout) {
            Ok(output) => output,
            // Without that, the rest is still worth doing.
            Err(Stop(_, message)) if first.need == Need::Nothing && !self.left().is_zero() => {
                return Ok(format!("({message})"));
            }
            Err(stop) => return Err(stop),
        };
        let value = match &first.json {
            Some(pointer) => member(&output, pointer)?,
            None => output,
        };
        match first.need {
            Need::Output if value.is_empty() => Err(Stop(
                Outcome::NothingToDo,
                format!("there is no {}", first.name),
            )),
            Need::NoOutput if !value.is_empty() => Err(Stop(
                Outcome::NothingToDo,
                format!("there is a {} already", first.name),
            )),
            _ => Ok(value),
        }
    }

    /// How much of the hook's time is left.
    fn left(&self) -> Duration {
        self.end.saturating_duration_since(steady())
    }

    /// Runs one command; the answer is what it printed, if it succeeded.
    fn command(
        &mut self,
        command: &[Template],
        stdin: &str,
        timeout: Duration,
    ) -> Result<String, Stop> {
        let arguments = self.values.fill_all(command)?;
        let program = arguments.first().cloned().unwrap_or_default();
        let ran = run_command(&Order {
            arguments: &arguments,
            environment: &self.environment,
            stdin: stdin.as_bytes(),
            timeout,
        });
        let ran = ran.map_err(|error| {
            let message = format!("{program} cannot be run: {error}");
            Stop(Outcome::NotStarted, message)
        })?;
        let (outcome, ended) = match &ran.ended {
            Ended::Exit(status) => match (status.code(), status.signal()) {
                (Some(0), _) => (Outcome::Done, "succeeded".to_owned()),
                (Some(code), _) => (Outcome::Failed, format!("failed with exit code {code}")),
                (None, signal) => {
                    let signal = signal.unwrap_or_default();
                    (Outcome::Failed, format!("was ended by signal {signal}"))
                }
            },
            Ended::TimedOut => {
                // What is left of the hook's time is a little less than was written.
                let limit = Duration::from_secs_f64(timeout.as_secs_f64().ceil());
                let message = format!("took longer than {} and was ended", format_duration(limit));
                (Outcome::TimedOut, message)
            }
            Ended::Flooded => (
                Outcome::Flooded,
                "printed without end and was ended".to_owned(),
            ),
        };
        let quoted = [&ran.stderr.head, &ran.stdout.head]
            .into_iter()
            .find(|head| !head.is_empty())
            .map(|head| format!(": {}", cut(head, QUOTED)))
            .unwrap_or_default();
        let output = ran.stdout.head.clone();
        self.steps.push(Step {
            command: arguments
                .iter()
                .map(|argument| cut(&printable(argument), ARGUMENT_SHOWN))
                .collect(),
            exit_code: match &ran.ended {
                Ended::Exit(status) => status.code(),
                Ended::TimedOut | Ended::Flooded => None,
            },
            ended: ended.clone(),
            milliseconds: u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX),
            stdout: ran.stdout,
            stderr: ran.stderr,
        });
        if outcome == Outcome::Done {
            Ok(output)
        } else {
            Err(Stop(outcome, format!("{program} {ended}{quoted}")))
        }
    }
}

/// What of a JSON output is meant: a text or a number; empty if there is no such member.
fn member(output: &str, pointer: &str) -> Result<String, Stop> {
    let json: serde_json::Value = serde_json::from_str(output).map_err(|error| {
        let message = format!("what came is not JSON ({error}): {}", cut(output, QUOTED));
        Stop(Outcome::Failed, message)
    })?;
    Ok(match json.pointer(pointer) {
        Some(serde_json::Value::String(text)) => printable(text),
        Some(serde_json::Value::Number(number)) => number.to_string(),
        _ => String::new(),
    })
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{} (cut)", &text[..at]),
        None => text.to_owned(),
    }
}

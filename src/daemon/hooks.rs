//! Calls hooks for decisions, in a task of its own that nothing waits for.
//!
//! The loop only puts calls into a bounded queue. The task writes each to the socket of
//! `journalban-hook.socket`, where systemd starts a process for it, and reads what became of it; what
//! does not work is told in the log, once for each reason and then in sums.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::now;
use crate::config::Settings;
use crate::daemon::report;
use crate::engine::Engine;
use crate::hook::{Call, Complaints, Facts, HookUse, Outcome, Queue, REPORT_LIMIT, Report};
use crate::model::{Decision, JailName, Origin, Prefix, Unban, UnbanCause};

/// The shortest time between the beginnings of two calls: each starts a process, and systemd closes
/// a socket that is called too often (`TriggerLimitBurst=`).
const PACE: Duration = Duration::from_millis(100);

/// How often sums of failures are looked at.
const SUMS: Duration = Duration::from_mins(1);

/// How long a call may be without a report: longer than its unit lives (`RuntimeMaxSec=`).
const PATIENCE: Duration = Duration::from_mins(7);

/// Which jail calls which hooks, and the calls that are not over.
pub(super) struct Hooks {
    jails: HashMap<JailName, Vec<HookUse>>,
    desk: Arc<Desk>,
}

/// What the loop and the task share.
#[derive(Default)]
struct Desk {
    calls: Mutex<Calls>,
    /// Rung when there may be something to begin.
    bell: Notify,
}

#[derive(Default)]
struct Calls {
    queue: Queue,
    complaints: Complaints,
}

impl Desk {
    /// Nobody holds it for longer than a look takes.
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooks {
    /// Starts the task, which calls hooks at `socket`. `held` are jails that no file has (or whose
    /// files are broken); theirs are the hooks of `[default]`.
    pub fn start(socket: PathBuf, settings: &Settings, held: &[JailName]) -> Self {
        let desk = Arc::<Desk>::default();
        tokio::spawn(deliver(Arc::clone(&desk), socket));
        Self {
            jails: by_jail(settings, held),
            desk,
        }
    }

    /// Those of `decisions` for which a hook may have to be called.
    pub fn concerned(&self, decisions: &[Decision]) -> Vec<Decision> {
        let concerned = |decision: &&Decision| !self.of(decision.jail()).is_empty();
        decisions.iter().filter(concerned).cloned().collect()
    }

    /// Queues the calls for decisions that `engine` has taken.
    pub fn call(&self, decisions: &[Decision], engine: &Engine) {
        for decision in decisions {
            for used in self.of(decision.jail()) {
                self.call_one(used, decision, engine);
            }
        }
        if !decisions.is_empty() {
            self.desk.bell.notify_one();
        }
    }

    /// Takes on a configuration. `decisions` are those that it led to: of a jail that is gone, the
    /// hooks that it had are called.
    pub fn reconfigure(
        &mut self,
        settings: &Settings,
        held: &[JailName],
        decisions: &[Decision],
        engine: &Engine,
    ) {
        let before = std::mem::replace(&mut self.jails, by_jail(settings, held));
        for decision in decisions {
            let name = decision.jail();
            let hooks = match before.get(name) {
                Some(before) if !self.jails.contains_key(name) => before,
                _ => self.of(name),
            };
            for used in hooks {
                self.call_one(used, decision, engine);
            }
        }
        self.desk.bell.notify_one();
    }

    /// Tells what will not be called any more.
    pub fn stop(&self) {
        let waiting = self.desk.calls().queue.waiting();
        if waiting > 0 {
            report::hook(&format!(
                "hooks: {waiting} calls are left out, as the daemon stops"
            ));
        }
    }

    fn of(&self, jail: &JailName) -> &[HookUse] {
        self.jails.get(jail).map_or(&[], Vec::as_slice)
    }

    fn call_one(&self, used: &HookUse, decision: &Decision, engine: &Engine) {
        let name = &used.hook.name;
        let mut calls = self.desk.calls();
        if !calls.queue.has_room(name) {
            let left_out = Report::of(
                Outcome::LeftOut,
                "calls come faster than they are answered; this one is left out",
            );
            if let Some(line) = calls.complaints.failed(name, &left_out, now()) {
                report::hook(&line);
            }
            return;
        }
        let Some(facts) = self.facts(used, decision, engine) else {
            return;
        };
        // What it would do nothing for need not start a process.
        if used.hook.steps(&facts).is_ok() {
            let call = Call {
                hook: name.clone(),
                facts,
            };
            // There is room for it.
            let _ = calls.queue.push(call);
        }
    }

    fn facts(&self, used: &HookUse, decision: &Decision, engine: &Engine) -> Option<Facts> {
        let name = &used.hook.name;
        let held = |jail, prefix| self.held_by_others(name, jail, prefix, engine);
        match decision {
            // They were called for it when it was made, in an earlier life.
            Decision::Ban(ban) if ban.origin == Origin::Adopted => None,
            Decision::Ban(ban) => Some(Facts::of_ban(ban, held(&ban.jail, ban.prefix))),
            Decision::Unban(unban) => Some(Facts::of_unban(unban, held(&unban.jail, unban.prefix))),
            // Who keeps out the whole must not any more.
            Decision::Open(opening) if used.hook.blocks && !opening.open.is_empty() => {
                let unban = Unban {
                    jail: opening.jail.clone(),
                    prefix: opening.prefix,
                    time: now(),
                    cause: UnbanCause::Ignored,
                };
                Some(Facts::of_unban(&unban, false))
            }
            Decision::Open(_) | Decision::Pardon(_) => None,
        }
    }

    /// Whether another jail with this hook keeps the same prefix out.
    fn held_by_others(
        &self,
        hook: &JailName,
        jail: &JailName,
        prefix: Prefix,
        engine: &Engine,
    ) -> bool {
        let with_hook = self.jails.iter().filter(|(name, hooks)| {
            *name != jail && hooks.iter().any(|used| used.hook.name == *hook)
        });
        with_hook
            .map(|(name, _)| name)
            .any(|name| engine.holds(name, prefix))
    }
}

fn by_jail(settings: &Settings, held: &[JailName]) -> HashMap<JailName, Vec<HookUse>> {
    let jails = settings.jails.iter();
    let held = held.iter().map(|name| (name, &settings.hooks));
    jails
        .map(|jail| (&jail.name, &jail.hooks))
        .chain(held)
        .map(|(name, hooks)| (name.clone(), hooks.clone()))
        .collect()
}

/// Begins the calls that wait, as the queue and the pace allow.
async fn deliver(desk: Arc<Desk>, socket: PathBuf) {
    let socket: Arc<Path> = socket.into();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sums = interval(SUMS);
    loop {
        tokio::select! {
            () = desk.bell.notified() => {}
            _ = sums.tick() => {}
        }
        loop {
            let due = desk.calls().complaints.due(now());
            for line in due {
                report::hook(&line);
            }
            let Some(call) = desk.calls().queue.begin() else {
                break;
            };
            pace.tick().await;
            tokio::spawn(see_through(Arc::clone(&desk), Arc::clone(&socket), call));
        }
    }
}

/// Makes one call and takes note of what became of it.
async fn see_through(desk: Arc<Desk>, socket: Arc<Path>, call: Call) {
    let report = match timeout(PATIENCE, ask(&socket, &call)).await {
        Ok(report) => report,
        Err(_) => Report::of(Outcome::NoAnswer, "no answer came"),
    };
    let mut calls = desk.calls();
    calls.queue.done(&call.hook, call.facts.address);
    if !report.outcome.is_good()
        && let Some(line) = calls.complaints.failed(&call.hook, &report, now())
    {
        report::hook(&line);
    }
    drop(calls);
    desk.bell.notify_one();
}

async fn ask(socket: &Path, call: &Call) -> Report {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) => {
            let message = format!(
                "they cannot be called at {}: {error}; run \"systemctl enable --now \
                 journalban-hook.socket\" and restart journalban; bans go on",
                socket.display()
            );
            return Report::of(Outcome::NoSocket, message);
        }
    };
    exchange(stream, call).await.unwrap_or_else(|error| {
        let facts = &call.facts;
        let message = format!(
            "{} of {} ({}): its process did not answer ({error}); see journalctl -t journalban-hook",
            facts.action.as_str(),
            facts.address,
            facts.jail
        );
        Report::of(Outcome::NoAnswer, message)
    })
}

async fn exchange(mut stream: UnixStream, call: &Call) -> io::Result<Report> {
    stream.write_all(&call.to_line()?).await?;
    let mut line = Vec::new();
    BufReader::new(stream)
        .take(REPORT_LIMIT)
        .read_until(b'\n', &mut line)
        .await?;
    if line.is_empty() {
        return Err(io::Error::other("it ended"));
    }
    Report::from_line(&line)
}

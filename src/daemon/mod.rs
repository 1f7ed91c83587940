//! Start here: the daemon starts the parts, runs the loop that owns all state, reloads, stops.
//!
//! ```text
//!  source threads ──entries──▶ ┌──────┐ ──changes──▶ enforcer thread ──▶ kernel
//!  control tasks ──questions─▶ │ loop │ ──calls────▶ hooks' task ──▶ journalban-hook.socket
//!  timer, signals ───────────▶ └──────┘ ──commit───▶ store
//! ```
//!
//! Queues form no cycle: the loop never waits for a source, a client or the enforcer once it runs.

mod adopting;
mod answer;
mod core;
mod enforcers;
mod explaining;
mod flood;
mod hooks;
mod reading;
mod report;
mod saving;
mod sources;
mod sparing;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use crate::clock::now;
use crate::config;
use crate::control::server;
use crate::exit;
use crate::paths;
use crate::source::Event;
use core::Core;
use sparing::Sparing;

/// How often the loop looks after bans that end, the watchdog and the state file. The kernel lets
/// go of a ban at its own time; this is how late our own books may be.
const TICK: Duration = Duration::from_secs(1);

/// The pause between ticks when there is more to end than one does, for everybody else's sake.
const TICK_AGAIN: Duration = Duration::from_millis(10);

/// How many questions of clients may wait for the loop.
const QUESTIONS_WAITING: usize = 64;

/// Runs until it is told to stop. The answer is the exit code.
pub fn run(root: &Path) -> Result<u8> {
    let loaded = config::load(root);
    for problem in &loaded.problems {
        report::problem(problem);
    }
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    if loaded.fatal() || loaded.settings.jails.is_empty() && !loaded.left_out.is_empty() {
        error!("no jail can run like this; see \"journalban check\"");
        return Ok(exit::CONFIGURATION);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the event loop")?;
    let served = runtime.block_on(serve(root, loaded));
    // Without waiting for a name server, or for what a file in ignoreip lies on.
    runtime.shutdown_background();
    served?;
    Ok(exit::OK)
}

async fn serve(root: &Path, loaded: config::Loaded) -> Result<()> {
    // Before anything that takes time: a signal that comes meanwhile must not kill us half-way.
    let mut terminate = signal(SignalKind::terminate()).context("catching SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("catching SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("catching SIGHUP")?;

    let (sparing, mut news) = Sparing::begin(root, &loaded.settings).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut core = Core::start(root, loaded, sparing, tell).await?;
    let (questions, mut asked) = mpsc::channel(QUESTIONS_WAITING);
    server::listen(&paths::control_socket(root), questions)?;
    // Every ban is in force again; what happened since the stop is read from here on.
    core.begin_reading()?;
    notify(&[NotifyState::Ready, NotifyState::Status(&core.summary())]);
    info!("ready: {}", core.summary());

    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // In this order, so that a log that never pauses starves neither the end of a ban nor
            // an administrator.
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = ticks.tick() => if tick(&mut core) {
                ticks.reset_after(TICK_AGAIN);
            },
            _ = hangup.recv() => reload_quietly(&mut core),
            Some(question) = asked.recv() => answer::answer(&mut core, question),
            Some(told) = told.recv() => report::enforcer(&told),
            Some(news) = news.recv() => core.spared_changed(news),
            (source, event) = core.sources.next() => source_told(&mut core, source, event),
        }
        if let Some(error) = core.broken.take() {
            core.stop();
            return Err(error);
        }
    }
    notify(&[NotifyState::Stopping]);
    info!("stopping; bans stay in force until their time is over");
    core.stop();
    Ok(())
}

/// True if the next one should come at once.
fn tick(core: &mut Core) -> bool {
    let more = core.tick(now());
    notify(&[NotifyState::Watchdog, NotifyState::Status(&core.summary())]);
    more
}

fn reload_quietly(core: &mut Core) {
    // Whoever sends a signal reads the log; the problems are there.
    let _ = reload(core);
}

fn reload(core: &mut Core) -> Result<usize, Vec<config::Problem>> {
    notify(&[
        NotifyState::Reloading,
        NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Reloading),
    ]);
    let outcome = core.reload();
    notify(&[NotifyState::Ready]);
    match &outcome {
        Ok(_) => info!("reloaded: {}", core.summary()),
        Err(problems) => {
            for problem in problems {
                report::problem(problem);
            }
            report::not_reloaded(problems.len());
        }
    }
    outcome
}

fn source_told(core: &mut Core, source: usize, event: Event) {
    match event {
        Event::Entries(batch) => core.entries(source, batch),
        Event::CaughtUp => info!("{}: caught up", core.sources.name(source)),
        Event::Gap(what) => report::gap(core.sources.name(source), &what),
        Event::Failed(what) => warn!("{}: {what}", core.sources.name(source)),
    }
}

/// Tells systemd; where there is none, nobody listens and nothing is lost.
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

//! From the start to the journal's end: what was written before we came.
//!
//! Three stretches, one behind the other:
//!
//! 1. from `since` up to the stored position: handled before, so it comes out as replayed;
//! 2. from there up to the last entry that is complete when reading begins (see
//!    [`Log::last_complete`]);
//! 3. the rest, which [`follow`](super::follow) reads.
//!
//! 1 and 2 go by the index and see wanted entries only, so their bounds are compared by
//! [`Mark`] and need not be wanted themselves. 2 begins at the cursor and not at an instant: nothing
//! between is lost when the clock was set back, or when the machine was off for longer than the
//! jails look back. 3 does without the index, as that is not safe at the journal's end.

use std::cmp::Ordering;

use super::log::Log;
use super::mark::Mark;
use super::outlet::{Interrupt, Outlet};
use crate::model::{Entry, Time};
use crate::source::Event;

/// How far reading has come; survives opening the journal anew.
pub(super) struct Progress {
    /// How far to go back.
    pub(super) since: Time,
    /// Up to where entries were handled before the start.
    pub(super) stored: Option<Mark>,
    /// The last entry that was looked at and, if wanted, sent.
    pub(super) reached: Option<Mark>,
    /// Whether all from before the start is out.
    pub(super) caught_up: bool,
}

impl Progress {
    /// Behind which entry live ones begin.
    pub(super) fn live_from(&self) -> Option<&Mark> {
        later(self.stored.as_ref(), self.reached.as_ref())
    }
}

fn later<'a>(a: Option<&'a Mark>, b: Option<&'a Mark>) -> Option<&'a Mark> {
    match (a, b) {
        (Some(a), Some(b)) if a.order(b) == Ordering::Less => Some(b),
        (None, b) => b,
        (a, _) => a,
    }
}

/// Says so if the entry that reading goes on from is gone and others with it.
pub(super) fn report_gap(log: &mut Log, from: &Mark, outlet: &Outlet) -> Result<(), Interrupt> {
    log.seek_mark(from)?;
    let mut next = None;
    while log.next()? {
        let mark = log.mark()?;
        match mark.order(from) {
            Ordering::Equal => return Ok(()),
            // Others of the same microsecond may come first.
            Ordering::Less if mark.same_instant(from) => {}
            Ordering::Less | Ordering::Greater => {
                next = Some(mark);
                break;
            }
        }
    }
    let sentence = match next {
        Some(next) => match from.between(&next) {
            Some(0) => return Ok(()),
            Some(lost) => format!(
                "journal entries from {} to {} are gone, up to {lost} of them",
                from.time(),
                next.time()
            ),
            None => format!(
                "journal entries from {} to {} are gone",
                from.time(),
                next.time()
            ),
        },
        None => format!("journal entries from {} on are gone", from.time()),
    };
    outlet.tell(Event::Gap(sentence))
}

/// Sends stretches 1 and 2, and leaves `log` without index before stretch 3, which begins behind
/// `progress.reached`.
pub(super) fn catch_up(
    log: &mut Log,
    progress: &mut Progress,
    outlet: &mut Outlet,
) -> Result<(), Interrupt> {
    let last = log.last_complete()?;
    log.use_index()?;
    if let Some(stored) = progress.stored.clone() {
        replay(log, progress, &stored, outlet)?;
    }
    if let Some(last) = last {
        let from = progress.live_from().cloned();
        if from
            .as_ref()
            .is_none_or(|from| from.order(&last) == Ordering::Less)
        {
            seek(log, from.as_ref(), progress.since)?;
            pass(
                log,
                progress,
                &Stretch {
                    from,
                    to: &last,
                    replayed: false,
                },
                outlet,
            )?;
        }
    }
    log.drop_index()?;
    progress.reached = progress.live_from().cloned();
    seek(log, progress.reached.as_ref(), progress.since)
}

/// Goes to `from`, or if there is none to the first entry since `since`.
fn seek(log: &mut Log, from: Option<&Mark>, since: Time) -> Result<(), Interrupt> {
    match from {
        Some(mark) => log.seek_mark(mark)?,
        None => log.seek_time(since)?,
    }
    Ok(())
}

/// Stretch 1.
fn replay(
    log: &mut Log,
    progress: &mut Progress,
    stored: &Mark,
    outlet: &mut Outlet,
) -> Result<(), Interrupt> {
    let from = progress.reached.clone();
    let over = match &from {
        Some(from) => from.order(stored) != Ordering::Less,
        None => stored.time() < progress.since,
    };
    if over {
        return Ok(());
    }
    seek(log, from.as_ref(), progress.since)?;
    pass(
        log,
        progress,
        &Stretch {
            from,
            to: stored,
            replayed: true,
        },
        outlet,
    )
}

/// The entries behind `from` up to and with `to`.
struct Stretch<'a> {
    from: Option<Mark>,
    to: &'a Mark,
    replayed: bool,
}

fn pass(
    log: &mut Log,
    progress: &mut Progress,
    stretch: &Stretch<'_>,
    outlet: &mut Outlet,
) -> Result<(), Interrupt> {
    let mut entry = Entry::default();
    let mut from = stretch.from.as_ref();
    while log.next()? {
        if let Some(mark) = from {
            if log.order(mark)? != Ordering::Greater {
                continue;
            }
            from = None;
        }
        if log.order(stretch.to)? == Ordering::Greater {
            break;
        }
        take(log, &mut entry, stretch.replayed, outlet)?;
        if outlet.is_full() {
            let mark = log.mark()?;
            outlet.flush((!stretch.replayed).then(|| mark.position()))?;
            progress.reached = Some(mark);
        } else {
            outlet.check_stopped()?;
        }
    }
    if stretch.replayed {
        if !outlet.is_empty() {
            outlet.flush(None)?;
        }
    } else {
        outlet.flush(Some(stretch.to.position()))?;
    }
    progress.reached = Some(stretch.to.clone());
    Ok(())
}

/// Hands the entry that `log` stands on to `outlet` if it is wanted; the answer tells whether.
/// `entry` is memory to read into.
pub(super) fn take(
    log: &mut Log,
    entry: &mut Entry,
    replayed: bool,
    outlet: &mut Outlet,
) -> Result<bool, Interrupt> {
    let read = match log.read(entry) {
        Ok(read) => read,
        Err(error) => {
            outlet.leave_out(&error)?;
            return Ok(false);
        }
    };
    if read.wanted {
        entry.set_replayed(replayed);
        outlet.add(entry.clone(), read.bytes, read.truncated);
    }
    Ok(read.wanted)
}

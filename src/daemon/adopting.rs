//! A daemon without its state file (it was damaged, or is gone) goes on with what backends still
//! hold, so that losing a file lets nobody in.

use anyhow::Result;
use tracing::{info, warn};

use crate::daemon::enforcers::{Options, Post, held};
use crate::model::{Ban, Origin, Time};

/// What is said of a ban whose story is lost.
const REASON: &str = "it was in force when the state file was lost";

/// The bans that are in force in the backends of `posts`, as bans that begin now.
pub(super) fn adopted(options: &Options, posts: &[Post], now: Time) -> Vec<Ban> {
    match bans(options, posts, now) {
        Ok(bans) => {
            if !bans.is_empty() {
                info!("{} bans that are in force are taken over", bans.len());
            }
            bans
        }
        Err(error) => {
            warn!("bans that are in force cannot be taken over: {error:#}");
            Vec::new()
        }
    }
}

fn bans(options: &Options, posts: &[Post], now: Time) -> Result<Vec<Ban>> {
    let held = held(options, posts, now)?.into_iter();
    let bans = held.map(|holding| Ban {
        jail: holding.jail,
        prefix: holding.prefix,
        since: now,
        until: holding.until,
        failures: 0,
        origin: Origin::Adopted,
        offence: 1,
        open: holding.open,
        reason: REASON.into(),
        lines: Box::default(),
    });
    Ok(bans.collect())
}

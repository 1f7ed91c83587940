//! `Explain`: what the engine, the kernel and the state file know of one address, brought together.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::backend::{BackendError, Kept};
use crate::clock::now;
use crate::control::protocol::{Explained, JailExplained, KeptReport, Reply};
use crate::daemon::core::Core;
use crate::daemon::reading::answer_from_file;
use crate::engine::{Explanation, HeldBan};
use crate::model::{Ban, HistoryQuery, JailName, Prefix, canonical, format_duration};
use crate::store::Reader;

/// How many ended bans are told.
const ENDED_SHOWN: usize = 5;

/// Answers what is known of `addr`.
pub(super) fn explain(core: &Core, addr: IpAddr, replies: mpsc::Sender<Reply>) {
    let addr = canonical(addr);
    let explanations = core.engine.explain(addr, now());
    let banned = explanations.iter().any(|it| !it.bans.is_empty());
    // The rows in which the stories of these bans are.
    let rows = explanations
        .iter()
        .flat_map(|it| it.bans.iter().map(|ban| (&it.jail, ban.prefix)))
        .flat_map(|(jail, prefix)| core.store.rows_of(jail, prefix))
        .collect();
    let (jails, others): (Vec<_>, Vec<_>) = explanations
        .into_iter()
        .map(|it| report(it, core))
        .partition(JailExplained::knows_something);
    let explained = Explained {
        address: addr,
        banned,
        jails,
        other_jails: others.into_iter().map(|it| it.jail).collect(),
        kernel: None,
        kernel_error: None,
        history: Vec::new(),
    };
    let path = core.store.path().to_owned();
    let keeps = core.enforcers.keeps(addr);
    tokio::spawn(ask_kernel_and_file(explained, keeps, rows, path, replies));
}

type Keeps = oneshot::Receiver<Result<Vec<Kept>, BackendError>>;

async fn ask_kernel_and_file(
    mut explained: Explained,
    keeps: Vec<Keeps>,
    rows: Vec<i64>,
    path: PathBuf,
    replies: mpsc::Sender<Reply>,
) {
    for answer in keeps {
        match answer.await {
            Ok(Ok(kept)) => {
                let reports = kept.into_iter().map(|kept| KeptReport {
                    jail: kept.jail,
                    place: kept.place,
                    packets: kept.packets,
                });
                explained.kernel.get_or_insert_default().extend(reports);
            }
            Ok(Err(error)) => explained.kernel_error = Some(error.to_string()),
            // The enforcer is stopping, and so are we.
            Err(_) => {}
        }
    }
    answer_from_file(path, replies, false, json!({}), move |reader, _, pages| {
        add_stories(&mut explained, reader, &rows)?;
        pages.send(&explained);
        Ok(())
    });
}

fn add_stories(explained: &mut Explained, reader: &Reader, rows: &[i64]) -> Result<()> {
    let stories = reader.bans(rows, true)?;
    for jail in &mut explained.jails {
        for ban in &mut jail.bans {
            let same = |story: &&Ban| story.jail == ban.jail && story.prefix == ban.prefix;
            if let Some(story) = stories.iter().find(same) {
                *ban = story.clone();
            }
        }
    }
    let ended = HistoryQuery {
        prefix: Some(Prefix::host(explained.address)),
        limit: Some(ENDED_SHOWN as u64),
        ..HistoryQuery::default()
    };
    reader.ended(&ended, ENDED_SHOWN, |page| {
        explained.history.extend(page.into_iter().map(|mut story| {
            story.ban.lines = Box::default();
            story
        }));
        true
    })
}

fn report(explanation: Explanation, core: &Core) -> JailExplained {
    let ban = |held: &HeldBan| held_ban(&explanation.jail, held);
    JailExplained {
        bans: explanation.bans.iter().map(ban).collect(),
        enforced: core.enforcers.enforce(&explanation.jail),
        jail: explanation.jail.clone(),
        prefix: explanation.prefix,
        spared: explanation.spared.map(|spare| spare.to_string()),
        logged_in: explanation.logged_in,
        failures: explanation.failures,
        maxretry: explanation.maxretry,
        findtime: format_duration(explanation.findtime),
        last_failure: explanation.last_failure,
        offences: explanation.offences,
        next_bantime: explanation.next_bantime.to_string(),
    }
}

/// A ban without its story, which may not be in the file yet.
fn held_ban(jail: &JailName, held: &HeldBan) -> Ban {
    Ban {
        jail: jail.clone(),
        prefix: held.prefix,
        since: held.since,
        until: held.until,
        failures: 0,
        origin: held.origin,
        offence: held.offence,
        open: Box::default(),
        reason: Box::default(),
        lines: Box::default(),
    }
}

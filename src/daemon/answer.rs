//! What clients ask, and what the loop answers.
//!
//! The loop never waits for a client: a reply that finds no place is dropped with the client's
//! connection, and what has to wait for the kernel does so in a task of its own.

use std::collections::HashMap;

use tokio::sync::mpsc;

use crate::backend::{Answer, Dropped};
use crate::clock::now;
use crate::control::protocol::{
    BanManyParameters, BanParameters, BannedMany, Bans, JailReport, Lost, PREFIXES_LIMIT,
    ProblemReport, Refused, Reply, Request, Stories, UnbanManyParameters, UnbanParameters,
    UnbannedMany,
};
use crate::control::server::Question;
use crate::daemon::core::{Core, MANUAL_JAIL};
use crate::daemon::enforcers::enforced;
use crate::daemon::explaining::explain;
use crate::daemon::reading::answer_from_file;
use crate::engine::{BanMany, BanRequest, Losses, Refusal, UnbanRequest};
use crate::model::{
    Ban, Bantime, Decision, DurationError, HistoryQuery, JailName, ListQuery, Prefix, PrefixError,
};

/// The most prefixes that `status` shows of a jail.
const BANNED_SHOWN: usize = 1000;

type Replies = mpsc::Sender<Reply>;

/// Answers one question.
pub(super) fn answer(core: &mut Core, question: Question) {
    let Question { request, reply } = question;
    match request {
        Request::Ping => send(
            &reply,
            Reply::of(serde_json::json!({ "version": env!("CARGO_PKG_VERSION") })),
        ),
        Request::Status { jail } => status(core, jail.as_ref(), reply),
        Request::List { wanted, more } => list(core, wanted, more, reply),
        Request::History { wanted, more } => history(core, wanted, more, reply),
        Request::Explain { address } => explain(core, address, reply),
        Request::Ban(parameters) => match ban(core, parameters) {
            Ok((ban, answer)) => {
                reply_when_enforced(reply, answer, serde_json::json!({ "ban": ban }));
            }
            Err(refused) => send(&reply, refused),
        },
        Request::Unban(parameters) => match unban(core, parameters) {
            Ok((lifted, answer)) => {
                reply_when_enforced(reply, answer, serde_json::json!({ "lifted": lifted }));
            }
            Err(refused) => send(&reply, refused),
        },
        Request::BanMany(parameters) => reply_to_many(reply, ban_many(core, parameters)),
        Request::UnbanMany(parameters) => reply_to_many(reply, unban_many(core, &parameters)),
        Request::Reload => send(&reply, reload(core)),
    }
}

fn send(replies: &Replies, reply: Reply) {
    // A full or closed channel is a client that does not read or is gone.
    let _ = replies.try_send(reply);
}

fn refused(reason: &dyn std::fmt::Display) -> Reply {
    Reply::error("Refused", reason)
}

fn reply_when_enforced(replies: Replies, answers: Vec<Answer>, parameters: serde_json::Value) {
    tokio::spawn(async move {
        send(
            &replies,
            match enforced(answers).await {
                Ok(()) => Reply::of(parameters),
                Err(error) => Reply::error("NotEnforced", &error),
            },
        );
    });
}

fn status(core: &mut Core, wanted: Option<&JailName>, replies: Replies) {
    let mut jails: Vec<JailReport> = core
        .engine
        .status(now())
        .into_iter()
        .filter(|jail| wanted.is_none_or(|name| *name == jail.name))
        // The jail for bans by hand is of interest once it was used.
        .filter(|jail| {
            wanted.is_some() || jail.name.as_str() != MANUAL_JAIL || jail.totals.banned > 0
        })
        .map(|jail| {
            let banned = match wanted {
                Some(name) => core.engine.banned_in(name, BANNED_SHOWN),
                None => Vec::new(),
            };
            JailReport {
                journal_matches: core.journal_matches(&jail.name),
                name: jail.name,
                currently_failed: jail.currently_failed,
                total_failed: jail.totals.failed,
                total_ignored: jail.totals.ignored,
                total_named: jail.totals.named,
                currently_banned: jail.currently_banned,
                total_banned: jail.totals.banned,
                dropped_packets: None,
                dropped_bytes: None,
                banned_not_shown: jail.currently_banned.saturating_sub(banned.len()),
                banned: banned.iter().map(ToString::to_string).collect(),
            }
        })
        .collect();
    if let (Some(name), true) = (wanted, jails.is_empty()) {
        return send(&replies, refused(&Refusal::NoJail(name.clone())));
    }
    let lost = lost(core);
    let dropped = core.enforcers.dropped();
    tokio::spawn(async move {
        // Without the kernel's counters the rest is still worth telling.
        for dropped in dropped {
            if let Ok(Ok(dropped)) = dropped.await {
                add_dropped(&mut jails, dropped);
            }
        }
        let answer = serde_json::json!({ "jails": jails, "lost": lost });
        send(&replies, Reply::of(answer));
    });
}

fn lost(core: &Core) -> Lost {
    let Losses {
        windows,
        records,
        bans,
    } = core.engine.losses();
    let (sessions, fields) = core.sources.lost();
    Lost {
        prefixes: windows,
        records,
        bans,
        sessions,
        fields,
    }
}

fn add_dropped(jails: &mut [JailReport], dropped: Vec<Dropped>) {
    let dropped: HashMap<JailName, Dropped> = dropped
        .into_iter()
        .map(|dropped| (dropped.jail.clone(), dropped))
        .collect();
    for jail in jails {
        if let Some(dropped) = dropped.get(&jail.name) {
            *jail.dropped_packets.get_or_insert_default() += dropped.packets;
            *jail.dropped_bytes.get_or_insert_default() += dropped.bytes;
        }
    }
}

fn list(core: &Core, wanted: ListQuery, more: bool, replies: Replies) {
    let path = core.store.path().to_owned();
    let none = Bans { bans: Vec::new() };
    answer_from_file(path, replies, more, none, move |reader, page, pages| {
        reader.list(&wanted, page, |bans| pages.send(&Bans { bans }))
    });
}

fn history(core: &Core, wanted: HistoryQuery, more: bool, replies: Replies) {
    let path = core.store.path().to_owned();
    let none = Stories { bans: Vec::new() };
    answer_from_file(path, replies, more, none, move |reader, page, pages| {
        reader.history(&wanted, page, |bans| pages.send(&Stories { bans }))
    });
}

fn ban(core: &mut Core, parameters: BanParameters) -> Result<(Ban, Vec<Answer>), Reply> {
    let request = BanRequest {
        jail: jail_or_manual(parameters.jail)?,
        prefix: parse_prefix(&parameters.prefix)?,
        bantime: parse_bantime(parameters.bantime)?,
        reason: parameters.reason.unwrap_or_default().into(),
    };
    let decision = core
        .engine
        .ban(&request, now())
        .map_err(|error| refused(&error))?;
    let Decision::Ban(ban) = &decision else {
        return Err(refused(&"a ban was decided as something else"));
    };
    let ban = ban.clone();
    let answer = core.settle(vec![decision]);
    Ok((ban, answer))
}

fn unban(
    core: &mut Core,
    parameters: UnbanParameters,
) -> Result<(Vec<String>, Vec<Answer>), Reply> {
    let prefix = parameters.prefix.as_deref().map(parse_prefix).transpose()?;
    if prefix.is_none() && !parameters.all {
        return Err(refused(&"nothing to lift was named: give a prefix, or all"));
    }
    let request = UnbanRequest {
        jail: parameters.jail,
        prefix,
    };
    let decisions = core.engine.unban(&request, now());
    let lifted = decisions
        .iter()
        .filter_map(|decision| match decision {
            Decision::Unban(unban) => Some(format!("{} {}", unban.jail, unban.prefix)),
            Decision::Ban(_) | Decision::Open(_) | Decision::Pardon(_) => None,
        })
        .collect();
    let answer = core.settle(decisions);
    Ok((lifted, answer))
}

fn reply_to_many<T: serde::Serialize>(replies: Replies, done: Result<(T, Vec<Answer>), Reply>) {
    match done {
        Ok((done, answers)) => reply_when_enforced(replies, answers, serde_json::json!(done)),
        Err(refused) => send(&replies, refused),
    }
}

fn ban_many(
    core: &mut Core,
    parameters: BanManyParameters,
) -> Result<(BannedMany, Vec<Answer>), Reply> {
    check_count(&parameters.prefixes)?;
    let many = BanMany {
        jail: jail_or_manual(parameters.jail)?,
        prefixes: parameters.prefixes,
        bantime: parse_bantime(parameters.bantime)?,
        reason: parameters.reason.unwrap_or_default().into(),
    };
    let done = core.engine.ban_many(&many, now());
    let done = done.map_err(|refusal| refused(&refusal))?;
    let refused = done.refused.into_iter().map(|(prefix, refusal)| Refused {
        prefix,
        reason: refusal.to_string(),
    });
    let answer = BannedMany {
        banned: done.decisions.len(),
        already: done.already,
        refused: refused.collect(),
    };
    Ok((answer, core.settle(done.decisions)))
}

fn unban_many(
    core: &mut Core,
    parameters: &UnbanManyParameters,
) -> Result<(UnbannedMany, Vec<Answer>), Reply> {
    check_count(&parameters.prefixes)?;
    let jail = parameters.jail.as_ref();
    let (decisions, missed) = core.engine.unban_many(jail, &parameters.prefixes, now());
    let answer = UnbannedMany {
        lifted: decisions.len(),
        missed,
    };
    Ok((answer, core.settle(decisions)))
}

fn check_count(prefixes: &[Prefix]) -> Result<(), Reply> {
    if prefixes.len() > PREFIXES_LIMIT {
        let count = prefixes.len();
        return Err(refused(&format!(
            "{count} prefixes are too many for one call: send at most {PREFIXES_LIMIT}"
        )));
    }
    Ok(())
}

fn jail_or_manual(jail: Option<JailName>) -> Result<JailName, Reply> {
    jail.map_or_else(|| JailName::new(MANUAL_JAIL), Ok)
        .map_err(|error| refused(&error))
}

fn parse_bantime(text: Option<String>) -> Result<Option<Bantime>, Reply> {
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error: DurationError| refused(&error))
}

fn parse_prefix(text: &str) -> Result<Prefix, Reply> {
    text.parse().map_err(|error: PrefixError| refused(&error))
}

fn reload(core: &mut Core) -> Reply {
    match super::reload(core) {
        Ok(jails) => Reply::of(serde_json::json!({ "jails": jails })),
        Err(problems) => Reply::configuration_invalid(
            problems
                .into_iter()
                .map(|problem| ProblemReport {
                    file: problem.file.into(),
                    line: problem.line,
                    column: problem.column,
                    message: problem.message,
                })
                .collect(),
        ),
    }
}

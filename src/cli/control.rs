//! The subcommands that talk to the daemon.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::args::{Arguments, Ban, List, Unban};
use crate::cli::bulk;
use crate::cli::show;
use crate::cli::streamed::Streamed;
use crate::control::client::{self, ClientError};
use crate::control::protocol::{BanParameters, JailReport, Problems, UnbanParameters};
use crate::exit;
use crate::model::{self, JailName, ListQuery};
use crate::paths;

/// The exit code for an error that came up to the top.
pub(super) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Unreachable { .. }) => exit::UNAVAILABLE,
        _ => exit::NO,
    }
}

pub(super) fn ask(
    arguments: &Arguments,
    method: &str,
    parameters: &Value,
) -> Result<Value, ClientError> {
    client::ask(
        &paths::control_socket(&arguments.root),
        method,
        parameters.clone(),
    )
}

pub(super) fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ClientError> {
    serde_json::from_value(value)
        .map_err(|error| ClientError::Broken(format!("its answer is not understood: {error}")))
}

pub(super) fn status(arguments: &Arguments, jail: Option<&JailName>) -> Result<u8> {
    let mut answer = ask(arguments, "Status", &json!({ "jail": jail }))?;
    if arguments.json {
        show::json(&answer)?;
        return Ok(exit::OK);
    }
    let jails: Vec<JailReport> = read(answer["jails"].take())?;
    let mut out = io::stdout().lock();
    match jail {
        Some(_) => jails
            .iter()
            .try_for_each(|jail| show::jail_tree(&mut out, jail))?,
        None => show::jail_table(&mut out, &jails)?,
    }
    show::lost(&mut out, &read(answer["lost"].take())?)?;
    Ok(exit::OK)
}

pub(super) fn list(arguments: &Arguments, wanted: &List) -> Result<u8> {
    let query = ListQuery {
        jail: wanted.jail.clone(),
        after: wanted.after.clone(),
        limit: wanted.limit,
    };
    let now = crate::clock::now();
    Streamed {
        list: "bans",
        columns: show::BAN_COLUMNS,
        nothing: "nobody is banned",
    }
    .write(
        arguments,
        "List",
        json!(query),
        |ban: &model::Ban| show::ban_row(ban, now),
        |_| Vec::new(),
    )?;
    Ok(exit::OK)
}

pub(super) fn ban(arguments: &Arguments, wanted: &Ban) -> Result<u8> {
    if let Some(file) = &wanted.file {
        return bulk::ban(arguments, wanted, file);
    }
    let parameters = BanParameters {
        prefix: wanted.prefix.map(|it| it.to_string()).unwrap_or_default(),
        jail: wanted.jail.clone(),
        bantime: wanted.bantime.map(|bantime| bantime.to_string()),
        reason: wanted.reason.clone(),
    };
    let mut answer = ask(arguments, "Ban", &json!(parameters))?;
    if arguments.json {
        show::json(&answer)?;
        return Ok(exit::OK);
    }
    let ban: model::Ban = read(answer["ban"].take())?;
    let until = ban.until.map_or_else(
        || "forever".to_owned(),
        |until| format!("until {}", show::local(until)),
    );
    let open: Vec<String> = ban.open.iter().map(ToString::to_string).collect();
    let but = match &open[..] {
        [] => String::new(),
        parts => format!(", but for {}, which is never banned", parts.join(", ")),
    };
    writeln!(
        io::stdout(),
        "banned {} in {} {until}{but}",
        ban.prefix,
        ban.jail
    )?;
    Ok(exit::OK)
}

pub(super) fn unban(arguments: &Arguments, wanted: &Unban) -> Result<u8> {
    if let Some(file) = &wanted.file {
        return bulk::unban(arguments, wanted, file);
    }
    let parameters = UnbanParameters {
        prefix: wanted.prefix.map(|prefix| prefix.to_string()),
        jail: wanted.jail.clone(),
        all: wanted.all,
    };
    let mut answer = ask(arguments, "Unban", &json!(parameters))?;
    if arguments.json {
        show::json(&answer)?;
    }
    let lifted: Vec<String> = read(answer["lifted"].take())?;
    if !arguments.json {
        let mut out = io::stdout().lock();
        match &lifted[..] {
            [] => writeln!(
                out,
                "nothing was banned there; \"journalban list\" shows what is"
            )?,
            lifted => lifted
                .iter()
                .try_for_each(|one| writeln!(out, "unbanned {one}"))?,
        }
    }
    Ok(if lifted.is_empty() { exit::NO } else { 0 })
}

pub(super) fn reload(arguments: &Arguments) -> Result<u8> {
    let answer = match ask(arguments, "Reload", &json!({})) {
        Err(ClientError::Refused(reply)) if reply.parameters.get("problems").is_some() => {
            if arguments.json {
                show::json(&reply.parameters)?;
                return Ok(exit::CONFIGURATION);
            }
            let problems: Problems = read(reply.parameters)?;
            for problem in &problems.problems {
                eprintln!(
                    "{}:{}:{}: {}",
                    problem.file.display(),
                    problem.line,
                    problem.column,
                    problem.message
                );
            }
            eprintln!("journalban: not reloaded; the old configuration stays whole");
            return Ok(exit::CONFIGURATION);
        }
        other => other?,
    };
    if arguments.json {
        show::json(&answer)?;
    } else {
        writeln!(
            io::stdout(),
            "reloaded; {} jails are enabled",
            answer["jails"]
        )?;
    }
    Ok(exit::OK)
}

pub(super) fn ping(arguments: &Arguments) -> Result<u8> {
    let answer = ask(arguments, "Ping", &json!({}))?;
    if arguments.json {
        show::json(&answer)?;
    } else {
        writeln!(io::stdout(), "pong")?;
    }
    Ok(exit::OK)
}

//! A hook's description as written: from its file to a [`Hook`].
//!
//! What its templates name is checked in `hook_names`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::parse;
use super::hook_keys::setting;
use super::hook_names::{Names, Written, WrittenFirst, WrittenSteps, is_name};
use super::problem::Problem;
use super::table::{At, Table, no_hint};
use super::text::Text;
use super::value::{
    Read, Value, boolean, choice, duration, expected, fault, list, map, string, with_offset,
};
use crate::hook::{Choice, Hook, Need, On, Template};
use crate::model::JailName;

/// How long a hook may take that does not say; long enough for a slow web server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a command of `[[first]]` may take that does not say.
const FIRST_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest timeout; the unit of a call ends everything a little later (`RuntimeMaxSec=`).
const LONGEST_TIMEOUT: Duration = Duration::from_mins(5);

/// Reads the description of the hook `name`, or tells all that is wrong with it.
pub(super) fn read(text: &Text, name: &JailName) -> Result<Hook, Vec<Problem>> {
    let (root, mut problems) = parse(text);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut table = Table::new(text, &root, 0);
    let description = table.take("description", string);
    let timeout = table.take("timeout", timeout);
    let single_addresses = table.take("single_addresses", boolean);
    let blocks = table.take("blocks", boolean);
    let required = table.take("required", list(parameter_name));
    let defaults = table.take("parameters", map(setting));
    let choices = table.take("choice", map(one_choice));
    let for_each = [("ban", On::Ban), ("unban", On::Unban)];
    let on = table.take("on", list(choice(&for_each)));
    let separate = [table.table("ban"), table.table("unban")];
    let is_separate = separate.iter().any(Option::is_some);
    let both = if is_separate {
        None
    } else {
        steps(text, &mut table, &mut problems)
    };
    let [ban, unban] = separate.map(|separate| {
        let mut separate = separate?;
        let steps = steps(text, &mut separate, &mut problems);
        problems.extend(separate.finish(no_hint));
        steps
    });
    problems.extend(table.finish(|key, _| hint(key, is_separate)));

    let mut parameters: BTreeMap<String, Option<String>> = defaults
        .map_or_else(BTreeMap::new, |at| at.value)
        .into_iter()
        .map(|(name, default)| (name, Some(default)))
        .collect();
    let required = required.map_or_else(Vec::new, |at| at.value);
    parameters.extend(required.into_iter().map(|name| (name, None)));
    let choices = choices.map_or_else(BTreeMap::new, |at| at.value);

    let names = Names {
        text,
        parameters: &parameters,
        choices: &choices,
    };
    names.check_own(&mut problems);
    let on = on.map_or_else(|| vec![On::Ban, On::Unban], |at| at.value);
    let meant = |steps: Option<WrittenSteps>, problems: &mut Vec<Problem>| {
        steps.map(|steps| names.meaning(steps, problems))
    };
    let (ban, unban) = if is_separate {
        (meant(ban, &mut problems), meant(unban, &mut problems))
    } else {
        let both = meant(both, &mut problems);
        let when = |wanted| both.clone().filter(|_| on.contains(&wanted));
        (when(On::Ban), when(On::Unban))
    };
    if problems.is_empty() && ban.is_none() && unban.is_none() {
        let message = "the hook does nothing: write command = [\"PROGRAM\", \"ARGUMENT\"]";
        problems.push(Problem::new(&text.place(0), message));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Hook {
        name: name.clone(),
        description: description.map(|at| at.value).unwrap_or_default(),
        timeout: timeout.map_or(TIMEOUT, |at| at.value),
        single_addresses: single_addresses.is_some_and(|at| at.value),
        blocks: blocks.is_some_and(|at| at.value),
        parameters,
        choices,
        ban,
        unban,
    })
}

fn hint(key: &str, is_separate: bool) -> Option<String> {
    match key {
        "command" | "stdin" | "first" if is_separate => {
            Some("write it below [ban] and below [unban], or have neither".to_owned())
        }
        "actionban" | "actionunban" | "actionstart" | "actionstop" | "actioncheck" => Some(
            "write command = [\"PROGRAM\", \"ARGUMENT\"], or that below [ban] and [unban]"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Reads `command`, `stdin` and `[[first]]`; `None` if there is no right command.
fn steps(text: &Text, table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<WrittenSteps> {
    let example = "command = [\"PROGRAM\", \"ARGUMENT\"]";
    let command = table.require("command", example, command);
    let stdin = table.take("stdin", stdin);
    let mut all = Vec::new();
    for mut table in table.tables("first") {
        let name = table.require("name", "name = \"NAME\"", parameter_name);
        let command = table.require("command", example, self::command);
        let needs = [("output", Need::Output), ("no-output", Need::NoOutput)];
        let first = WrittenFirst {
            name: name.unwrap_or_else(|| At {
                value: String::new(),
                place: text.place(0),
            }),
            command: command.map_or_else(Vec::new, |at| at.value),
            stdin: table
                .take("stdin", with_offset(template))
                .map(|at| at.value),
            json: table.take("json", pointer).map(|at| at.value),
            need: table
                .take("need", choice(&needs))
                .map_or(Need::Nothing, |at| at.value),
            timeout: table
                .take("timeout", timeout)
                .map_or(FIRST_TIMEOUT, |at| at.value),
        };
        all.push(first);
        problems.extend(table.finish(no_hint));
    }
    Some(WrittenSteps {
        first: all,
        command: command?.value,
        stdin: stdin.and_then(|at| at.value),
    })
}

fn timeout(value: &Value<'_>) -> Read<Duration> {
    let span = duration(value)?;
    if span < Duration::from_secs(1) || span > LONGEST_TIMEOUT {
        return expected(value, "a duration from 1s to 5m");
    }
    Ok(span)
}

fn template(value: &Value<'_>) -> Read<Template> {
    Template::parse(&string(value)?).or_else(|message| fault(value, message))
}

fn command(value: &Value<'_>) -> Read<Vec<Written>> {
    let words = list(with_offset(template))(value)?;
    if words.is_empty() || !value.get_ref().is_array() {
        return expected(value, "a list, the program and its arguments");
    }
    Ok(words)
}

fn stdin(value: &Value<'_>) -> Read<Option<Written>> {
    if value.get_ref().as_str() == Some("json") {
        return Ok(None);
    }
    with_offset(template)(value).map(Some)
}

fn pointer(value: &Value<'_>) -> Read<String> {
    let pointer = string(value)?;
    if !pointer.starts_with('/') {
        return expected(value, "a JSON pointer (\"/result/0/id\")");
    }
    Ok(pointer)
}

fn parameter_name(value: &Value<'_>) -> Read<String> {
    let name = string(value)?;
    if !is_name(&name) {
        return expected(value, "a name of letters, digits and \"_\"");
    }
    Ok(name)
}

/// `by = "kind"`, `otherwise = "x"`, and for each value its word.
fn one_choice(value: &Value<'_>) -> Read<Choice> {
    let mut words = map(setting)(value)?;
    let Some(by) = words.remove("by") else {
        return fault(value, "by is missing: write by = \"kind\"");
    };
    let otherwise = words.remove("otherwise");
    Ok(Choice {
        by,
        words,
        otherwise,
    })
}

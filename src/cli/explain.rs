//! `explain`: why an address is, or is not, banned.
//!
//! Written for somebody who has no time: the verdict in the first line, then the reasons, then what
//! to do next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cli::args::{Arguments, Explain};
use crate::cli::control::{ask, read};
use crate::cli::history;
use crate::cli::show;
use crate::control::protocol::{Explained, JailExplained};
use crate::exit;
use crate::model::{Ban, Origin, Time, format_duration, printable};

pub(super) fn explain(arguments: &Arguments, wanted: &Explain) -> Result<u8> {
    let answer = ask(arguments, "Explain", &json!({ "address": wanted.address }))?;
    let explained: Explained = read(answer.clone())?;
    if arguments.json {
        show::json(&answer)?;
    } else {
        let text = Text {
            explained: &explained,
            now: crate::clock::now(),
            when: show::local,
        };
        write!(io::stdout(), "{}", text.whole())?;
    }
    Ok(if explained.banned { exit::OK } else { exit::NO })
}

/// The explanation as text.
struct Text<'a> {
    explained: &'a Explained,
    now: Time,
    /// How an instant is shown.
    when: fn(Time) -> String,
}

impl Text<'_> {
    fn whole(&self) -> String {
        let mut lines = self.verdict();
        lines.push(String::new());
        lines.extend(self.reasons());
        lines.extend(self.kernel());
        lines.extend(self.before());
        lines.push(String::new());
        lines.push("What to do:".to_owned());
        lines.extend(self.advice());
        lines.join("\n") + "\n"
    }

    fn bans(&self) -> impl Iterator<Item = &Ban> {
        self.explained.jails.iter().flat_map(|jail| &jail.bans)
    }

    fn verdict(&self) -> Vec<String> {
        let address = self.explained.address;
        let jails = &self.explained.jails;
        let banning: Vec<&JailExplained> =
            jails.iter().filter(|jail| !jail.bans.is_empty()).collect();
        if banning.is_empty() {
            return vec![format!("{address} IS NOT BANNED: {}", self.why_not())];
        }
        let last = self.bans().map(|ban| ban.until).max_by_key(|until| {
            // Forever is later than any instant.
            (until.is_none(), *until)
        });
        let until = self.until(last.flatten());
        let mut lines = vec![format!(
            "{address} IS BANNED {until}, by {}",
            names(&banning)
        )];
        let kept = self.explained.kernel.iter().flatten();
        let missing = |jail: &&&JailExplained| !kept.clone().any(|kept| kept.jail == jail.jail);
        let (dry, enforced): (Vec<_>, Vec<_>) = banning.iter().partition(|jail| !jail.enforced);
        let missing: Vec<&JailExplained> = enforced.iter().filter(missing).copied().collect();
        if !missing.is_empty() && self.explained.kernel_error.is_none() {
            lines.push(format!(
                "BUT NOTHING IN THE KERNEL KEEPS IT OUT for {}",
                names(&missing)
            ));
        }
        if !dry.is_empty() {
            lines.push(format!(
                "BUT NOTHING KEEPS IT OUT for {}: backend = \"dry-run\" only logs bans",
                names(&dry)
            ));
        }
        lines
    }

    fn why_not(&self) -> String {
        let jails = &self.explained.jails;
        if self.explained.kernel.iter().flatten().next().is_some() {
            return "but something in the kernel keeps it out".to_owned();
        }
        if let Some(failing) = jails.iter().max_by_key(|jail| jail.failures)
            && failing.failures > 0
        {
            return format!(
                "it has {} of the {} failures that ban in {}",
                failing.failures, failing.maxretry, failing.jail
            );
        }
        match jails.iter().find_map(|jail| jail.spared.as_deref()) {
            Some(spared) => format!("never ban {spared}"),
            None => "no jail has seen it fail lately".to_owned(),
        }
    }

    fn until(&self, until: Option<Time>) -> String {
        let Some(until) = until else {
            return "forever".to_owned();
        };
        let left = Duration::from_secs(until.since(self.now).as_secs());
        format!(
            "until {} ({} left)",
            (self.when)(until),
            format_duration(left)
        )
    }

    fn reasons(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut spared: BTreeMap<&str, Vec<&JailExplained>> = BTreeMap::new();
        for jail in &self.explained.jails {
            match &jail.spared {
                Some(why) => spared.entry(why).or_default().push(jail),
                None => lines.extend(self.jail(jail)),
            }
            for ban in &jail.bans {
                lines.extend(self.ban(ban));
            }
        }
        for (why, jails) in spared {
            lines.push(format!("{}: never bans {why}", names(&jails)));
        }
        if let others @ 1.. = self.explained.other_jails.len() {
            let knows = if others == 1 {
                "jail knows"
            } else {
                "jails know"
            };
            lines.push(format!("{others} more {knows} nothing of it"));
        }
        lines
    }

    fn ban(&self, ban: &Ban) -> Vec<String> {
        let mut first = format!("{}: banned", ban.jail);
        // Writing to a text does not fail.
        if !ban.prefix.is_host() {
            let _ = write!(first, " with all of {}", ban.prefix);
        }
        let _ = write!(first, " since {}", (self.when)(ban.since));
        let _ = match ban.until {
            Some(until) => write!(first, " until {}", (self.when)(until)),
            None => write!(first, ", forever"),
        };
        if ban.offence > 1 {
            let _ = write!(first, "; ban number {}", ban.offence);
        }
        let why = match ban.origin {
            Origin::Log => format!("for {} failures:", ban.failures),
            Origin::Manual => "by hand:".to_owned(),
            Origin::Aggregate => "as many of its neighbours were banned:".to_owned(),
            Origin::Recidive => "as it was banned before:".to_owned(),
            Origin::Adopted => "found in force, its story is lost:".to_owned(),
        };
        let mut lines = vec![first, format!("    {why}")];
        let story = ban.lines.iter().chain([&ban.reason]);
        let story = story.filter(|line| !line.is_empty());
        lines.extend(story.map(|line| format!("      {}", printable(line))));
        lines
    }

    /// What a jail counts.
    fn jail(&self, jail: &JailExplained) -> Option<String> {
        let mut parts = Vec::new();
        if jail.failures > 0 {
            let last = jail.last_failure.map(|last| (self.when)(last));
            parts.push(format!(
                "{} of {} failures within {}{}",
                jail.failures,
                jail.maxretry,
                jail.findtime,
                last.map_or_else(String::new, |last| format!(", the last at {last}"))
            ));
        }
        if let Some(login) = jail.logged_in {
            let login = (self.when)(login);
            parts.push(format!("not counted, as it logged in at {login}"));
        }
        if jail.bans.is_empty() && jail.offences > 0 {
            parts.push(format!(
                "{} earlier bans count, the next one lasts {}",
                jail.offences, jail.next_bantime
            ));
        }
        let counted = (!jail.prefix.is_host()).then(|| format!(" (counts all of {})", jail.prefix));
        (!parts.is_empty()).then(|| {
            format!(
                "{}{}: {}",
                jail.jail,
                counted.unwrap_or_default(),
                parts.join("; ")
            )
        })
    }

    fn kernel(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(kept) = &self.explained.kernel {
            for kept in kept {
                let packets = kept.packets.map_or_else(String::new, |packets| {
                    format!("; {packets} packets stopped in the jail so far")
                });
                let (place, jail) = (&kept.place, &kept.jail);
                lines.push(format!(
                    "in the kernel: {place} keeps it out for {jail}{packets}"
                ));
            }
            if kept.is_empty() {
                lines.push("in the kernel: nothing of ours keeps it out".to_owned());
            }
        }
        let error = self.explained.kernel_error.iter();
        lines.extend(error.map(|error| format!("in the kernel: not known: {error}")));
        lines
    }

    fn before(&self) -> Vec<String> {
        let history = &self.explained.history;
        if history.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![String::new(), "Banned before:".to_owned()];
        lines.extend(history.iter().map(|story| {
            let ban = &story.ban;
            format!(
                "  {} to {}  {}  {}  {}",
                (self.when)(ban.since),
                story
                    .ended
                    .map(|ended| (self.when)(ended))
                    .unwrap_or_default(),
                ban.jail,
                ban.prefix,
                history::state(story)
            )
        }));
        lines
    }

    fn advice(&self) -> Vec<String> {
        let address = self.explained.address;
        let mut advice: Vec<(&str, String)> = Vec::new();
        let spared = self
            .explained
            .jails
            .iter()
            .any(|jail| jail.spared.is_some());
        let kept = self.explained.kernel.iter().flatten().next().is_some();
        if self.explained.banned {
            advice.push(("let it in again", format!("journalban unban {address}")));
            advice.push((
                "never ban it",
                "add it to ignoreip, see journalban.toml(5)".to_owned(),
            ));
        } else {
            if spared {
                advice.push((
                    "ban it all the same",
                    "take it out of ignoreip first".to_owned(),
                ));
            } else {
                advice.push(("ban it now", format!("journalban ban {address} --for 1h")));
            }
            advice.push((
                "see what a filter sees",
                "journalban test --since -1h JAIL".to_owned(),
            ));
        }
        if self.explained.banned != kept && self.explained.kernel.is_some() {
            advice.push(("see why they differ", "journalctl -u journalban".to_owned()));
        }
        advice.push(("see all its bans", format!("journalban history {address}")));
        advice
            .into_iter()
            .map(|(what, how)| format!("  {what:<24}{how}"))
            .collect()
    }
}

/// Jails as people list them: `a`, `a and b`, `a, b and c`.
fn names(jails: &[&JailExplained]) -> String {
    let names: Vec<&str> = jails.iter().map(|jail| jail.jail.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;

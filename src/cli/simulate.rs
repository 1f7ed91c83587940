//! `journalban test --simulate`: what would have been banned, when and for how long.
//!
//! The jail's own policy runs over the log with the log's clock; nothing is banned.

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;

use crate::cli::show;
use crate::engine::{Engine, Limits, Policy};
use crate::filter::Outcome;
use crate::model::{Ban, Decision, JailName, Prefix, Time, format_duration};

/// A jail's engine on a log of the past.
pub(super) struct Simulation {
    jail: JailName,
    engine: Engine,
    bans: Vec<Ban>,
    /// Who also logged in; a ban of such an address is what people fear.
    logged_in: HashSet<IpAddr>,
}

/// One simulated ban.
#[derive(Serialize)]
pub(super) struct SimulatedBan {
    prefix: Prefix,
    since: Time,
    until: Option<Time>,
    failures: u32,
    /// An address of the prefix also logged in successfully.
    logged_in: bool,
}

impl Simulation {
    /// A simulation of `policy`.
    pub(super) fn new(jail: &JailName, policy: &Policy, limits: Limits) -> Self {
        // The same log gives the same bans, whatever chance would add.
        let mut engine = Engine::new(limits, 0);
        engine.configure([(jail.clone(), policy.clone())], limits, Time::EPOCH);
        Self {
            jail: jail.clone(),
            engine,
            bans: Vec::new(),
            logged_in: HashSet::new(),
        }
    }

    /// Takes what the filter made of an entry of `time`.
    pub(super) fn add(&mut self, outcome: &Outcome, time: Time) {
        self.engine.tick(time);
        if let Some(failure) = &outcome.failure {
            let decisions = self.engine.failure(failure, time);
            let bans = decisions.into_iter().filter_map(|decision| match decision {
                Decision::Ban(ban) => Some(ban),
                Decision::Open(_) | Decision::Pardon(_) | Decision::Unban(_) => None,
            });
            self.bans.extend(bans);
        }
        if let Some(login) = outcome.success {
            self.engine
                .success(&self.jail, login.addr, login.time, time);
            self.logged_in.insert(login.addr);
        }
    }

    /// The bans, in their order.
    pub(super) fn bans(&self) -> Vec<SimulatedBan> {
        let logged_in = |prefix: Prefix| {
            self.logged_in
                .iter()
                .any(|addr| prefix.contains(Prefix::host(*addr)))
        };
        self.bans
            .iter()
            .map(|ban| SimulatedBan {
                prefix: ban.prefix,
                since: ban.since,
                until: ban.until,
                failures: ban.failures,
                logged_in: logged_in(ban.prefix),
            })
            .collect()
    }

    /// Shows the bans and what to think of them.
    pub(super) fn show(&self, out: &mut impl Write) -> io::Result<()> {
        let bans = self.bans();
        if bans.is_empty() {
            return writeln!(out, "\nNobody would have been banned.");
        }
        writeln!(out, "\nBans that this would have made: {}", bans.len())?;
        let rows = bans.iter().map(|ban| {
            let how_long = ban.until.map_or_else(
                || "forever".to_owned(),
                |until| format_duration(until.since(ban.since)),
            );
            let remark = if ban.logged_in { "ALSO LOGGED IN" } else { "" };
            vec![
                show::local(ban.since),
                ban.prefix.to_string(),
                how_long,
                ban.failures.to_string(),
                remark.to_owned(),
            ]
        });
        show::table(out, &["WHEN", "ADDRESS", "FOR", "FAILURES", ""], rows, &[3])?;
        let feared = bans.iter().filter(|ban| ban.logged_in).count();
        if feared > 0 {
            writeln!(
                out,
                "\n{feared} of them also logged in successfully: a person, most likely. Put such addresses into\n\
                 ignoreip, or raise maxretry."
            )?;
        }
        Ok(())
    }
}

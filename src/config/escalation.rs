//! The keys of a jail that let bans grow: longer for who offends again (`bantime_…`), wider where
//! many neighbours offend (`aggregate…`).

use std::time::Duration;

use super::problem::Problem;
use super::table::{At, Table};
use super::value::{boolean, duration, integer, list};
use crate::engine::{Aggregation, Escalation};
use crate::model::{JailName, PrefixLengths};

/// The most that a bantime may be multiplied with: ten minutes are 19 years then.
const MULTIPLIER_LIMIT: u32 = 1_000_000;
/// A wider network than this is a good part of the Internet.
const WIDEST_IPV4: u8 = 16;
/// As [`WIDEST_IPV4`]: what a registry hands to one provider.
const WIDEST_IPV6: u8 = 32;

/// `bantime_increment` and what belongs to it, as written.
#[derive(Clone, Debug, Default)]
pub(super) struct EscalationDocument {
    increment: Option<At<bool>>,
    factor: Option<At<u32>>,
    multipliers: Option<At<Vec<u32>>>,
    maxtime: Option<At<Duration>>,
    rndtime: Option<At<Duration>>,
    overalljails: Option<At<bool>>,
    decay: Option<At<Duration>>,
}

impl EscalationDocument {
    pub fn read(table: &mut Table<'_>) -> Self {
        let multiplier = || integer(1..=MULTIPLIER_LIMIT);
        Self {
            increment: table.take("bantime_increment", boolean),
            factor: table.take("bantime_factor", multiplier()),
            multipliers: table.take("bantime_multipliers", list(multiplier())),
            maxtime: table.take("bantime_maxtime", duration),
            rndtime: table.take("bantime_rndtime", duration),
            overalljails: table.take("bantime_overalljails", boolean),
            decay: table.take("bantime_decay", duration),
        }
    }

    pub fn over(self, lower: Self) -> Self {
        Self {
            increment: self.increment.or(lower.increment),
            factor: self.factor.or(lower.factor),
            multipliers: self.multipliers.or(lower.multipliers),
            maxtime: self.maxtime.or(lower.maxtime),
            rndtime: self.rndtime.or(lower.rndtime),
            overalljails: self.overalljails.or(lower.overalljails),
            decay: self.decay.or(lower.decay),
        }
    }

    /// How bantimes grow; `None` if they do not.
    pub fn meaning(self) -> Option<Escalation> {
        self.increment.filter(|at| at.value)?;
        let default = Escalation::default();
        Some(Escalation {
            factor: value(self.factor).unwrap_or(default.factor),
            multipliers: value(self.multipliers).unwrap_or(default.multipliers),
            maxtime: value(self.maxtime).or(default.maxtime),
            rndtime: value(self.rndtime).unwrap_or(default.rndtime),
            over_all_jails: value(self.overalljails).unwrap_or(default.over_all_jails),
            decay: value(self.decay).unwrap_or(default.decay),
        })
    }
}

/// `aggregate` and what belongs to it, as written.
#[derive(Clone, Debug, Default)]
pub(super) struct AggregationDocument {
    after: Option<At<u32>>,
    within: Option<At<Duration>>,
    ipv4: Option<At<u8>>,
    ipv6: Option<At<u8>>,
}

impl AggregationDocument {
    pub fn read(table: &mut Table<'_>) -> Self {
        Self {
            after: table.take("aggregate", integer(0..=Aggregation::MOST)),
            within: table.take("aggregate_within", duration),
            ipv4: table.take("aggregate_ipv4_prefix", integer(WIDEST_IPV4..=32)),
            ipv6: table.take("aggregate_ipv6_prefix", integer(WIDEST_IPV6..=128)),
        }
    }

    pub fn over(self, lower: Self) -> Self {
        Self {
            after: self.after.or(lower.after),
            within: self.within.or(lower.within),
            ipv4: self.ipv4.or(lower.ipv4),
            ipv6: self.ipv6.or(lower.ipv6),
        }
    }

    /// When networks are banned as a whole; `None` if never.
    pub fn meaning(self, jail: &JailName) -> Result<Option<Aggregation>, Problem> {
        let Some(after) = self.after.filter(|at| at.value != 0) else {
            return Ok(None);
        };
        if after.value == 1 {
            let message = "aggregate: one prefix is no crowd: write 2 or more, or 0 for never";
            return Err(Problem::new(&after.place, message).of_jail(jail));
        }
        Ok(Some(Aggregation {
            after: after.value,
            within: value(self.within).unwrap_or(Duration::from_hours(1)),
            widest: PrefixLengths {
                ipv4: value(self.ipv4).unwrap_or(24),
                ipv6: value(self.ipv6).unwrap_or(48),
            },
        }))
    }
}

fn value<T>(written: Option<At<T>>) -> Option<T> {
    written.map(|at| at.value)
}

//! The counters of a jail's rules: what its bans have stopped.

use std::collections::BTreeMap;

use super::ruleset;
use crate::backend::netlink::reading::{Message, attribute, attributes, name, u64_of};
use crate::model::JailName;

pub(super) const NFTA_RULE_CHAIN: u16 = 2;
pub(super) const NFTA_RULE_EXPRESSIONS: u16 = 4;
pub(super) const NFTA_COUNTER_BYTES: u16 = 1;
pub(super) const NFTA_COUNTER_PACKETS: u16 = 2;

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub packets: u64,
    pub bytes: u64,
}

impl Count {
    /// The higher of two readings of a counter.
    pub fn max(self, other: Self) -> Self {
        Self {
            packets: self.packets.max(other.packets),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Adds the counters of a rule to its jail's.
pub(super) fn tally(counts: &mut BTreeMap<JailName, Count>, rule: Message<'_>) {
    let content = rule.attributes();
    let chain = attribute(content, NFTA_RULE_CHAIN).and_then(name);
    let expressions = attribute(content, NFTA_RULE_EXPRESSIONS);
    if let (Some(jail), Some(expressions)) = (chain.and_then(ruleset::jail_of_chain), expressions) {
        for (_, expression) in attributes(expressions) {
            *counts.entry(jail.clone()).or_default() += counter(expression).unwrap_or_default();
        }
    }
}

fn counter(expression: &[u8]) -> Option<Count> {
    const NFTA_EXPR_NAME: u16 = 1;
    const NFTA_EXPR_DATA: u16 = 2;
    if attribute(expression, NFTA_EXPR_NAME).and_then(name)? != "counter" {
        return None;
    }
    let data = attribute(expression, NFTA_EXPR_DATA)?;
    Some(Count {
        packets: attribute(data, NFTA_COUNTER_PACKETS).and_then(u64_of)?,
        bytes: attribute(data, NFTA_COUNTER_BYTES).and_then(u64_of)?,
    })
}

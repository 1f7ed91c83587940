//! The counts that `status` shows.

use serde::{Deserialize, Serialize};

use crate::model::{Failure, JailName, Prefix};

/// What a jail has seen since it first ran; kept over restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Failed attempts.
    pub failed: u64,
    /// Failed attempts of ignored addresses.
    pub ignored: u64,
    /// Failures whose host was a name or no valid address.
    pub named: u64,
    /// Bans.
    pub banned: u64,
}

impl Totals {
    /// A replayed failure was in the totals before the restart already.
    pub(super) fn add_failed(&mut self, failure: &Failure) {
        self.failed += u64::from(!failure.replayed);
    }

    pub(super) fn add_ignored(&mut self, failure: &Failure) {
        self.ignored += u64::from(!failure.replayed);
    }
}

/// One jail, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailStatus {
    /// Its name.
    pub name: JailName,
    /// How many prefixes have failures within findtime and are not banned.
    pub currently_failed: usize,
    /// What it has seen.
    pub totals: Totals,
    /// Who is banned, in order.
    pub banned: Vec<Prefix>,
}

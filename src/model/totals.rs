//! What a jail has seen since it first ran.

use serde::{Deserialize, Serialize};

/// The counts of a jail that are kept over restarts.
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

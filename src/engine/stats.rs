//! What `status` shows of a jail.

use crate::model::{JailName, Prefix, Totals};

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

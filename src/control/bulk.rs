//! Many bans or unbans in one call: what is asked, and what is answered.

use serde::{Deserialize, Serialize};

use crate::model::{JailName, Prefix};

/// The parameters of `BanMany`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanManyParameters {
    /// Whom; at most [`PREFIXES_LIMIT`](super::protocol::PREFIXES_LIMIT).
    pub prefixes: Vec<Prefix>,
    /// On behalf of which jail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailName>,
    /// For how long: `2h`, `forever`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bantime: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The parameters of `UnbanMany`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnbanManyParameters {
    /// Every ban that has an address in common with one of them is lifted; as many as in `BanMany`.
    pub prefixes: Vec<Prefix>,
    /// Of which jail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailName>,
}

/// What `BanMany` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BannedMany {
    /// How many are banned now, or longer than before.
    pub banned: usize,
    /// How many were banned for at least as long already.
    pub already: usize,
    /// Who is not banned.
    pub refused: Vec<Refused>,
}

/// A prefix that is not banned, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The prefix.
    pub prefix: Prefix,
    /// Why, for people; names the prefix.
    pub reason: String,
}

/// What `UnbanMany` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnbannedMany {
    /// How many bans were lifted.
    pub lifted: usize,
    /// For how many of the prefixes there was none to lift.
    pub missed: usize,
}

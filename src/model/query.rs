//! Which bans somebody asks to see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{JailName, Prefix, Time};

/// A place in the list of bans in force, which is sorted by jail, since and prefix (as text). As
/// text it is `JAIL/SINCE/PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanPlace {
    /// The jail.
    pub jail: JailName,
    /// When the ban began.
    pub since: Time,
    /// Who is banned.
    pub prefix: Prefix,
}

/// Why a text is no place in the list of bans.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is no place in the list: write JAIL/SINCE/PREFIX of a ban, as in \
     sshd/2026-11-20T10:00:00.000000Z/192.0.2.1"
)]
pub struct BanPlaceError {
    text: String,
}

impl FromStr for BanPlace {
    type Err = BanPlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Neither a jail's name nor an instant has a slash in it.
        let mut parts = text.splitn(3, '/');
        let mut place = || {
            Some(Self {
                jail: parts.next()?.parse().ok()?,
                since: parts.next()?.parse().ok()?,
                prefix: parts.next()?.parse().ok()?,
            })
        };
        place().ok_or_else(|| BanPlaceError {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for BanPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.jail, self.since, self.prefix)
    }
}

/// Which bans in force are to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only those of this jail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailName>,
    /// Only those behind this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<BanPlace>,
    /// Not more than so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Which bans, in force or ended, are to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Only those that have an address in common with it; the lines that led to them come along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Prefix>,
    /// Only those of this jail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailName>,
    /// Only those that are in force and began after it, or ended after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Not more than so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for text in [
            "sshd/2023-11-14T22:13:20.123456Z/192.0.2.1",
            "a.b/2023-11-14T22:13:20.000000Z/2001:db8::/64",
        ] {
            let place: BanPlace = text.parse().expect(text);
            assert_eq!(place.to_string(), text);
        }
        for text in [
            "",
            "sshd",
            "sshd/192.0.2.1",
            "sshd/now/192.0.2.1",
            "a b/2023-11-14T22:13:20Z/::1",
        ] {
            assert!(text.parse::<BanPlace>().is_err(), "{text}");
        }
    }
}

//! What an administrator asks for by hand, and why it may be refused.

use crate::model::{Bantime, JailName, Prefix};

/// The widest IPv4 prefix that can be banned by hand: the largest block that was ever handed out.
const WIDEST_IPV4: u8 = 8;
/// The widest IPv6 prefix that can be banned by hand; registries hand out /12 to /32.
const WIDEST_IPV6: u8 = 12;

/// Ban a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanRequest {
    /// On behalf of which jail.
    pub jail: JailName,
    /// Whom.
    pub prefix: Prefix,
    /// For how long; `None`: the jail's bantime.
    pub bantime: Option<Bantime>,
    /// Why, for the record.
    pub reason: Box<str>,
}

/// Lift bans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnbanRequest {
    /// Of which jail; `None`: of all.
    pub jail: Option<JailName>,
    /// Of which prefix: every ban that has an address in common with it. `None`: all bans.
    pub prefix: Option<Prefix>,
}

/// Why a request is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such jail.
    #[error("no jail \"{0}\" is enabled; \"journalban status\" lists those that are")]
    NoJail(JailName),
    /// It would ban what is ignored.
    #[error("{prefix} is not banned: {entry} is ignored (ignoreip, or an address of this machine)")]
    Ignored {
        /// What was to be banned.
        prefix: Prefix,
        /// What of it is ignored.
        entry: Prefix,
    },
    /// It would ban a good part of the Internet.
    #[error("{0} is not banned: wider than /{WIDEST_IPV4} (IPv4) or /{WIDEST_IPV6} (IPv6)")]
    TooWide(Prefix),
}

impl BanRequest {
    pub(super) fn check_width(&self) -> Result<(), Refusal> {
        let widest = if self.prefix.is_ipv4() {
            WIDEST_IPV4
        } else {
            WIDEST_IPV6
        };
        if self.prefix.len() < widest {
            return Err(Refusal::TooWide(self.prefix));
        }
        Ok(())
    }
}

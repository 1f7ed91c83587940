//! What keeps banned prefixes out.
//!
//! A [`Backend`] writes to one place (the kernel's nftables, its routes, or nowhere); an enforcer
//! drives each on a thread of its own and knows what is wanted, so that after any doubt all of it is
//! restored. A jail may have several backends.

mod connections;
mod dry_run;
mod enforcer;
mod netlink;
mod nftables;
mod pieces;
mod route;

pub use dry_run::{Counts, DryRun};
pub use enforcer::{Answer, Enforcer, Told};
pub use nftables::{Hook, Nftables, Table};
pub use route::Routes;

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use crate::model::{JailName, Prefix, PrefixLengths, Time};

/// The backends there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sets in the kernel's nftables.
    #[default]
    Nftables,
    /// Routes that lead nowhere.
    Route,
    /// Nothing; decisions are only logged.
    DryRun,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nftables, Self::Route, Self::DryRun];
}

/// What one jail wants from a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The jail.
    pub jail: JailName,
    /// The ports that are closed to a banned prefix. Empty: all of them, and all protocols.
    pub ports: Vec<Port>,
    /// What happens to its packets.
    pub action: Action,
    /// The prefix lengths that the jail bans with, which get the fast sets.
    pub lengths: PrefixLengths,
    /// What its routes say, where it has any.
    pub route: RouteType,
    /// Whether a ban ends connections that were opened from the prefix before.
    pub end_connections: bool,
}

impl Target {
    /// A jail for all ports, everything else as it is if nothing is said.
    #[must_use]
    pub fn of(jail: JailName) -> Self {
        Self {
            jail,
            ports: Vec::new(),
            action: Action::default(),
            lengths: PrefixLengths::default(),
            route: RouteType::default(),
            end_connections: false,
        }
    }
}

/// A port of a transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Which protocol.
    pub protocol: Protocol,
    /// The first port, 1 to 65535.
    pub first: u16,
    /// The last port, not below `first`.
    pub last: u16,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What happens to packets of a banned prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Answered with a TCP reset or ICMP port-unreachable, so that the client ends at once.
    #[default]
    Reject,
    /// Dropped without an answer.
    Drop,
}

/// What becomes of packets *to* a banned prefix that meet its route, as in ip-route(8). The first is
/// the quietest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteType {
    /// They are dropped; a local program's gets `EINVAL`.
    #[default]
    Blackhole,
    /// They are answered with ICMP host-unreachable; a local program's get `EHOSTUNREACH`.
    Unreachable,
    /// They are answered with ICMP "administratively prohibited"; a local program's get `EACCES`.
    Prohibit,
}

impl RouteType {
    /// The word for it in ip-route(8).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
        }
    }
}

/// A prefix that a jail keeps out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// On whose behalf.
    pub jail: JailName,
    /// Who.
    pub prefix: Prefix,
    /// Until when; `None` is forever.
    pub until: Option<Time>,
    /// What of it is not kept out; in order, none in another.
    pub open: Box<[Prefix]>,
}

/// One change of what is wanted. Twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep it out, or change until when.
    Add(Holding),
    /// Let it in.
    Remove {
        /// On whose behalf it was kept out.
        jail: JailName,
        /// Who.
        prefix: Prefix,
    },
}

impl Change {
    /// Whose ban it is.
    #[must_use]
    pub fn jail(&self) -> &JailName {
        match self {
            Self::Add(holding) => &holding.jail,
            Self::Remove { jail, .. } => jail,
        }
    }
}

/// Packets that a jail's bans have stopped, since its sets exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The jail.
    pub jail: JailName,
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Something in force that keeps an address out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// On whose behalf.
    pub jail: JailName,
    /// What it is, for people: `set v4-sshd of table inet journalban`.
    pub place: String,
    /// Packets that the jail's bans have stopped so far, of this address and of others; none if
    /// nobody counts.
    pub packets: Option<u64>,
}

/// Why a backend could not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// What is in force is not known any more: restore all of it.
    #[error("{0}; what is in force is not certain")]
    Uncertain(String),
    /// It cannot be done as things are (no permission, no nftables in the kernel).
    #[error("{0}")]
    Refused(String),
}

/// A place where bans are enforced.
pub trait Backend: Send {
    /// Its name in the configuration and in messages.
    fn name(&self) -> &'static str;

    /// Whether it keeps anybody out at all.
    fn enforces(&self) -> bool {
        true
    }

    /// Makes what is in force equal to `targets` and `wanted`, whatever it was; what is in force
    /// already stays in force throughout.
    fn restore(
        &mut self,
        targets: &[Target],
        wanted: &[Holding],
        now: Time,
    ) -> Result<(), BackendError>;

    /// Carries out changes; returns when they are in force. After an error some of them may be,
    /// until [`restore`](Self::restore).
    fn apply(&mut self, changes: &[Change], now: Time) -> Result<(), BackendError>;

    /// Removes all that is ours, whoever of us has put it there, and so ends all bans here; true
    /// if there was anything. [`restore`](Self::restore) begins anew.
    fn clear(&mut self) -> Result<bool, BackendError>;

    /// What is in force, as far as that can be read from what is there: for a daemon that has
    /// lost its own books, before its first [`restore`](Self::restore). Jails without a target are
    /// left out. A network may come back as several prefixes, or several as one.
    fn held(&mut self, targets: &[Target], now: Time) -> Result<Vec<Holding>, BackendError>;

    /// Asks what really keeps `addr` out, of the jails that were given with the last
    /// [`restore`](Self::restore).
    fn keeps(&mut self, addr: IpAddr) -> Result<Vec<Kept>, BackendError>;

    /// What was stopped so far; nothing of what is not counted.
    fn dropped(&mut self) -> Result<Vec<Dropped>, BackendError>;

    /// Becomes readable when somebody else may have changed what is in force.
    fn watch_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Reads what [`watch_fd`](Self::watch_fd) announced; true if what is in force may not be what
    /// is wanted any more.
    fn disturbed(&mut self) -> Result<bool, BackendError>;
}

//! What is never counted and never banned.
//!
//! `ignoreip` as it is written is a jail's own; what names and files stand for, the machine's
//! addresses (`ignoreself`) and where administrators are logged in from (`ignore_sessions`) is
//! [`Spared`], which the daemon keeps up to date.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::engine::Policy;
use crate::engine::nets::Nets;
use crate::model::{Prefix, canonical};

/// What is to be spared as things stand now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spared {
    /// The machine's own addresses.
    pub own: Vec<IpAddr>,
    /// Where administrators are logged in from, with the name of each.
    pub sessions: Vec<(IpAddr, Box<str>)>,
    /// What the names and files in `ignoreip` stand for, by what is written there.
    pub named: BTreeMap<Box<str>, Vec<Prefix>>,
}

/// Something that is spared, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spare {
    /// All of what is spared for this reason.
    pub prefix: Prefix,
    /// Why.
    pub why: Why,
}

/// Why something is spared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is in `ignoreip`.
    Ignoreip,
    /// It is what a name or file in `ignoreip` stands for.
    Named(Box<str>),
    /// It is an address of this machine.
    Own,
    /// Somebody with power over the machine is logged in from there.
    Session(Box<str>),
}

/// `192.0.2.0/24 (ignoreip)`.
impl fmt::Display for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix;
        match &self.why {
            Why::Ignoreip => write!(f, "{prefix} (ignoreip)"),
            Why::Named(name) => write!(f, "{prefix} (ignoreip: {name})"),
            Why::Own => write!(f, "{prefix} (an address of this machine)"),
            Why::Session(user) => write!(f, "{prefix} ({user} is logged in from there)"),
        }
    }
}

/// [`Spared`] in a form that is quick to ask.
#[derive(Default)]
pub(super) struct Shared {
    own: Nets,
    sessions: BTreeMap<Prefix, Box<str>>,
    session_nets: Nets,
    named: BTreeMap<Box<str>, Nets>,
}

impl Shared {
    pub fn new(spared: Spared) -> Self {
        let host = |addr: IpAddr| Prefix::host(canonical(addr));
        let loopback = [
            Prefix::new(IpAddr::from([127, 0, 0, 0]), 8),
            Prefix::new(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), 128),
        ];
        let sessions: BTreeMap<Prefix, Box<str>> = spared
            .sessions
            .into_iter()
            .map(|(addr, user)| (host(addr), user))
            .collect();
        Self {
            own: spared
                .own
                .into_iter()
                .map(host)
                .chain(loopback.into_iter().flatten())
                .collect(),
            session_nets: sessions.keys().copied().collect(),
            sessions,
            named: spared
                .named
                .into_iter()
                .map(|(name, nets)| (name, nets.into_iter().collect()))
                .collect(),
        }
    }

    /// What is spared here, for whatever reason, and was not in `before`.
    pub fn added_to(&self, before: &Self) -> Vec<Prefix> {
        let nothing = Nets::default();
        let pairs = [
            (&self.own, &before.own),
            (&self.session_nets, &before.session_nets),
        ];
        let named = self
            .named
            .iter()
            .map(|(name, nets)| (nets, before.named.get(name).unwrap_or(&nothing)));
        pairs
            .into_iter()
            .chain(named)
            .flat_map(|(now, then)| now.iter().filter(|net| !then.contains(*net)))
            .collect()
    }
}

/// What one jail ignores.
pub(super) struct Ignore {
    written: Nets,
    named: Vec<Box<str>>,
    own: bool,
    sessions: bool,
}

impl Ignore {
    pub fn new(policy: &Policy) -> Self {
        Self {
            written: policy.ignoreip.iter().copied().collect(),
            named: policy.ignore_named.clone(),
            own: policy.ignoreself,
            sessions: policy.ignore_sessions,
        }
    }

    /// Why all of `prefix` is spared, if it is.
    pub fn spares(&self, prefix: Prefix, shared: &Shared) -> Option<Spare> {
        self.parts(shared).find_map(|(nets, why)| {
            let around = nets.around(prefix)?;
            Some(Spare {
                prefix: around,
                why: why.of(around, shared),
            })
        })
    }

    /// What of `prefix` is spared: in order, none within another.
    pub fn open_parts(&self, prefix: Prefix, shared: &Shared) -> Box<[Prefix]> {
        if prefix.is_host() {
            return Box::default();
        }
        let mut parts: Vec<Prefix> = self
            .parts(shared)
            .flat_map(|(nets, _)| nets.within(prefix))
            .collect();
        // Of two that begin at one address the wider comes first, and takes the narrower in.
        parts.sort_unstable();
        parts.dedup_by(|later, earlier| earlier.contains(*later));
        parts.into()
    }

    fn parts<'a>(&'a self, shared: &'a Shared) -> impl Iterator<Item = (&'a Nets, Part<'a>)> {
        let named = self
            .named
            .iter()
            .filter_map(|name| Some((shared.named.get(name)?, Part::Named(name))));
        let own = self.own.then_some((&shared.own, Part::Own));
        let sessions = self
            .sessions
            .then_some((&shared.session_nets, Part::Sessions));
        std::iter::once((&self.written, Part::Written))
            .chain(named)
            .chain(own)
            .chain(sessions)
    }
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Written,
    Named(&'a str),
    Own,
    Sessions,
}

impl Part<'_> {
    fn of(self, prefix: Prefix, shared: &Shared) -> Why {
        match self {
            Self::Written => Why::Ignoreip,
            Self::Named(name) => Why::Named(name.into()),
            Self::Own => Why::Own,
            Self::Sessions => {
                Why::Session(shared.sessions.get(&prefix).cloned().unwrap_or_default())
            }
        }
    }
}

//! The connections of a jail: found by their key, limited in number and age.

use std::hash::RandomState;
use std::net::IpAddr;
use std::time::Duration;

use hashlink::LinkedHashMap;

use crate::filter::session::{Answer, Line, Session};
use crate::filter::spec::RuleKind;
use crate::model::Time;

/// The most connections that are remembered, a jail. sshd serves a hundred at a time at most
/// before it authenticates them (`MaxStartups`); the rest are ended ones within `idle`.
const SESSION_LIMIT: usize = 8192;

/// The connections of one jail.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The one that was last heard of stands last. Keys come from log lines, hence the hasher that
    /// nobody can steer.
    open: LinkedHashMap<Box<[u8]>, Known, RandomState>,
    /// How many were dropped for [`SESSION_LIMIT`] while still in time.
    pub evicted: u64,
}

#[derive(Debug, Default)]
struct Known {
    session: Session,
    heard: Time,
}

impl Sessions {
    /// The address of the connection `key`, if an earlier line named it.
    pub fn host(&self, key: &[u8], time: Time, idle: Duration) -> Option<IpAddr> {
        let known = self.open.get(key)?;
        let host = known.session.host();
        host.filter(|_| time.since(known.heard) <= idle)
    }

    /// Takes in a line of the connection `key`.
    pub fn take(&mut self, key: &[u8], time: Time, idle: Duration, line: Line) -> Answer {
        self.forget_idle(time, idle);
        let kind = line.kind;
        let known = self.known(key);
        known.heard = time;
        let answer = known.session.take(line);
        if kind == RuleKind::Success {
            self.open.remove(key);
        }
        answer
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    fn known(&mut self, key: &[u8]) -> &mut Known {
        if self.open.to_back(key).is_none() && self.open.len() >= SESSION_LIMIT {
            self.open.pop_front();
            self.evicted += 1;
        }
        let entry = self.open.raw_entry_mut().from_key(key);
        let (_, known) = entry.or_insert_with(|| (key.into(), Known::default()));
        known
    }

    /// Drops those that were not heard of for `idle`.
    fn forget_idle(&mut self, time: Time, idle: Duration) {
        let stale = |known: &Known| time.since(known.heard) > idle;
        while let Some((_, known)) = self.open.front()
            && stale(known)
        {
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Host, Verdict};

    const IDLE: Duration = Duration::from_mins(5);
    const H: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

    fn line(kind: RuleKind, host: Option<IpAddr>) -> Line {
        Line {
            rule: 1,
            kind,
            host: host.map(Host::Addr),
            user: None,
            weight: 1,
            merge: true,
            evidence: Box::from("line"),
        }
    }

    #[test]
    fn connections_are_forgotten_by_age_and_number() {
        let mut sessions = Sessions::default();
        let mut at = |key: &[u8], secs, kind, host| {
            sessions
                .take(key, Time::from_secs(secs), IDLE, line(kind, host))
                .0
        };
        at(b"1", 1, RuleKind::Failure, None);
        assert_eq!(at(b"1", 302, RuleKind::Close, H), Verdict::Pending);
        for key in 0..=SESSION_LIMIT {
            at(&key.to_ne_bytes(), 303, RuleKind::Pending, H);
        }
        assert_eq!(sessions.len(), SESSION_LIMIT);
        assert_eq!(sessions.evicted, 2);
    }
}

//! The connections of a jail: found by their key, limited in number and age.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::filter::session::{Answer, Line, Session};
use crate::filter::spec::RuleKind;
use crate::model::Time;

/// The most connections that are remembered, a jail. sshd serves a hundred at a time at most
/// before it authenticates them (`MaxStartups`); the rest are ended ones within `idle`.
const SESSION_LIMIT: usize = 8192;
/// The connections of one jail.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: HashMap<Arc<[u8]>, Known>,
    /// The same, by when they were last heard of.
    order: BTreeMap<u64, Arc<[u8]>>,
    next: u64,
    /// How many were dropped for [`SESSION_LIMIT`] while still in time.
    pub evicted: u64,
}

#[derive(Debug, Default)]
struct Known {
    session: Session,
    heard: Time,
    order: u64,
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
            self.forget(key);
        }
        answer
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    fn known(&mut self, key: &[u8]) -> &mut Known {
        self.next += 1;
        let order = self.next;
        let key = if let Some((key, known)) = self.open.get_key_value(key) {
            self.order.remove(&known.order);
            Arc::clone(key)
        } else {
            self.make_room();
            Arc::from(key)
        };
        self.order.insert(order, Arc::clone(&key));
        let known = self.open.entry(key).or_default();
        known.order = order;
        known
    }

    fn make_room(&mut self) {
        if self.open.len() >= SESSION_LIMIT
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.open.remove(&oldest);
            self.evicted += 1;
        }
    }

    /// Drops those that were not heard of for `idle`.
    fn forget_idle(&mut self, time: Time, idle: Duration) {
        while let Some(oldest) = self.order.first_entry() {
            let stale = self
                .open
                .get(oldest.get())
                .is_none_or(|known| time.since(known.heard) > idle);
            if !stale {
                return;
            }
            self.open.remove(&oldest.remove());
        }
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some(known) = self.open.remove(key) {
            self.order.remove(&known.order);
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
        assert_eq!(
            (sessions.len(), sessions.order.len()),
            (SESSION_LIMIT, SESSION_LIMIT)
        );
        assert_eq!(sessions.evicted, 2);
    }
}

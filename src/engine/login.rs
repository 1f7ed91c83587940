//! Who logged in lately: with `forgive_on_success` such an address is not counted for a while.

use std::net::IpAddr;
use std::time::Duration;

use crate::engine::capped::{Capped, Worth};
use crate::engine::{JailId, Key};
use crate::model::{Prefix, Time};

/// When an address logged in last.
#[derive(Clone, Copy, Default)]
struct Login(Time);

impl Worth for Login {
    fn worth(&self) -> (usize, Time) {
        (0, self.0)
    }
}

/// The last login of each address in each jail that asks for it.
pub(super) struct Logins {
    last: Capped<Login>,
}

impl Logins {
    pub fn new(limit: usize) -> Self {
        Self {
            last: Capped::new(limit),
        }
    }

    pub fn set_limit(&mut self, limit: usize) {
        self.last.set_limit(limit, drop);
    }

    pub fn evicted(&self) -> u64 {
        self.last.evicted()
    }

    pub fn note(&mut self, jail: JailId, addr: IpAddr, time: Time) {
        let (login, _) = self.last.entry(key(jail, addr));
        login.0 = login.0.max(time);
    }

    /// When `addr` logged in, if that is not longer ago than `span`.
    pub fn within(&self, jail: JailId, addr: IpAddr, span: Duration, now: Time) -> Option<Time> {
        let login = self.last.find(key(jail, addr))?.0;
        (now.since(login) <= span).then_some(login)
    }

    /// Forgets some logins that are longer ago than `span`, the longest of all jails.
    pub fn sweep(&mut self, now: Time, span: Duration) {
        self.last.sweep(|_, login| now.since(login.0) > span, drop);
    }
}

/// The address alone, whatever the jail counts as one: its neighbours did not log in.
fn key(jail: JailId, addr: IpAddr) -> Key {
    let prefix = Prefix::host(addr);
    Key { jail, prefix }
}

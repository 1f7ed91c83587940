//! The conversation with the kernel's routing tables.

use std::io;

use netlink_sys::protocols::NETLINK_ROUTE;
use rustix::io::Errno;

use super::message::{self, AF_INET, AF_INET6, Edit, Found, RTM_GETROUTE};
use crate::backend::netlink::reading::Message;
use crate::backend::netlink::{Failure, Notices, Socket};

/// Those who want to know about changes of routes (`linux/rtnetlink.h`).
const RTNLGRP_IPV4_ROUTE: u32 = 7;
const RTNLGRP_IPV6_ROUTE: u32 = 11;

/// How often to begin a list again because routes changed meanwhile.
const ATTEMPTS: usize = 16;

/// Asks and changes.
pub(super) struct Kernel {
    socket: Socket,
}

/// An edit that the kernel refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub edit: Edit,
    pub errno: Errno,
}

impl Kernel {
    /// Opens a socket in this thread's network namespace.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::open(NETLINK_ROUTE, "the routing tables")?;
        // Without, a list is of all routes there are, and ours are picked out here.
        let _ = socket.check_strictly();
        Ok(Self { socket })
    }

    /// The number by which the kernel tells this socket from others.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// Our routes, of both families.
    pub fn list(&mut self) -> Result<Vec<Found>, Failure> {
        let mut found = self.list_family(AF_INET)?;
        found.extend(self.list_family(AF_INET6)?);
        Ok(found)
    }

    /// Our routes of one family; none if the kernel does not have it.
    pub fn list_family(&mut self, family: u8) -> Result<Vec<Found>, Failure> {
        let mut found = Vec::new();
        // Where routes change all the time, the last list is taken as it is: of ours only changes
        // by others can be wrong in it, and of those there are notices.
        for _ in 0..ATTEMPTS {
            found.clear();
            let fixed = message::listing(family);
            let each = |message: Message<'_>| {
                found.extend(message::read(message).filter(|found: &Found| found.ours));
            };
            match self.socket.dump(RTM_GETROUTE, &fixed, |_| (), each) {
                Ok(true) => break,
                Ok(false) => {}
                Err(failure) if failure.is(Errno::OPNOTSUPP) => return Ok(Vec::new()),
                Err(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    /// Has the kernel carry out `edits` one by one; those that it refuses.
    pub fn carry_out(&mut self, edits: &[Edit]) -> Result<Vec<Refusal>, Failure> {
        let refusals = self.socket.carry_out(edits, Edit::write)?;
        Ok(refusals
            .into_iter()
            .map(|(edit, errno)| Refusal { edit: *edit, errno })
            .collect())
    }
}

/// Opens a socket in this thread's network namespace that hears of all changes.
pub(super) fn notices() -> io::Result<Notices> {
    Notices::open(NETLINK_ROUTE, &[RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE])
}

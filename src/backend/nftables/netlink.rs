//! The conversation with the kernel's `nf_tables`.
//!
//! A batch goes out as one datagram, or the kernel sees only a part of it.

use std::io;

use netlink_packet_core::NLMSG_ERROR;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::io::Errno;

use super::element::Element;
use super::message::{
    Batch, NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFT_MSG_GETGEN, NFT_MSG_GETSETELEM,
    NFT_MSG_GETTABLE, NFT_MSG_NEWGEN, NFTA_GEN_ID, NFTA_SET_ELEM_LIST_ELEMENTS,
    NFTA_SET_ELEM_LIST_SET, NFTA_TABLE,
};
use super::reading;
use crate::backend::netlink::attribute::Writer;
use crate::backend::netlink::reading::{Message, attribute, u32_of};
use crate::backend::netlink::{Failure, Notices, Socket};

/// The group of those who want to know about changes (linux/netfilter/nfnetlink.h).
const NFNLGRP_NFTABLES: u32 = 7;

/// Asks and changes.
pub(super) struct Requests {
    socket: Socket,
}

/// `struct nfgenmsg` of a message about something in the table.
const GENERIC: [u8; 4] = [NFPROTO_INET, 0, 0, 0];

impl Requests {
    /// Opens a socket in this thread's network namespace.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::open(NETLINK_NETFILTER, "nf_tables")?;
        Ok(Self { socket })
    }

    /// The number by which the kernel tells this socket from others.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// An empty batch.
    pub fn batch(&mut self, generation: Option<u32>) -> Batch {
        Batch::new(self.socket.sequence(0), generation)
    }

    /// Has the kernel carry out `batch`, all or nothing.
    pub fn commit(&mut self, batch: Batch) -> Result<(), Failure> {
        let (bytes, acknowledged) = batch.finish();
        let first = self.socket.sequence(0);
        let span = acknowledged.wrapping_sub(first);
        self.socket.sequence(span.wrapping_add(2)); // behind the end of the batch
        self.socket.send(&bytes)?;
        loop {
            for message in self.socket.receive()? {
                let (NLMSG_ERROR, Some((code, offset))) = (message.kind, message.acknowledgement())
                else {
                    continue;
                };
                // An error may come for any message of the batch, and is always ahead of the
                // acknowledgement, which comes even if a message before failed.
                if message.sequence.wrapping_sub(first) > span {
                    continue;
                }
                if code != 0 {
                    let place = reading::place(&bytes, message.sequence, offset);
                    return Err(Failure::refused(code, place));
                }
                if message.sequence == acknowledged {
                    return Ok(());
                }
            }
        }
    }

    /// The number of the ruleset's present state; every commit of anybody counts it up by one.
    pub fn generation(&mut self) -> Result<u32, Failure> {
        let generation = |message: Message<'_>| {
            (message.nf_tables()? == NFT_MSG_NEWGEN).then_some(())?;
            attribute(message.attributes(), NFTA_GEN_ID).and_then(u32_of)
        };
        self.socket
            .ask_for(numbered(NFT_MSG_GETGEN), &GENERIC, |_| (), generation)
    }

    /// Whether there is a table of that name.
    pub fn has_table(&mut self, table: &str) -> Result<bool, Failure> {
        self.has(NFT_MSG_GETTABLE, |writer| writer.name(NFTA_TABLE, table))
    }

    /// Whether a set holds `element`; an interval set does if one of its intervals does.
    pub fn has_element(
        &mut self,
        table: &str,
        set: &str,
        element: &Element,
    ) -> Result<bool, Failure> {
        self.has(NFT_MSG_GETSETELEM, |writer| {
            writer.name(NFTA_TABLE, table);
            writer.name(NFTA_SET_ELEM_LIST_SET, set);
            writer.nested(NFTA_SET_ELEM_LIST_ELEMENTS, |list| element.write(list));
        })
    }

    fn has(&mut self, kind: u16, body: impl FnOnce(&mut Writer)) -> Result<bool, Failure> {
        let any = |message: Message<'_>| message.nf_tables();
        match self.socket.ask_for(numbered(kind), &GENERIC, body, any) {
            Ok(_) => Ok(true),
            Err(failure) if failure.is(Errno::NOENT) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Has the kernel list the elements of a set, as [`dump`](Self::dump) does; none if there is
    /// no such set.
    pub fn elements(
        &mut self,
        table: &str,
        set: &str,
        each: impl FnMut(Message<'_>),
    ) -> Result<bool, Failure> {
        let body = |writer: &mut Writer| {
            writer.name(NFTA_TABLE, table);
            writer.name(NFTA_SET_ELEM_LIST_SET, set);
        };
        let listed = self
            .socket
            .dump(numbered(NFT_MSG_GETSETELEM), &GENERIC, body, each);
        match listed {
            Err(failure) if failure.is(Errno::NOENT) => Ok(true),
            listed => listed,
        }
    }

    /// Has the kernel list something of `table`; false if it changed meanwhile and the list is not
    /// of one moment.
    pub fn dump(
        &mut self,
        kind: u16,
        table: &str,
        each: impl FnMut(Message<'_>),
    ) -> Result<bool, Failure> {
        let body = |writer: &mut Writer| writer.name(NFTA_TABLE, table);
        self.socket.dump(numbered(kind), &GENERIC, body, each)
    }
}

/// Opens a socket in this thread's network namespace that hears of all changes.
pub(super) fn notices() -> io::Result<Notices> {
    Notices::open(NETLINK_NETFILTER, &[NFNLGRP_NFTABLES])
}

fn numbered(kind: u16) -> u16 {
    NFNL_SUBSYS_NFTABLES << 8 | kind
}

//! The sockets to the kernel's `nf_tables`: one to ask and to change, one to hear who changed what.
//!
//! A batch goes out as one datagram, or the kernel sees only a part of it. The kernel works it off
//! within `sendmsg`, so the answer is there when that returns; both sockets are non-blocking and an
//! answer that is not there will not come.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::attribute::{Head, Writer};
use super::message::{
    Batch, NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFT_MSG_GETGEN, NFT_MSG_NEWGEN, NFTA_GEN_ID,
    NFTA_TABLE,
};
use super::reading::{self, Message};

/// The group of those who want to know about changes (linux/netfilter/nfnetlink.h).
const NFNLGRP_NFTABLES: u32 = 7;
/// The largest batch: a million elements take 40 MB. A limit, not memory.
const SEND_BUFFER: usize = 512 << 20;
/// Room for the notices of some 100 000 elements that are changed at once; beyond that the kernel
/// says that it lost some, which is taken for a change by others. A limit, not memory.
const RECEIVE_BUFFER: usize = 64 << 20;
/// The kernel sends at most 32 KiB at once (`NLMSG_GOODSIZE`, `netlink_dump`), an error less.
const DATAGRAM: usize = 64 << 10;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The kernel refused it; nothing was changed.
    #[error("{}{}", io::Error::from(*errno), about(place.as_deref()))]
    Kernel {
        /// Why.
        errno: Errno,
        /// What it was about.
        place: Option<String>,
    },
    /// Whether it was carried out is not known.
    #[error("{0}: {1}")]
    Lost(&'static str, io::Error),
}

fn about(place: Option<&str>) -> String {
    place.map(|place| format!(" ({place})")).unwrap_or_default()
}

/// Asks and changes.
pub(super) struct Requests {
    socket: Socket,
    port: u32,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Requests {
    /// Opens a socket in this thread's network namespace.
    pub fn open() -> io::Result<Self> {
        let (socket, port) = open()?;
        // Errors come with their place in the message instead of the whole message.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self {
            socket,
            port,
            sequence: 1,
            buffer: vec![0; DATAGRAM],
        })
    }

    /// The number by which the kernel tells this socket from others.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// An empty batch, numbered behind everything sent before, so that a late answer to something
    /// else is not taken for its own.
    pub fn batch(&self, generation: Option<u32>) -> Batch {
        Batch::new(self.sequence, generation)
    }

    /// Has the kernel carry out `batch`, all or nothing.
    pub fn commit(&mut self, batch: Batch) -> Result<(), Failure> {
        let first = self.sequence;
        let (bytes, acknowledged) = batch.finish();
        let span = acknowledged.wrapping_sub(first);
        self.sequence = acknowledged.wrapping_add(2); // behind the end of the batch
        self.send(&bytes)?;
        loop {
            for message in self.receive()? {
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
                    return Err(refused(code, place));
                }
                if message.sequence == acknowledged {
                    return Ok(());
                }
            }
        }
    }

    /// The number of the ruleset's present state; every commit of anybody counts it up by one.
    pub fn generation(&mut self) -> Result<u32, Failure> {
        let sequence = self.ask(NFT_MSG_GETGEN, 0, |_| ())?;
        loop {
            for message in self.receive()? {
                if message.sequence != sequence {
                    continue;
                }
                if let (NLMSG_ERROR, Some((code, _))) = (message.kind, message.acknowledgement()) {
                    return Err(refused(code, None));
                }
                let generation = reading::attribute(message.attributes(), NFTA_GEN_ID);
                if let (Some(NFT_MSG_NEWGEN), Some(generation)) =
                    (message.nf_tables(), generation.and_then(reading::u32_of))
                {
                    return Ok(generation);
                }
            }
        }
    }

    /// Has the kernel list something of `table`; false if it changed meanwhile and the list is not
    /// of one moment.
    pub fn dump(
        &mut self,
        kind: u16,
        table: &str,
        mut each: impl FnMut(Message<'_>),
    ) -> Result<bool, Failure> {
        let sequence = self.ask(kind, NLM_F_DUMP, |writer| writer.name(NFTA_TABLE, table))?;
        let mut whole = true;
        loop {
            for message in self.receive()? {
                if message.sequence != sequence {
                    continue;
                }
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match (message.kind, message.acknowledgement()) {
                    (NLMSG_DONE, Some((0, _))) => return Ok(whole),
                    (NLMSG_DONE | NLMSG_ERROR, Some((code, _))) => return Err(refused(code, None)),
                    _ => each(message),
                }
            }
        }
    }

    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        body: impl FnOnce(&mut Writer),
    ) -> Result<u32, Failure> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let mut writer = Writer::default();
        let head = Head {
            kind: NFNL_SUBSYS_NFTABLES << 8 | kind,
            flags,
            sequence,
            family: NFPROTO_INET,
            resource: 0,
        };
        writer.message(&head, body);
        self.send(&writer.into_bytes())?;
        Ok(sequence)
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Failure> {
        let kernel = SocketAddr::new(0, 0);
        match self.socket.send_to(bytes, &kernel, 0) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Lost("sending to nf_tables", error)),
        }
    }

    fn receive(&mut self) -> Result<impl Iterator<Item = Message<'_>>, Failure> {
        let len = receive(&self.socket, &mut self.buffer)
            .map_err(|error| Failure::Lost("reading the answer of nf_tables", error))?;
        Ok(reading::messages(&self.buffer[..len]))
    }
}

/// Hears of changes, by anybody.
pub(super) struct Notices {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Notices {
    /// Opens a socket in this thread's network namespace, and listens.
    pub fn open() -> io::Result<Self> {
        let (socket, _) = open()?;
        let notices = Self {
            socket,
            buffer: vec![0; DATAGRAM],
        };
        notices.listen()?;
        Ok(notices)
    }

    /// Listens again after [`Self::deafen`].
    pub fn listen(&self) -> io::Result<()> {
        self.socket.add_membership(NFNLGRP_NFTABLES)
    }

    /// Stops listening and forgets what was heard.
    pub fn deafen(&mut self) -> io::Result<()> {
        self.socket.drop_membership(NFNLGRP_NFTABLES)?;
        loop {
            match receive(&self.socket, &mut self.buffer) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if lost_some(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads all notices; true if anybody but `port` changed `table`, or that cannot be ruled out.
    pub fn another_changed(&mut self, table: &str, port: u32) -> io::Result<bool> {
        let mut changed = false;
        loop {
            match receive(&self.socket, &mut self.buffer) {
                Ok(len) => {
                    changed |= reading::messages(&self.buffer[..len])
                        .any(|message| message.tells_of_another(table, port));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(changed),
                Err(error) if lost_some(&error) => changed = true,
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Notices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open() -> io::Result<(Socket, u32)> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.set_non_blocking(true)?;
    // Best effort: without the right to, changes are refused anyway, and with the default sizes
    // only large batches are.
    let _ = sockopt::set_socket_send_buffer_size_force(&socket, SEND_BUFFER);
    let _ = sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER);
    let port = socket.bind_auto()?.port_number();
    Ok((socket, port))
}

/// Receives a datagram from the kernel; those of other senders are skipped.
fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let (len, sender) = socket.recv_from(&mut &mut *buffer, 0)?;
        if sender.port_number() == 0 {
            return Ok(len.min(buffer.len()));
        }
    }
}

fn lost_some(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error())
}

fn refused(code: i32, place: Option<String>) -> Failure {
    Failure::Kernel {
        errno: Errno::from_raw_os_error(code.saturating_neg()),
        place,
    }
}

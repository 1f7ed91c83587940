//! Netlink sockets: one kind to ask and to change, one to hear who changed what.
//!
//! The kernel works a datagram off within `sendmsg`, so the answer is there when that returns; the
//! sockets are non-blocking and an answer that is not there will not come.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use netlink_sys::SocketAddr;
use rustix::io::Errno;
use rustix::net::sockopt;

use super::attribute::{Head, Writer};
use super::reading::{self, Message};

/// The largest datagram: a batch with a million elements of nftables takes 40 MB. A limit, not
/// memory.
const SEND_BUFFER: usize = 512 << 20;
/// Room for the notices of some 100 000 changes that are made at once; beyond that the kernel says
/// that it lost some. A limit, not memory.
const RECEIVE_BUFFER: usize = 64 << 20;
/// The kernel sends at most 32 KiB at once (`NLMSG_GOODSIZE`, `netlink_dump`), an error less.
const DATAGRAM: usize = 64 << 10;

/// Requests in one datagram. Should the kernel refuse all of them, the answers fit into a receive
/// buffer of the default size.
const REQUESTS: usize = 256;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The kernel refused it.
    #[error("{}{}", io::Error::from(*errno), about(place.as_deref()))]
    Kernel {
        /// Why.
        errno: Errno,
        /// What it was about.
        place: Option<String>,
    },
    /// Whether it was carried out is not known.
    #[error("{doing} {whom}: {error}")]
    Lost {
        /// What failed.
        doing: &'static str,
        /// Which part of the kernel it was about.
        whom: &'static str,
        /// Why.
        error: io::Error,
    },
}

fn about(place: Option<&str>) -> String {
    place.map(|place| format!(" ({place})")).unwrap_or_default()
}

impl Failure {
    /// The kernel's refusal by the code of an acknowledgement.
    pub fn refused(code: i32, place: Option<String>) -> Self {
        Self::Kernel {
            errno: Errno::from_raw_os_error(code.saturating_neg()),
            place,
        }
    }

    /// Whether the kernel refused it for this reason.
    pub fn is(&self, wanted: Errno) -> bool {
        matches!(self, Self::Kernel { errno, .. } if *errno == wanted)
    }
}

/// Asks and changes.
pub struct Socket {
    inner: netlink_sys::Socket,
    /// Which part of the kernel it talks to, for messages.
    whom: &'static str,
    port: u32,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket in this thread's network namespace. `protocol` is one of netlink(7), `whom`
    /// its name in messages.
    pub fn open(protocol: isize, whom: &'static str) -> io::Result<Self> {
        let (socket, port) = open(protocol)?;
        // Errors come with their place in the message instead of the whole message.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        Ok(Self {
            inner: socket,
            whom,
            port,
            sequence: 1,
            buffer: vec![0; DATAGRAM],
        })
    }

    /// Has the kernel check what a dump asks for, and list that only (Linux 4.20 and later).
    pub fn check_strictly(&self) -> io::Result<()> {
        self.inner.set_netlink_get_strict_chk(true)
    }

    /// The number by which the kernel tells this socket from others.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// The first of `count` numbers for messages, behind everything sent before, so that a late
    /// answer to something else is not taken for theirs.
    pub fn sequence(&mut self, count: u32) -> u32 {
        let first = self.sequence;
        self.sequence = first.wrapping_add(count);
        first
    }

    /// Has the kernel list something; false if it changed meanwhile and the list is not of one
    /// moment. `kind`, `fixed` and `body` are those of the request's message.
    pub fn dump(
        &mut self,
        kind: u16,
        fixed: &[u8],
        body: impl FnOnce(&mut Writer),
        mut each: impl FnMut(Message<'_>),
    ) -> Result<bool, Failure> {
        let sequence = self.ask(kind, NLM_F_DUMP, fixed, body)?;
        let mut whole = true;
        loop {
            for message in self.receive()? {
                if message.sequence != sequence {
                    continue;
                }
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match (message.kind, message.acknowledgement()) {
                    (NLMSG_DONE, Some((0, _))) => return Ok(whole),
                    (NLMSG_DONE | NLMSG_ERROR, Some((code, _))) => {
                        return Err(Failure::refused(code, None));
                    }
                    _ => each(message),
                }
            }
        }
    }

    /// Asks for one thing; what `answer` makes of the first message that it can read.
    pub fn ask_for<T>(
        &mut self,
        kind: u16,
        fixed: &[u8],
        body: impl FnOnce(&mut Writer),
        answer: impl Fn(Message<'_>) -> Option<T>,
    ) -> Result<T, Failure> {
        let sequence = self.ask(kind, 0, fixed, body)?;
        loop {
            for message in self.receive()? {
                if message.sequence != sequence {
                    continue;
                }
                if let (NLMSG_ERROR, Some((code, _))) = (message.kind, message.acknowledgement()) {
                    return Err(Failure::refused(code, None));
                }
                if let Some(answer) = answer(message) {
                    return Ok(answer);
                }
            }
        }
    }

    /// Has the kernel carry out `requests` one by one; those that it refuses, and why. `write`
    /// appends one, with a number.
    pub fn carry_out<'r, T>(
        &mut self,
        requests: &'r [T],
        write: impl Fn(&T, &mut Writer, u32),
    ) -> Result<Vec<(&'r T, Errno)>, Failure> {
        let mut refused = Vec::new();
        for batch in requests.chunks(REQUESTS) {
            let first = self.sequence(u32::try_from(batch.len()).unwrap_or(u32::MAX));
            let mut writer = Writer::default();
            for (sequence, request) in (first..).zip(batch) {
                write(request, &mut writer, sequence);
            }
            writer.acknowledge_newest();
            self.send(&writer.into_bytes())?;
            let mut ended = false;
            while !ended {
                for message in self.receive()? {
                    let (NLMSG_ERROR, Some((code, _))) = (message.kind, message.acknowledgement())
                    else {
                        continue;
                    };
                    let at = usize::try_from(message.sequence.wrapping_sub(first));
                    let Some((at, request)) = at.ok().and_then(|at| Some((at, batch.get(at)?)))
                    else {
                        continue;
                    };
                    // Only refusals are answered, and the last request in any case.
                    ended |= at + 1 == batch.len();
                    if code != 0 {
                        let errno = Errno::from_raw_os_error(code.saturating_neg());
                        refused.push((request, errno));
                    }
                }
            }
        }
        Ok(refused)
    }

    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        body: impl FnOnce(&mut Writer),
    ) -> Result<u32, Failure> {
        let sequence = self.sequence(1);
        let mut writer = Writer::default();
        let head = Head {
            kind,
            flags,
            sequence,
        };
        writer.message(&head, fixed, body);
        self.send(&writer.into_bytes())?;
        Ok(sequence)
    }

    /// Sends messages as one datagram.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Failure> {
        let kernel = SocketAddr::new(0, 0);
        match self.inner.send_to(bytes, &kernel, 0) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.lost("sending to", error)),
        }
    }

    /// The messages of the next datagram.
    pub fn receive(&mut self) -> Result<impl Iterator<Item = Message<'_>>, Failure> {
        match receive(&self.inner, &mut self.buffer) {
            Ok(len) => Ok(reading::messages(&self.buffer[..len])),
            Err(error) => Err(self.lost("reading the answer of", error)),
        }
    }

    fn lost(&self, doing: &'static str, error: io::Error) -> Failure {
        let whom = self.whom;
        Failure::Lost { doing, whom, error }
    }
}

/// Hears of changes, by anybody.
pub struct Notices {
    inner: netlink_sys::Socket,
    groups: &'static [u32],
    buffer: Vec<u8>,
}

impl Notices {
    /// Opens a socket in this thread's network namespace, and listens to groups of netlink(7).
    pub fn open(protocol: isize, groups: &'static [u32]) -> io::Result<Self> {
        let (socket, _) = open(protocol)?;
        let notices = Self {
            inner: socket,
            groups,
            buffer: vec![0; DATAGRAM],
        };
        notices.listen()?;
        Ok(notices)
    }

    /// Listens again after [`Self::deafen`].
    pub fn listen(&self) -> io::Result<()> {
        let add = |group: &u32| self.inner.add_membership(*group);
        self.groups.iter().try_for_each(add)
    }

    /// Stops listening and forgets what was heard.
    pub fn deafen(&mut self) -> io::Result<()> {
        let drop = |group: &u32| self.inner.drop_membership(*group);
        self.groups.iter().try_for_each(drop)?;
        self.any(|_| false).map(|_| ())
    }

    /// Reads all notices; true if any of them is what `wanted` says, or if some were lost, so that
    /// it cannot be ruled out.
    pub fn any(&mut self, mut wanted: impl FnMut(Message<'_>) -> bool) -> io::Result<bool> {
        let mut found = false;
        loop {
            match receive(&self.inner, &mut self.buffer) {
                Ok(len) => {
                    for message in reading::messages(&self.buffer[..len]) {
                        found |= wanted(message);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(found),
                Err(error) if lost_some(&error) => found = true,
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Notices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

fn open(protocol: isize) -> io::Result<(netlink_sys::Socket, u32)> {
    let mut socket = netlink_sys::Socket::new(protocol)?;
    socket.set_non_blocking(true)?;
    // Best effort: without the right to, changes are refused anyway, and with the default sizes
    // only large batches are.
    let _ = sockopt::set_socket_send_buffer_size_force(&socket, SEND_BUFFER);
    let _ = sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER);
    let port = socket.bind_auto()?.port_number();
    Ok((socket, port))
}

/// Receives a datagram from the kernel; those of other senders are skipped.
fn receive(socket: &netlink_sys::Socket, buffer: &mut [u8]) -> io::Result<usize> {
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

//! TCP connections of this machine's programs, listed and ended over `sock_diag(7)`.
//!
//! Numbers and layouts are those of `linux/inet_diag.h` and `linux/sock_diag.h`. Ending one needs
//! `CONFIG_INET_DIAG_DESTROY`, which distributions set: its program gets `ECONNABORTED`, its other
//! end a reset.

use std::collections::HashSet;
use std::net::IpAddr;

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use rustix::io::Errno;

use super::wishes::Wishes;
use crate::backend::netlink::attribute::{Head, Writer};
use crate::backend::netlink::reading::Message;
use crate::backend::netlink::{Failure, Socket};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// States (`net/tcp_states.h`) as bits: all in which somebody is at the other end.
const CONNECTED: u32 = 1 << TCP_ESTABLISHED
    | 1 << TCP_SYN_RECV
    | 1 << TCP_FIN_WAIT1
    | 1 << TCP_FIN_WAIT2
    | 1 << TCP_CLOSE_WAIT
    | 1 << TCP_LAST_ACK
    | 1 << TCP_CLOSING;
const TCP_ESTABLISHED: u8 = 1;
const TCP_SYN_RECV: u8 = 3;
const TCP_FIN_WAIT1: u8 = 4;
const TCP_FIN_WAIT2: u8 = 5;
const TCP_CLOSE_WAIT: u8 = 8;
const TCP_LAST_ACK: u8 = 9;
const TCP_LISTEN: u8 = 10;
const TCP_CLOSING: u8 = 11;

/// The length of `struct inet_diag_sockid`.
const ID_LEN: usize = 48;
/// What stands before it in `struct inet_diag_msg`.
const ID_AT: usize = 4;
/// The length of `struct inet_diag_req_v2`.
const REQUEST_LEN: usize = 56;

/// A connection, as the kernel names it.
struct Found {
    family: u8,
    id: [u8; ID_LEN],
    local_port: u16,
}

/// Ends the connections that `wishes` cover, if they were opened from outside: something listens on
/// their local port. Those that programs here opened themselves go on, as their replies do.
pub(super) fn end(wishes: &Wishes) -> Result<(), String> {
    let mut socket = Socket::open(NETLINK_SOCK_DIAG, "sock_diag")
        .map_err(|error| format!("opening a netlink socket to sock_diag: {error}"))?;
    let mut listening = HashSet::new();
    let mut covered = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let request = request(family, CONNECTED | 1 << TCP_LISTEN, &[0; ID_LEN]);
        let each = |message: Message<'_>| {
            let Some((state, remote, found)) = read(message) else {
                return;
            };
            if state == TCP_LISTEN {
                listening.insert(found.local_port);
            } else if wishes.cover(remote, found.local_port) {
                covered.push(found);
            }
        };
        match socket.dump(SOCK_DIAG_BY_FAMILY, &request, |_| (), each) {
            Ok(_) => {}
            // There is no IPv6.
            Err(failure) if family == AF_INET6 && failure.is(Errno::NOENT) => {}
            Err(failure) => return Err(format!("listing connections: {failure}")),
        }
    }
    covered.retain(|found| listening.contains(&found.local_port));
    let refused = socket
        .carry_out(&covered, destroy)
        .map_err(|failure: Failure| format!("ending connections: {failure}"))?;
    // Most that are refused have ended by themselves.
    let wrong = refused.iter().find(|(_, errno)| *errno != Errno::NOENT);
    match wrong {
        None => Ok(()),
        Some((_, Errno::OPNOTSUPP)) => {
            Err("the kernel cannot end connections (CONFIG_INET_DIAG_DESTROY)".to_owned())
        }
        Some((_, errno)) => Err(format!("ending connections: {errno}")),
    }
}

fn destroy(found: &Found, writer: &mut Writer, sequence: u32) {
    let head = Head {
        kind: SOCK_DESTROY,
        flags: 0,
        sequence,
    };
    let fixed = request(found.family, u32::MAX, &found.id);
    writer.message(&head, &fixed, |_| ());
}

/// `struct inet_diag_req_v2`.
fn request(family: u8, states: u32, id: &[u8; ID_LEN]) -> [u8; REQUEST_LEN] {
    let mut request = [0; REQUEST_LEN];
    let (extensions, padding) = (0, 0);
    request[..4].copy_from_slice(&[family, IPPROTO_TCP, extensions, padding]);
    request[4..8].copy_from_slice(&states.to_ne_bytes());
    request[8..].copy_from_slice(id);
    request
}

/// The state of a connection, its other end, and its name.
fn read(message: Message<'_>) -> Option<(u8, IpAddr, Found)> {
    if message.kind != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let &[family, state, ..] = message.payload else {
        return None;
    };
    let id = message.payload.get(ID_AT..ID_AT + ID_LEN)?;
    let local_port = u16::from_be_bytes(id.get(..2)?.try_into().ok()?);
    // Behind both ports and the local address.
    let remote = id.get(20..36)?;
    let remote = match family {
        AF_INET => IpAddr::from(<[u8; 4]>::try_from(remote.get(..4)?).ok()?),
        AF_INET6 => IpAddr::from(<[u8; 16]>::try_from(remote).ok()?),
        _ => return None,
    };
    let found = Found {
        family,
        id: id.try_into().ok()?,
        local_port,
    };
    Some((state, remote, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::netlink::reading::messages;

    #[test]
    fn what_is_cut_short_is_skipped() {
        let mut writer = Writer::default();
        let head = Head {
            kind: SOCK_DIAG_BY_FAMILY,
            flags: 0,
            sequence: 1,
        };
        let mut fixed = [0; 72];
        fixed[..2].copy_from_slice(&[AF_INET, TCP_ESTABLISHED]);
        fixed[4..6].copy_from_slice(&22_u16.to_be_bytes());
        fixed[24..28].copy_from_slice(&[192, 0, 2, 1]);
        writer.message(&head, &fixed, |_| ());
        let bytes = writer.into_bytes();
        let (state, remote, found) = messages(&bytes).next().and_then(read).expect("whole");
        assert_eq!((state, found.local_port), (TCP_ESTABLISHED, 22));
        assert_eq!(remote, IpAddr::from([192, 0, 2, 1]));
        let cut = Message {
            payload: &fixed[..51],
            ..messages(&bytes).next().expect("a message")
        };
        assert!(read(cut).is_none());
    }
}

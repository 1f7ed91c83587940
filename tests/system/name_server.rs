//! A name server in the container that gives every name one IPv4 address.

use std::fs::File;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::container::Container;

/// The type of a question for an IPv4 address (RFC 1035, 3.2.2).
const A: [u8; 2] = [0, 1];

/// Answers on the container's own port 53, until the test ends, and has the container ask there.
pub fn serve(container: &Container, address: Ipv4Addr) {
    let namespace = File::open(container.path("/proc/1/ns/net")).expect("systemd lives");
    // A thread of its own is in the other namespace; the socket stays there.
    let socket = thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("root may");
        UdpSocket::bind("127.0.0.1:53").expect("nobody else serves names there")
    });
    let socket = socket.join().expect("binds");
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let _ = socket.send_to(&answer(&question[..length], address), from);
        }
    });
    container.sh("rm -f /etc/resolv.conf && echo nameserver 127.0.0.1 >/etc/resolv.conf");
}

/// The reply to a message with one question (RFC 1035, 4.1).
fn answer(message: &[u8], address: Ipv4Addr) -> Vec<u8> {
    let name = message[12..]
        .iter()
        .position(|byte| *byte == 0)
        .expect("ends")
        + 13;
    let question = &message[12..name + 4];
    let wanted = question[question.len() - 4..question.len() - 2] == A;
    let mut reply = message[..2].to_vec();
    // A reply without error, recursion available; one question, perhaps one answer.
    reply.extend([0x81, 0x80, 0, 1, 0, u8::from(wanted), 0, 0, 0, 0]);
    reply.extend(question);
    if wanted {
        // The name in the question; IPv4, Internet, good for 30 s, four bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
        reply.extend(address.octets());
    }
    reply
}

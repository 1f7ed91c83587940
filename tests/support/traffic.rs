//! Connections and datagrams from an address of choice.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketType, bind, connect as connect_socket, socket};

/// How long to wait for an answer that must not come. One that must come takes microseconds.
const SILENCE: Duration = Duration::from_millis(300);

/// Opens a TCP connection.
pub fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let family = if from.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let fd = socket(family, SocketType::STREAM, None)?;
    set_socket_timeout(&fd, Timeout::Send, Some(SILENCE))?;
    bind(&fd, &SocketAddr::new(from, 0))?;
    connect_socket(&fd, &to)?;
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Open,
    Refused,
    Silent,
}

/// Tries to open a TCP connection.
pub fn tcp(from: &str, to: &str) -> Outcome {
    outcome(connect(
        from.parse().expect("an address"),
        to.parse().expect("a socket address"),
    ))
}

/// Sends a datagram to somebody who answers (see [`answer`]).
pub fn udp(from: &str, to: &str) -> Outcome {
    let ask = || -> io::Result<()> {
        let from: IpAddr = from.parse().expect("an address");
        let socket = UdpSocket::bind((from, 0))?;
        socket.set_read_timeout(Some(SILENCE))?;
        socket.connect(to)?;
        socket.send(b"?")?;
        socket.recv(&mut [0; 8]).map(drop)
    };
    outcome(ask())
}

fn outcome<T>(result: io::Result<T>) -> Outcome {
    match result {
        Ok(_) => Outcome::Open,
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused => Outcome::Refused,
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Outcome::Silent,
            _ if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                Outcome::Silent
            }
            _ => panic!("unexpected: {error}"),
        },
    }
}

/// Answers each datagram, until the test ends.
pub fn answer(socket: UdpSocket) {
    std::thread::spawn(move || {
        while let Ok((_, from)) = socket.recv_from(&mut [0; 8]) {
            let _ = socket.send_to(b"!", from);
        }
    });
}

/// Whether the other end still answers: sends a byte, which it is to send back.
pub fn alive(stream: &mut TcpStream) -> bool {
    stream.write_all(b"?").is_ok() && stream.read_exact(&mut [0; 1]).is_ok()
}

//! Connections that were there before a ban.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use journalban::backend::{Action, Backend, Enforcer, Nftables, Routes, Target};
use tokio::sync::mpsc::unbounded_channel;

use crate::packets::{
    ATTACKER, ATTACKER6, NEIGHBOUR, attacker_and_victim, attacker_victim_and_server, listen,
};
use crate::support::namespace::Namespace;
use crate::support::nft::nft;
use crate::support::traffic::connect;
use crate::support::until;
use crate::{add, apply, backend, target};

const LIMIT: Duration = Duration::from_secs(5);

/// A connection from `from`, and its end at the server.
fn connected(
    attacker: &Namespace,
    from: &str,
    to: &str,
    listener: &TcpListener,
) -> (TcpStream, TcpStream) {
    let client = attacker.run(|| {
        let address = |text: &str| text.parse().expect("an address");
        connect(address(from), to.parse().expect("a socket address")).expect("it is open")
    });
    let (server, _) = listener.accept().expect("it has come");
    server.set_nonblocking(true).expect("can be set");
    (client, server)
}

/// Whether the server's end was aborted; if not, it must be without news.
fn aborted(server: &mut TcpStream) -> bool {
    match server.read(&mut [0; 1]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) if error.kind() == ErrorKind::ConnectionAborted => true,
        other => panic!("unexpected: {other:?}"),
    }
}

/// Whether what one end sends arrives at the other.
fn joined(client: &mut TcpStream, server: &mut TcpStream) -> bool {
    let arrives = |server: &mut TcpStream| server.read(&mut [0; 8]).is_ok_and(|len| len > 0);
    client.write_all(b"?").is_ok() && until(LIMIT, || arrives(server)).is_some()
}

#[test]
fn a_ban_ends_the_connections_that_it_is_about_and_no_other() {
    for open in [
        || -> Box<dyn Backend> { Box::new(Nftables::open(Nftables::TABLE).expect("root may")) },
        || -> Box<dyn Backend> { Box::new(Routes::open().expect("root may")) },
    ] {
        let Some((attacker, victim)) = attacker_and_victim() else {
            return;
        };
        let theirs = attacker.run(|| listen(25));
        victim.run(|| {
            let (ssh, web) = (listen(22), listen(80));
            let connect = |from, to, listener| connected(&attacker, from, to, listener);
            let (_a, mut banned) = connect(ATTACKER, "192.0.2.1:22", &ssh);
            let (_b, mut banned6) = connect(ATTACKER6, "[2001:db8::1]:22", &ssh);
            let (_c, mut other_port) = connect(ATTACKER, "192.0.2.1:80", &web);
            let (mut neighbour, mut of_neighbour) = connect(NEIGHBOUR, "192.0.2.1:22", &ssh);
            let (_d, mut ours) = connected(&victim, "192.0.2.1", "198.51.100.7:25", &theirs);

            let targets = vec![
                Target {
                    end_connections: true,
                    ..target("sshd", Some(22), Action::Drop)
                },
                target("web", Some(80), Action::Drop),
            ];
            let (tell, mut told) = unbounded_channel();
            let (enforcer, started) =
                Enforcer::start(open(), targets, Vec::new(), tell).expect("a thread");
            assert_eq!(started.blocking_recv(), Ok(Ok(())));
            let answer = enforcer.apply(vec![
                add("sshd", ATTACKER, None),
                add("sshd", "2001:db8:bad::/64", None),
                add("web", ATTACKER, None),
            ]);
            assert_eq!(answer.blocking_recv(), Ok(Ok(())));
            let ended = until(LIMIT, || aborted(&mut banned));
            println!("ended {ended:?} after the ban was in force");
            assert!(ended.is_some());
            enforcer.stop(); // waits for all that is to be ended
            assert!(aborted(&mut banned6));
            assert!(!aborted(&mut other_port), "its jail does not say so");
            assert!(!aborted(&mut of_neighbour));
            assert!(!aborted(&mut ours), "we opened it");
            assert!(joined(&mut neighbour, &mut of_neighbour));
            assert_eq!(told.blocking_recv(), None, "nothing went wrong");
        });
    }
}

/// Why entries of connection tracking are left alone: see `backend::connections`.
#[test]
fn a_forwarded_connection_stays_cut_whatever_the_inside_sends() {
    let Some((attacker, victim, server)) = attacker_victim_and_server() else {
        return;
    };
    let listener = server.run(|| listen(80));
    victim.run(|| {
        let ending = Target {
            end_connections: true,
            ..target("a", None, Action::Drop)
        };
        let mut backend = backend(&[ending], &[]);
        let to = "203.0.113.2:80";
        let (mut client, mut inside) = connected(&attacker, ATTACKER, to, &listener);
        assert!(joined(&mut client, &mut inside));
        apply(&mut backend, &[add("a", ATTACKER, None)]);
        let before = dropped(&mut backend);
        inside.write_all(b"from inside").expect("it is connected");
        client.write_all(b"from outside").expect("it is connected");
        let stopped = until(LIMIT, || dropped(&mut backend) > before + 1);
        assert!(stopped.is_some(), "what comes from outside is stopped");
        assert!(!aborted(&mut inside), "and nothing of it arrives");
        nft("flush ruleset");
        assert!(joined(&mut client, &mut inside), "it was only the ban");
    });
}

fn dropped(backend: &mut Nftables) -> u64 {
    backend.dropped().expect("readable")[0].packets
}

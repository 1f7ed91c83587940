//! What becomes of real packets: an attacker and a victim, and sometimes a server behind it.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use journalban::backend::{Action, Backend, Port, Protocol, Target};

use crate::support::namespace::Namespace;
use crate::support::nft::nft;
use crate::support::traffic::{Outcome, alive, answer, connect, tcp, udp};
use crate::support::until;
use crate::{add, apply, backend, holding, many, remove, restore, target};

pub const ATTACKER: &str = "198.51.100.7";
pub const NEIGHBOUR: &str = "198.51.100.8";
pub const ATTACKER6: &str = "2001:db8:bad::7";
/// Of the same /64.
const MOVED6: &str = "2001:db8:bad::dead:beef";

/// The victim is 192.0.2.1 and `2001:db8::1`; everybody else is the attacker.
pub fn attacker_and_victim() -> Option<(Namespace, Namespace)> {
    let (attacker, victim) = (Namespace::new()?, Namespace::new()?);
    victim.cable("v0", &attacker, "a0");
    victim.ip("addr add 192.0.2.1/24 dev v0");
    victim.ip("addr add 2001:db8::1/64 dev v0 nodad");
    victim.ip("route add 198.51.100.0/24 dev v0");
    victim.ip("route add 2001:db8:bad::/64 dev v0");
    for addr in [ATTACKER, NEIGHBOUR, ATTACKER6, MOVED6] {
        let options = if addr.contains(':') {
            "/128 dev a0 nodad"
        } else {
            "/32 dev a0"
        };
        attacker.ip(&format!("addr add {addr}{options}"));
        victim.ip(&format!(
            "neigh add {addr} lladdr 02:00:00:00:00:02 dev v0 nud permanent"
        ));
    }
    attacker.ip("route add 192.0.2.0/24 dev a0");
    attacker.ip("route add 2001:db8::/64 dev a0");
    for addr in ["192.0.2.1", "2001:db8::1"] {
        attacker.ip(&format!(
            "neigh add {addr} lladdr 02:00:00:00:00:01 dev a0 nud permanent"
        ));
    }
    Some((attacker, victim))
}

/// As [`attacker_and_victim`], with a server 203.0.113.2 behind the victim, who routes to it.
pub fn attacker_victim_and_server() -> Option<(Namespace, Namespace, Namespace)> {
    let (attacker, victim) = attacker_and_victim()?;
    let server = Namespace::new()?;
    victim.cable("r0", &server, "s0");
    victim.ip("addr add 203.0.113.1/24 dev r0");
    server.ip("addr add 203.0.113.2/24 dev s0");
    server.ip("route add default via 203.0.113.1");
    attacker.ip("route add 203.0.113.0/24 via 192.0.2.1 dev a0 onlink");
    let route = || std::fs::write("/proc/sys/net/ipv4/ip_forward", "1");
    victim.run(route).expect("root may");
    Some((attacker, victim, server))
}

/// Listens on all addresses of this namespace.
pub fn listen(port: u16) -> TcpListener {
    TcpListener::bind(("::", port)).expect("the port is free")
}

#[test]
fn a_ban_refuses_the_port_for_the_whole_prefix_and_nobody_else() {
    let Some((attacker, victim)) = attacker_and_victim() else {
        return;
    };
    victim.run(|| {
        let _listeners = [listen(22), listen(80)];
        let mut backend = backend(&[target("sshd", Some(22), Action::Reject)], &[]);
        let tcp = |from, to| attacker.run(|| tcp(from, to));
        assert_eq!(tcp(ATTACKER, "192.0.2.1:22"), Outcome::Open);
        assert_eq!(tcp(ATTACKER6, "[2001:db8::1]:22"), Outcome::Open);

        let banned = [
            add("sshd", ATTACKER, None),
            add("sshd", "2001:db8:bad::/64", None),
        ];
        apply(&mut backend, &banned);
        assert_eq!(tcp(ATTACKER, "192.0.2.1:22"), Outcome::Refused);
        assert_eq!(tcp(ATTACKER6, "[2001:db8::1]:22"), Outcome::Refused);
        assert_eq!(tcp(MOVED6, "[2001:db8::1]:22"), Outcome::Refused);
        assert_eq!(tcp(NEIGHBOUR, "192.0.2.1:22"), Outcome::Open);
        assert_eq!(tcp(ATTACKER, "192.0.2.1:80"), Outcome::Open);

        apply(
            &mut backend,
            &[
                remove("sshd", ATTACKER),
                remove("sshd", "2001:db8:bad::/64"),
            ],
        );
        assert_eq!(tcp(ATTACKER, "192.0.2.1:22"), Outcome::Open);
        assert_eq!(tcp(MOVED6, "[2001:db8::1]:22"), Outcome::Open);
    });
}

#[test]
fn a_jail_for_all_ports_closes_udp_too_and_drop_says_nothing() {
    let Some((attacker, victim)) = attacker_and_victim() else {
        return;
    };
    victim.run(|| {
        let _listener = listen(22);
        answer(UdpSocket::bind("192.0.2.1:53").expect("the port is free"));
        let (tcp, udp) = (
            |from| attacker.run(|| tcp(from, "192.0.2.1:22")),
            |from| attacker.run(|| udp(from, "192.0.2.1:53")),
        );
        let mut backend = backend(&[target("all", None, Action::Reject)], &[]);
        assert_eq!(udp(ATTACKER), Outcome::Open);
        let banned = add("all", ATTACKER, None);
        apply(&mut backend, std::slice::from_ref(&banned));
        assert_eq!(tcp(ATTACKER), Outcome::Refused);
        assert_eq!(udp(ATTACKER), Outcome::Refused);
        assert_eq!(udp(NEIGHBOUR), Outcome::Open);

        restore(&mut backend, &[target("all", None, Action::Drop)], &[]);
        apply(&mut backend, &[banned]);
        assert_eq!(tcp(ATTACKER), Outcome::Silent);
        assert_eq!(udp(ATTACKER), Outcome::Silent);

        let dns = Target {
            ports: vec![Port {
                protocol: Protocol::Udp,
                first: 50,
                last: 60,
            }],
            ..target("dns", None, Action::Reject)
        };
        restore(&mut backend, &[dns], &[]);
        apply(&mut backend, &[add("dns", "198.51.100.0/29", None)]);
        assert_eq!(udp(ATTACKER), Outcome::Refused);
        assert_eq!(udp(NEIGHBOUR), Outcome::Open, "is just outside of the /29");
        assert_eq!(tcp(ATTACKER), Outcome::Open);
    });
}

#[test]
fn a_ban_ends_connections_of_theirs_and_leaves_ours() {
    let Some((attacker, victim)) = attacker_and_victim() else {
        return;
    };
    let echo = |listener: TcpListener| {
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                std::thread::spawn(move || {
                    let mut byte = [0; 1];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
                });
            }
        });
    };
    attacker.run(|| echo(listen(80)));
    victim.run(|| {
        echo(listen(22));
        let mut theirs = attacker
            .run(|| {
                connect(
                    ATTACKER.parse().expect("an address"),
                    "192.0.2.1:22".parse().expect("an address"),
                )
            })
            .expect("not banned yet");
        assert!(alive(&mut theirs));
        let mut backend = backend(&[target("all", None, Action::Reject)], &[]);
        apply(
            &mut backend,
            &[
                add("all", ATTACKER, None),
                add("all", "2001:db8:bad::/64", None),
            ],
        );
        assert!(!alive(&mut theirs), "an open connection ends with the ban");
        for (from, to) in [
            ("192.0.2.1", "198.51.100.7:80"),
            ("2001:db8::1", "[2001:db8:bad::7]:80"),
        ] {
            let mut ours = connect(
                from.parse().expect("an address"),
                to.parse().expect("an address"),
            )
            .expect("our own connections work");
            assert!(alive(&mut ours), "{to}");
        }
    });
}

#[test]
fn forwarded_and_redirected_traffic_is_covered() {
    let Some((attacker, victim, server)) = attacker_victim_and_server() else {
        return;
    };
    // The victim publishes the server's port 80 as its own 8080.
    let _listener = server.run(|| listen(80));
    victim.run(|| {
        nft("add table ip nat");
        nft("add chain ip nat prerouting { type nat hook prerouting priority dstnat ; }");
        nft("add rule ip nat prerouting ip daddr 192.0.2.1 tcp dport 8080 dnat to 203.0.113.2:80");
        let tcp = |to| attacker.run(|| tcp(ATTACKER, to));
        assert_eq!(tcp("203.0.113.2:80"), Outcome::Open);
        assert_eq!(tcp("192.0.2.1:8080"), Outcome::Open);

        let mut backend = backend(&[target("http", Some(80), Action::Reject)], &[]);
        apply(&mut backend, &[add("http", ATTACKER, None)]);
        assert_eq!(tcp("203.0.113.2:80"), Outcome::Refused);
        assert_eq!(
            tcp("192.0.2.1:8080"),
            Outcome::Open,
            "the client asked for 8080"
        );
        restore(
            &mut backend,
            &[target("published", Some(8080), Action::Reject)],
            &[],
        );
        apply(&mut backend, &[add("published", ATTACKER, None)]);
        assert_eq!(tcp("192.0.2.1:8080"), Outcome::Refused);
    });
}

#[test]
fn what_is_stopped_is_counted_and_the_count_outlives_a_restore() {
    let Some((attacker, victim)) = attacker_and_victim() else {
        return;
    };
    victim.run(|| {
        answer(UdpSocket::bind("192.0.2.1:53").expect("the port is free"));
        let targets = [
            target("a", None, Action::Reject),
            target("b", Some(22), Action::Reject),
        ];
        let mut first = backend(&targets, &[]);
        apply(&mut first, &[add("a", ATTACKER, None)]);
        let ask = || attacker.run(|| udp(ATTACKER, "192.0.2.1:53"));
        let counted = |backend: &mut dyn Backend| -> Vec<_> {
            let dropped = backend.dropped().expect("readable");
            dropped.iter().map(|it| (it.packets, it.bytes)).collect()
        };
        assert_eq!(ask(), Outcome::Refused);
        assert_eq!(ask(), Outcome::Refused);
        // One byte behind the headers of IPv4 (20) and UDP (8).
        assert_eq!(counted(&mut first), [(2, 58), (0, 0)]);
        restore(&mut first, &targets, &[]);
        assert_eq!(counted(&mut first), [(2, 58), (0, 0)]);
        apply(&mut first, &[add("a", ATTACKER, None)]);
        assert_eq!(ask(), Outcome::Refused);
        let kept = first.keeps(ATTACKER.parse().expect("an address"));
        let packets: Vec<_> = kept
            .expect("readable")
            .iter()
            .map(|it| it.packets)
            .collect();
        assert_eq!(packets, [Some(3)], "told beside what keeps it out");
        drop(first);
        let mut second = backend(&targets, &[]);
        assert_eq!(
            counted(&mut second),
            [(3, 87), (0, 0)],
            "adopted by the next life"
        );
    });
}

#[test]
fn nothing_slips_through_while_everything_is_restored() {
    let Some((attacker, victim)) = attacker_and_victim() else {
        return;
    };
    victim.run(|| {
        let socket = UdpSocket::bind("192.0.2.1:53").expect("the port is free");
        socket.set_nonblocking(true).expect("can be set");
        let targets = [target("a", None, Action::Drop)];
        let mut wanted = many("a", 1000);
        wanted.push(holding("a", ATTACKER, Some(Duration::from_hours(1))));
        wanted.push(holding("a", "198.51.100.0/29", None));
        let mut backend = backend(&targets, &[]);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let flood = scope.spawn(|| {
                attacker.run(|| {
                    let socket = UdpSocket::bind((ATTACKER, 0)).expect("an own address");
                    while !over.load(Ordering::Relaxed) {
                        let _ = socket.send_to(b"?", "192.0.2.1:53");
                    }
                });
            });
            let arrives = || socket.recv(&mut [0; 8]).is_ok();
            assert!(
                until(Duration::from_secs(5), arrives).is_some(),
                "it gets through at first"
            );
            restore(&mut backend, &targets, &wanted);
            while arrives() {} // what was under way
            let before = backend.dropped().expect("readable")[0].packets;
            for _ in 0..100 {
                restore(&mut backend, &targets, &wanted);
                assert!(!arrives());
            }
            let stopped = backend.dropped().expect("readable")[0].packets - before;
            over.store(true, Ordering::Relaxed);
            flood.join().expect("ends");
            println!("{stopped} datagrams stopped during 100 restores");
            assert!(stopped > 100, "{stopped}: the flood did not last");
        });
    });
}

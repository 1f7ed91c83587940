//! The attacks: writes failures to /dev/log as root and waits for the kernel's word (a notification
//! of the new set element) that the address is kept out. Whoever put it there is measured.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The multicast group `NFNLGRP_NFTABLES`, and the message `NFT_MSG_NEWSETELEM` (12) of
/// `NFNL_SUBSYS_NFTABLES` (10), of `linux/netfilter/nfnetlink.h` and `nf_tables.h`.
const NFTABLES_GROUP: u32 = 7;
const NEW_ELEMENT: u16 = 0x0a0c;
/// Failures that the jails ban for.
const MAXRETRY: usize = 3;
/// The first bans make tables and sets; they are not measured.
const WARM_UP: usize = 5;
const APART: Duration = Duration::from_secs(1);
/// Until a ban counts as lost.
const PATIENCE: Duration = Duration::from_mins(1);

/// `apart COUNT BLOCK` or `burst COUNT BLOCK`: attackers have addresses of 198.BLOCK.0.0/16.
pub fn run(arguments: &[String]) {
    let [kind, count, block] = arguments else {
        panic!("apart|burst COUNT BLOCK, not {arguments:?}");
    };
    let count: usize = count.parse().expect("a count");
    let block: u8 = block.parse().expect("a byte");
    let address = |n: usize| {
        let [.., high, low] = n.to_be_bytes();
        Ipv4Addr::new(198, block, high, low)
    };
    match kind.as_str() {
        "apart" => apart((1..=count + WARM_UP).map(address)),
        "burst" => burst((1..=count).map(address).collect()),
        _ => panic!("no attack {kind}"),
    }
}

/// One attacker a second: three lines at once, then silence.
fn apart(attackers: impl Iterator<Item = Ipv4Addr>) {
    let log = Log::open();
    let bans = Bans::listen();
    let mut latencies = Vec::new();
    for attacker in attackers {
        let began = Instant::now();
        for n in 1..MAXRETRY {
            log.failure(attacker, n);
        }
        let written = Instant::now();
        log.failure(attacker, MAXRETRY);
        let seen = bans.wait_for(&[attacker]);
        latencies.push((seen - written).as_secs_f64() * 1e3);
        thread::sleep(APART.saturating_sub(began.elapsed()));
    }
    let mut latencies = latencies.split_off(WARM_UP);
    latencies.sort_by(f64::total_cmp);
    let quantile = |percent: usize| latencies[(latencies.len() * percent).div_ceil(100) - 1];
    println!(
        "  {} attacks a second apart, deciding line → kernel: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        latencies.len(),
        quantile(50),
        quantile(99),
        quantile(100),
    );
}

/// All attackers at once.
fn burst(attackers: Vec<Ipv4Addr>) {
    let bans = Bans::listen();
    let count = attackers.len();
    let awaited = attackers.clone();
    let listener = thread::spawn(move || bans.wait_for(&awaited));
    let log = Log::open();
    let began = Instant::now();
    for attacker in attackers {
        for n in 1..=MAXRETRY {
            log.failure(attacker, n);
        }
    }
    let written = Instant::now();
    let seen = listener.join().expect("all bans");
    println!(
        "  {count} attackers × {MAXRETRY} failures at once, written in {:.0} ms: \
         all banned {:.0} ms after the last write",
        (written - began).as_secs_f64() * 1e3,
        seen.saturating_duration_since(written).as_secs_f64() * 1e3,
    );
}

/// /dev/log.
struct Log(UnixDatagram);

impl Log {
    fn open() -> Self {
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.connect("/dev/log").expect("journald listens");
        Self(socket)
    }

    /// The line that sshd logs for a wrong password; `n` keeps connections apart.
    fn failure(&self, address: Ipv4Addr, n: usize) {
        let pid = 10_000 + u32::from(address) % 100_000 * 4 + u32::try_from(n).unwrap_or(0);
        let line = format!(
            "<38>sshd[{pid}]: Failed password for invalid user admin{n} from {address} port {} ssh2",
            40_000 + n
        );
        self.0.send(line.as_bytes()).expect("journald takes it");
    }
}

/// Notifications of nftables.
struct Bans(Socket);

impl Bans {
    fn listen() -> Self {
        let mut socket = Socket::new(NETLINK_NETFILTER).expect("a netlink socket");
        socket.bind_auto().expect("an address");
        socket.set_rx_buf_sz(4_000_000_i32).expect("a large buffer");
        socket
            .add_membership(NFTABLES_GROUP)
            .expect("CAP_NET_ADMIN");
        Self(socket)
    }

    /// Waits until each address was put into a set; when the last was.
    fn wait_for(&self, addresses: &[Ipv4Addr]) -> Instant {
        let mut awaited: BTreeSet<[u8; 4]> = addresses.iter().map(Ipv4Addr::octets).collect();
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            let timeout = Timespec::try_from(left).expect("a minute");
            let ready = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout));
            assert_eq!(ready, Ok(1), "{} addresses never came", awaited.len());
            let (datagram, _) = self.0.recv_from_full().expect("no lost notification");
            let seen = Instant::now();
            for_each_new_element(&datagram, |message| {
                for bytes in message.windows(4) {
                    awaited.remove(bytes);
                }
            });
            if awaited.is_empty() {
                return seen;
            }
        }
    }
}

/// The messages of a datagram that tell of new elements (struct nlmsghdr, linux/netlink.h).
fn for_each_new_element(mut datagram: &[u8], mut tell: impl FnMut(&[u8])) {
    while let [a, b, c, d, e, f, ..] = *datagram {
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        if length < 16 || length > datagram.len() {
            return;
        }
        if u16::from_ne_bytes([e, f]) == NEW_ELEMENT {
            tell(&datagram[..length]);
        }
        datagram = &datagram[length.next_multiple_of(4).min(datagram.len())..];
    }
}

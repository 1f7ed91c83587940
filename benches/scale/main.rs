//! A million: of tracked prefixes, of bans, of attackers at once. What it costs in time and memory.
//!
//! `cargo bench --bench scale` runs all parts, `cargo bench --bench scale -- restore` one of them.
//! The real daemon runs on a private journald, with nftables of a network namespace of its own; each
//! part prints its figures.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod ban;
mod memory;
mod restore;
mod sustained;
#[expect(dead_code, reason = "shared with tests, which use all of it")]
#[path = "../../tests/support"]
mod support {
    pub mod daemon;
    pub mod journald;
    pub mod namespace;
    mod skip;
    use skip::skip;
}

use std::net::{IpAddr, Ipv4Addr};

use journalban::model::{JailName, Prefix};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // A process of its own for each measurement of memory.
    if let [_, command, part] = arguments.as_slice()
        && command == "in-process"
    {
        return memory::in_process(part);
    }
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !["memory", "ban", "restore", "sustained"]
        .into_iter()
        .any(named);
    for (name, part) in [
        ("memory", memory::measure as fn()),
        ("ban", ban::measure),
        ("restore", restore::measure),
        ("sustained", sustained::measure),
    ] {
        if all || named(name) {
            println!("\n{name}");
            part();
        }
    }
}

/// The how-many-eth attacker: 10.0.0.0 and on.
fn attacker(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + n).into()
}

fn prefix(n: u32) -> Prefix {
    Prefix::host(attacker(n))
}

fn jail() -> JailName {
    JailName::new("sshd").expect("a name")
}

/// The line that sshd logs for a wrong password.
fn failure_line(addr: IpAddr) -> String {
    format!("Failed password for invalid user admin from {addr} port 40000 ssh2")
}

/// `p50 …, p99 …, max …` in microseconds.
fn percentiles(mut times: Vec<std::time::Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    format!(
        "p50 {:.1} µs, p99 {:.1} µs, max {:.1} µs",
        at(50),
        at(99),
        at(100)
    )
}

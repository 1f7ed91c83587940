//! Bans in the real kernel: what nft(8) shows of them, and what becomes of real packets.
//!
//! Each test has network namespaces of its own and needs root; nothing of the machine's own
//! firewall is touched. The measurements are run with
//! `cargo test --release --test kernel -- --ignored --nocapture --test-threads 1`.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod asking;
mod connections;
mod each_backend;
mod healing;
mod packets;
mod routes;
mod sets;
mod speed;
mod table;

use std::net::IpAddr;
use std::time::Duration;

use journalban::backend::{Action, Backend, Change, Holding, Nftables, Port, Protocol, Target};
use journalban::clock;
use journalban::model::{JailName, Prefix};
use support::namespace::Namespace;

/// A jail with the usual prefix lengths, for one TCP port or for all ports.
fn target(jail: &str, port: Option<u16>, action: Action) -> Target {
    let tcp = |port| Port {
        protocol: Protocol::Tcp,
        first: port,
        last: port,
    };
    Target {
        ports: port.map(tcp).into_iter().collect(),
        action,
        ..Target::of(name(jail))
    }
}

fn name(jail: &str) -> JailName {
    JailName::new(jail).expect("a name")
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

/// A ban, from now on.
fn holding(jail: &str, who: &str, span: Option<Duration>) -> Holding {
    Holding {
        jail: name(jail),
        prefix: prefix(who),
        until: span.map(|span| clock::now().after(span)),
        open: Box::default(),
    }
}

fn add(jail: &str, who: &str, span: Option<Duration>) -> Change {
    Change::Add(holding(jail, who, span))
}

fn remove(jail: &str, who: &str) -> Change {
    Change::Remove {
        jail: name(jail),
        prefix: prefix(who),
    }
}

/// So many permanent bans of different addresses.
fn many(jail: &str, count: u32) -> Vec<Holding> {
    (0..count)
        .map(|number| Holding {
            jail: name(jail),
            prefix: Prefix::host(IpAddr::from((0x0a00_0000 + number).to_be_bytes())),
            until: None,
            open: Box::default(),
        })
        .collect()
}

/// The backend, with the table for `targets` in place.
fn backend(targets: &[Target], wanted: &[Holding]) -> Nftables {
    let mut backend = Nftables::open(Nftables::TABLE).expect("root may");
    restore(&mut backend, targets, wanted);
    backend
}

fn restore(backend: &mut Nftables, targets: &[Target], wanted: &[Holding]) {
    let restored = backend.restore(targets, wanted, clock::now());
    restored.expect("the kernel takes it");
}

fn apply(backend: &mut Nftables, changes: &[Change]) {
    let applied = backend.apply(changes, clock::now());
    applied.expect("the kernel takes it");
}

/// Runs `work` in a namespace with nothing in it.
fn alone(work: impl FnOnce() + Send) {
    if let Some(namespace) = Namespace::new() {
        namespace.run(work);
    }
}

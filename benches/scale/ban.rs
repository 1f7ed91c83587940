//! One ban, from the decision to the kernel's acknowledgement, with a million in the set.

use std::time::{Duration, Instant};

use journalban::backend::{Action, Change, Enforcer, Holding, Nftables, Target};
use journalban::clock;
use journalban::model::Decision;
use journalban::store::{Commit, Store};

use crate::support::namespace::Namespace;
use crate::{jail, percentiles, prefix, restore};

const TRIES: u32 = 5000;

/// Enforced alone, and persisted before.
pub fn measure() {
    for existing in [0, 1_000_000] {
        let Some(namespace) = Namespace::new() else {
            return;
        };
        namespace.run(|| with(existing));
    }
}

fn with(existing: u32) {
    let (tell, _told) = tokio::sync::mpsc::unbounded_channel();
    let backend = Nftables::open(Nftables::TABLE).expect("root may");
    let target = Target {
        action: Action::Drop,
        ..Target::of(jail())
    };
    let until = Some(clock::now().after(Duration::from_hours(24)));
    let holding = |n: u32| Holding {
        jail: jail(),
        prefix: prefix(n),
        until,
        open: Box::default(),
    };
    let held = (0..existing).map(holding).collect();
    let (enforcer, started) =
        Enforcer::start(Box::new(backend), vec![target], held, tell).expect("a thread");
    assert_eq!(started.blocking_recv(), Ok(Ok(())));
    let enforce = |n: u32| {
        let answer = enforcer.apply(vec![Change::Add(holding(n))]);
        assert_eq!(answer.blocking_recv(), Ok(Ok(())));
    };
    let first = 2_000_000;
    println!(
        "  with {existing} in place, decision → acknowledgement: {}",
        times(first..first + TRIES, enforce)
    );
    let directory = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open(directory.path()).expect("a store");
    println!(
        "  the same, persisted before: {}",
        times(first + TRIES..first + 2 * TRIES, |n| {
            let decision: Decision = restore::ban(prefix(n), clock::now());
            let commit = Commit {
                decisions: std::slice::from_ref(&decision),
                ..Commit::default()
            };
            store.commit(&commit).expect("writes");
            enforce(n);
        })
    );
}

fn times(bans: std::ops::Range<u32>, ban: impl FnMut(u32)) -> String {
    let mut ban = ban;
    percentiles(
        bans.map(|n| {
            let begun = Instant::now();
            ban(n);
            begun.elapsed()
        })
        .collect(),
    )
}

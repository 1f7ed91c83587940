//! How fast the state file is: bans and ends a second, in commits of one and of a thousand, in an
//! empty file and beside a million bans; and how long a start reads it.
//!
//! Rows are as an attack on sshd makes them (200 bytes and more), addresses come in random order.
//! `cargo bench --bench store`; the files lie in the temporary directory.

use std::net::Ipv4Addr;
use std::time::Duration;

use journalban::clock::{now, steady};
use journalban::model::{
    Ban, Decision, JailName, ListQuery, Origin, Prefix, Time, Unban, UnbanCause,
};
use journalban::store::{Commit, Reader, Store};

const LINE: &str = "Failed password for invalid user admin from 203.0.113.77 port 51512 ssh2";

struct Attack {
    jails: Vec<JailName>,
    begun: Time,
    made: u64,
}

impl Attack {
    fn new() -> Self {
        let jails = ["sshd", "postfix-sasl", "nginx-http-auth"];
        Self {
            jails: jails
                .iter()
                .filter_map(|it| JailName::new(it).ok())
                .collect(),
            begun: now(),
            made: 0,
        }
    }

    fn ban(&mut self) -> Ban {
        self.made += 1;
        // An odd factor brings every address once, in an order that has none.
        let addr = u32::try_from(self.made)
            .unwrap_or_default()
            .wrapping_mul(0x9e37_79b1);
        // Most of it goes for one service.
        let other = |part| usize::from(self.made.is_multiple_of(part));
        let jail = other(8) + other(16);
        let since = self.begun.after(Duration::from_micros(self.made));
        Ban {
            jail: self.jails[jail].clone(),
            prefix: Prefix::host(Ipv4Addr::from(addr).into()),
            since,
            until: Some(since.after(Duration::from_hours(1))),
            failures: 5,
            origin: Origin::Log,
            offence: 1,
            open: Box::default(),
            reason: LINE.into(),
            lines: [LINE.into()].into(),
        }
    }

    fn bans(&mut self, count: usize) -> Vec<Ban> {
        (0..count).map(|_| self.ban()).collect()
    }
}

fn ended(ban: &Ban) -> Decision {
    Decision::Unban(Unban {
        jail: ban.jail.clone(),
        prefix: ban.prefix,
        time: ban.until.unwrap_or(ban.since),
        cause: UnbanCause::Expired,
    })
}

/// Commits all of it in pieces of `size`, and tells how fast.
fn commits(store: &mut Store, what: &str, decisions: &[Decision], size: usize) {
    let begun = steady();
    let mut longest = Duration::ZERO;
    for decisions in decisions.chunks(size) {
        let begun = steady();
        let commit = Commit {
            decisions,
            ..Commit::default()
        };
        if let Err(error) = store.commit(&commit) {
            println!("{error:#}");
            std::process::exit(1);
        }
        longest = longest.max(begun.elapsed());
    }
    let took = begun.elapsed();
    let rate = decisions.len() as u128 * 1_000_000 / took.as_micros().max(1);
    println!("  {what}, {size} in a commit: {rate}/s, the longest commit {longest:.1?}");
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begun = steady();
    let done = work();
    println!("  {what}: {:.1?}", begun.elapsed());
    done
}

fn measure(bans: usize) -> anyhow::Result<()> {
    println!("beside {bans} bans");
    let dir = tempfile::tempdir()?;
    let mut attack = Attack::new();
    let (mut store, _) = Store::open(dir.path())?;
    let before = attack.bans(bans);
    for bans in before.chunks(10_000) {
        let decisions: Vec<Decision> = bans.iter().cloned().map(Decision::Ban).collect();
        store.commit(&Commit {
            decisions: &decisions,
            ..Commit::default()
        })?;
    }
    for size in [1, 1000] {
        let new = attack.bans(20 * size.max(500));
        let begin: Vec<Decision> = new.iter().cloned().map(Decision::Ban).collect();
        commits(&mut store, "bans", &begin, size);
        let end: Vec<Decision> = new.iter().map(ended).collect();
        commits(&mut store, "ends", &end, size);
    }
    drop(store);
    println!(
        "  the file has {} MiB",
        std::fs::metadata(dir.path().join("state.db"))?.len() >> 20
    );
    let (mut store, _) = timed("open after a clean end", || Store::open(dir.path()))?;
    let read = timed("read the bans in force", || {
        let mut read = store.in_force();
        let count = read.by_ref().count();
        read.finish().map(|_| count)
    })?;
    anyhow::ensure!(read == bans, "{read} of {bans} bans are back");
    let past = timed("read what is settled, and all of the past", || {
        store.restore(Time::EPOCH, Some(Time::EPOCH))
    })?;
    println!("  ({} in the past)", past.past.len());
    timed("list all of them", || {
        Reader::open(store.path())?.list(&ListQuery::default(), 500, |_| true)
    })?;
    // As after kill -9: the file is copied while it is open.
    let crashed = tempfile::tempdir()?;
    for name in ["state.db", "state.db-wal"] {
        std::fs::copy(dir.path().join(name), crashed.path().join(name))?;
    }
    timed("open after a crash", || Store::open(crashed.path()))?;
    timed("purge a piece of the history", || {
        store.purge(Time::from_micros(u64::MAX))
    })?;
    Ok(())
}

fn main() -> anyhow::Result<()> {
    // Also built by `cargo test --all-targets`, which must not wait for it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    [0, 100_000, 1_000_000].into_iter().try_for_each(measure)
}

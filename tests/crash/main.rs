//! Killed at any moment, 200 times: store, kernel and engine agree after each restart, and no ban
//! is missing that was acknowledged or that the journal asks for.
//!
//! Bans, unbans, reloads and failures in a real journal go on while the daemon is killed; it runs on
//! nftables in a network namespace of its own.

#[path = "../support"]
mod support {
    #[expect(dead_code, reason = "the benchmarks measure more")]
    pub mod daemon;
    pub mod journald;
    #[expect(dead_code, reason = "the kernel's tests lay cables")]
    pub mod namespace;
    mod skip;
    use skip::skip;
}

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use journalban::clock;
use journalban::control::client;
use serde_json::{Value, json};
use support::daemon::{Daemon, Place};
use support::journald::Journald;

const KILLS: u32 = 200;
/// How long a life lasts at most after it is ready, in milliseconds.
const LONGEST_LIFE: u32 = 150;
/// How many addresses are banned and let in by hand, again and again.
const BY_HAND: u32 = 100;
/// Until everything agrees.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pseudo-random numbers (splitmix64): each run is the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) % u64::from(limit)).expect("below a u32")
    }
}

/// What is known of an address that is banned and let in by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Banned,
    Free,
    /// The daemon was killed before it could answer.
    Unanswered,
}

#[test]
fn nothing_acknowledged_is_lost_whenever_it_is_killed() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let Some(place) = Place::new(Some(journald.name()), "maxretry = 2\nfindtime = \"1h\"\n") else {
        return;
    };
    let mut dice = Dice(20_261_126);
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut attackers: BTreeSet<String> = BTreeSet::new();
    let mut answered = 0;
    let mut killed_before_the_answer = 0;
    for life in 0..=KILLS {
        let daemon = place.start();
        agree(&place, &daemon, life, &known, &attackers);
        if life == KILLS {
            break;
        }
        let over = AtomicBool::new(false);
        let span = Duration::from_millis(u64::from(dice.below(LONGEST_LIFE)));
        let seed = u64::from(dice.below(u32::MAX));
        thread::scope(|scope| {
            let by_hand = scope.spawn(|| ban_and_unban(&place, Dice(seed), &over));
            let by_log = scope.spawn(|| fail(&journald, life, &over));
            // A reload holds up the answers to others; not every life has one.
            if dice.below(3) == 0 {
                scope.spawn(|| reload(&place, &over));
            }
            thread::sleep(span);
            daemon.kill();
            over.store(true, Ordering::SeqCst);
            for (address, now) in by_hand.join().expect("no panic") {
                match now {
                    Known::Unanswered => killed_before_the_answer += 1,
                    _ => answered += 1,
                }
                known.insert(address, now);
            }
            attackers.extend(by_log.join().expect("no panic"));
        });
    }
    println!(
        "{KILLS} kills; {answered} requests answered, {killed_before_the_answer} not; {} attackers in the journal",
        attackers.len()
    );
    assert!(answered > 1000, "too few requests to say anything");
    assert!(attackers.len() > 1000, "too few attackers to say anything");
}

/// Bans and lets in addresses of 192.0.2.0/24 until the daemon is gone; what became of each.
fn ban_and_unban(place: &Place, mut dice: Dice, over: &AtomicBool) -> Vec<(String, Known)> {
    let mut all = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let address = format!("192.0.2.{}", dice.below(BY_HAND));
        let (method, parameters, then) = if dice.below(3) == 0 {
            ("Unban", json!({ "prefix": address }), Known::Free)
        } else {
            let bantime = format!("{}h", 1 + dice.below(9));
            let parameters = json!({ "prefix": address, "bantime": bantime });
            ("Ban", parameters, Known::Banned)
        };
        let answered = client::ask(&place.socket(), method, parameters).is_ok();
        all.push((address, if answered { then } else { Known::Unanswered }));
        if !answered {
            thread::sleep(Duration::from_millis(1));
        }
    }
    all
}

/// Has new attackers fail twice each, until the daemon is gone; who failed twice.
fn fail(journald: &Journald, life: u32, over: &AtomicBool) -> Vec<String> {
    let mut all = Vec::new();
    for n in 0.. {
        if over.load(Ordering::SeqCst) || n == 20 {
            break;
        }
        let address = format!("198.51.{life}.{n}");
        for _ in 0..2 {
            journald.log(
                "sshd",
                &format!("Failed password for root from {address} port 4711 ssh2"),
            );
        }
        all.push(address);
        thread::sleep(Duration::from_millis(2));
    }
    all
}

fn reload(place: &Place, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        // Killed before the answer is as good.
        let _ = client::ask(&place.socket(), "Reload", json!({}));
        thread::sleep(Duration::from_millis(7));
    }
}

/// Waits until the store, the kernel and the engine say the same, and that is what must be.
fn agree(
    place: &Place,
    daemon: &Daemon<'_>,
    life: u32,
    known: &BTreeMap<String, Known>,
    attackers: &BTreeSet<String>,
) {
    let started = clock::steady();
    loop {
        let stored = stored(daemon);
        let enforced = enforced(place);
        let counted: u64 = jails(daemon)
            .iter()
            .filter_map(|jail| jail["currently_banned"].as_u64())
            .sum();
        let missing: Vec<&String> = attackers.difference(&stored).collect();
        let wrong: Vec<_> = known
            .iter()
            .filter(|(address, known)| match known {
                Known::Banned => !stored.contains(*address),
                Known::Free => stored.contains(*address),
                Known::Unanswered => false,
            })
            .collect();
        // What was acknowledged holds from the first moment on, not only in the end.
        assert!(wrong.is_empty(), "in life {life}: {wrong:?}");
        if missing.is_empty() && stored == enforced && stored.len() as u64 == counted {
            return;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "in life {life}: {} in the store, {} in the kernel, {counted} in the engine; missing {missing:?}; {:?}",
            stored.len(),
            enforced.len(),
            stored.symmetric_difference(&enforced),
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// The addresses that `list` shows, which is what the store holds.
fn stored(daemon: &Daemon<'_>) -> BTreeSet<String> {
    let list = daemon.ask(&["list"]);
    let bans = list["bans"].as_array().cloned().unwrap_or_default();
    bans.iter()
        .filter_map(|ban| Some(ban["prefix"].as_str()?.to_owned()))
        .collect()
}

/// The addresses in the sets of the kernel.
fn enforced(place: &Place) -> BTreeSet<String> {
    let listing = place.nft(&["-j", "list", "table", "inet", "journalban"]);
    let listing: Value = serde_json::from_str(&listing).unwrap_or_default();
    let objects = listing["nftables"].as_array().cloned().unwrap_or_default();
    objects
        .iter()
        .filter_map(|object| object["set"]["elem"].as_array())
        .flatten()
        .filter_map(|element| Some(element["elem"]["val"].as_str()?.to_owned()))
        .collect()
}

/// The jails, the one for bans by hand included.
fn jails(daemon: &Daemon<'_>) -> Vec<Value> {
    let status = daemon.ask(&["status"]);
    status["jails"].as_array().cloned().unwrap_or_default()
}

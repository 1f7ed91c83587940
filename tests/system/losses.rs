//! Nothing is lost between the write of an entry and its ban, whatever is rotated, restarted and
//! killed meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::container::Container;
use crate::setup::{ban_log, enforced, failure_line, install, listed, log_as_sshd, sshd_count};

const ENTRIES: usize = 200_000;
const MAXRETRY: usize = 5;
/// Addresses that fail MAXRETRY times, and as many that fail once less.
const ADDRESSES: usize = 1000;
/// So many entries are written at a time, and so long after the last: 10 000 a second, so that the
/// writing goes on for as long as the kills and restarts take.
const PIECE: usize = 2000;
const PACE: Duration = Duration::from_millis(200);
const ROTATION: Duration = Duration::from_millis(250);
const KILLS: u64 = 5;
const JOURNALD_RESTARTS: usize = 3;
/// Until everything is read, in a build that is not optimised.
const CATCHING_UP: Duration = Duration::from_mins(3);

/// Pseudo-random numbers (splitmix64): each run is the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).expect("below a usize")
    }
}

fn address(block: &str, n: usize) -> String {
    format!("{block}.{}.{}", n / 250, 1 + n % 250)
}

/// The log: failures of both kinds of addresses in a random order, among lines that mean nothing.
fn lines(dice: &mut Dice) -> Vec<String> {
    let guilty = (0..ADDRESSES * MAXRETRY).map(|n| address("198.18", n % ADDRESSES));
    let lucky = (0..ADDRESSES * (MAXRETRY - 1)).map(|n| address("198.19", n % ADDRESSES));
    let mut lines: Vec<String> = guilty
        .chain(lucky)
        .enumerate()
        .map(|(n, who)| failure_line(&who, n))
        .collect();
    while lines.len() < ENTRIES {
        lines.push(format!("Server listening on 0.0.0.0 port {}.", lines.len()));
    }
    for n in (1..lines.len()).rev() {
        lines.swap(n, dice.below(n + 1));
    }
    lines
}

#[test]
fn every_failure_counts_once() {
    let Some(container) = Container::boot("losses") else {
        return;
    };
    install(
        &container,
        "maxretry = 5\nfindtime = \"1h\"\nbantime = \"1d\"\n",
    );
    let mut dice = Dice(20_260_101);
    let lines = lines(&mut dice);
    let started = Instant::now();
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for (n, piece) in lines.chunks(PIECE).enumerate() {
                let due = started + PACE * u32::try_from(n).expect("few pieces");
                thread::sleep(due.saturating_duration_since(Instant::now()));
                log_as_sshd(&container, piece.iter().cloned());
            }
            written.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| rotate_until(&container, &written));
        scope.spawn(|| {
            for _ in 0..JOURNALD_RESTARTS {
                thread::sleep(Duration::from_millis(2500));
                container.sh("systemctl restart systemd-journald");
            }
        });
        scope.spawn(|| {
            for kill in 1..=KILLS {
                thread::sleep(Duration::from_millis(dice.below(2000) as u64));
                container.sh("systemctl kill --kill-who=main --signal=KILL journalban");
                container.wait_for("the restart", || restarts(&container) == kill);
                container.wait_for("the daemon", || {
                    container.run("journalban ping").status.success()
                });
            }
        });
    });
    println!(
        "{ENTRIES} entries written in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let stored = container.sh("journalctl --identifier=sshd --output=cat | wc -l");
    assert_eq!(
        stored.trim(),
        ENTRIES.to_string(),
        "journald itself must have lost none"
    );

    let wanted: Vec<String> = {
        let wanted: BTreeSet<String> = (0..ADDRESSES).map(|n| address("198.18", n)).collect();
        wanted.into_iter().collect()
    };
    container.wait_long_for("all bans", CATCHING_UP, || {
        enforced(&container) >= ADDRESSES
    });
    // What must not come can only be waited for by waiting for what comes after it.
    log_as_sshd(
        &container,
        (0..MAXRETRY).map(|n| failure_line("198.51.100.1", n)),
    );
    container.wait_for("the last ban", || enforced(&container) > ADDRESSES);
    println!(
        "all banned {:.1} s after the first write",
        started.elapsed().as_secs_f64()
    );
    container.sh("journalban unban 198.51.100.1");
    assert_eq!(
        listed(&container),
        wanted,
        "exactly those who failed often enough, each once"
    );
    assert_eq!(enforced(&container), ADDRESSES);
    assert_eq!(sshd_count(&container, "currently_banned"), ADDRESSES as u64);

    let mut told = BTreeSet::new();
    for entry in ban_log(&container) {
        let address = entry["JOURNALBAN_ADDRESS"]
            .as_str()
            .expect("an address")
            .to_owned();
        assert!(told.insert(address.clone()), "{address} was banned twice");
    }
    assert_eq!(restarts(&container), KILLS);
    println!(
        "{KILLS} kills, {JOURNALD_RESTARTS} restarts of journald, {} bans",
        told.len() - 1
    );
}

/// Forces a rotation of the journal again and again.
fn rotate_until(container: &Container, over: &AtomicBool) {
    let mut rotations = 0;
    while !over.load(Ordering::SeqCst) {
        let started = Instant::now();
        // Fails while journald restarts.
        if container.run("journalctl --rotate").status.success() {
            rotations += 1;
        }
        thread::sleep(ROTATION.saturating_sub(started.elapsed()));
    }
    println!("{rotations} rotations");
    assert!(rotations >= 10, "too few to say anything");
}

/// How often systemd started the daemon anew.
fn restarts(container: &Container) -> u64 {
    let restarts = container.sh("systemctl show --property=NRestarts --value journalban");
    restarts.trim().parse().expect("a number")
}

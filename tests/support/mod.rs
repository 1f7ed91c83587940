//! What the tests with the real kernel share.

pub mod monitor;
pub mod namespace;
pub mod nft;
pub mod traffic;

use std::time::{Duration, Instant};

/// Says that a test cannot run here; panics where that must not happen.
pub fn skip(why: &str) {
    assert!(
        std::env::var_os("JOURNALBAN_NO_SKIP").is_none_or(|value| value != "1"),
        "skipped, which JOURNALBAN_NO_SKIP=1 forbids: {why}"
    );
    println!("skipped: {why}");
}

/// Asks again and again, for at most `limit`, until `condition` holds; how long that took.
#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> Option<Duration> {
    let start = Instant::now();
    loop {
        if condition() {
            return Some(start.elapsed());
        }
        if start.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

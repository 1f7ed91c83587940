//! What a test does that lacks a privilege or a program.

/// Says that the test is skipped, and why. With `JOURNALBAN_NO_SKIP=1` that is a failure: where all
/// tests are meant to run, none may pass by not running.
pub fn skip(why: &str) {
    assert!(
        std::env::var_os("JOURNALBAN_NO_SKIP").is_none_or(|value| value != "1"),
        "skipped, though JOURNALBAN_NO_SKIP=1: {why}"
    );
    println!("skipped: {why}");
}

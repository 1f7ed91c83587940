//! `explain`, with what the kernel really holds.

use std::process::{Command, Stdio};

use crate::program::{Daemon, code, json, root, run, stdout};
use crate::support::daemon::Place;

#[test]
fn the_exit_code_says_whether_it_is_banned() {
    let root = root();
    let _daemon = Daemon::start(&root);
    let free = run(&root, &["explain", "192.0.2.7"]);
    assert_eq!(code(&free), 1);
    assert!(
        stdout(&free).starts_with("192.0.2.7 IS NOT BANNED: "),
        "{}",
        stdout(&free)
    );
    let ban = ["ban", "192.0.2.0/24", "--reason", "scans", "--for", "1h"];
    assert_eq!(code(&run(&root, &ban)), 0);
    let banned = run(&root, &["explain", "::ffff:192.0.2.7"]);
    assert_eq!(code(&banned), 0);
    let text = stdout(&banned);
    assert!(text.starts_with("192.0.2.7 IS BANNED until "), "{text}");
    assert!(
        text.contains("\nmanual: banned with all of 192.0.2.0/24 since "),
        "{text}"
    );
    assert!(text.contains("\n      scans\n"), "{text}");
    assert!(text.contains("dry-run"), "{text}");
    assert_eq!(code(&run(&root, &["unban", "192.0.2.0/24"])), 0);
    let lifted = run(&root, &["explain", "192.0.2.7", "--json"]);
    assert_eq!(code(&lifted), 1);
    assert_eq!(json(&lifted)["history"][0]["cause"], "manual");
    let own = json(&run(&root, &["explain", "127.0.0.1", "--json"]));
    let why = own["jails"][0]["spared"].as_str().expect("a reason");
    assert!(why.contains("this machine"), "{why}");
    assert_eq!(code(&run(&root, &["explain", "192.0.2.0/24"])), 64);
}

#[test]
fn what_keeps_an_address_out_is_asked_of_the_kernel() {
    let Some(place) = Place::new(None, "") else {
        return;
    };
    let daemon = place.start();
    daemon.ask(&["ban", "192.0.2.7", "--jail", "sshd", "--for", "1h"]);
    let explained = daemon.ask(&["explain", "192.0.2.7"]);
    assert_eq!(explained["banned"], true);
    assert_eq!(explained["jails"][0]["enforced"], true);
    assert_eq!(explained["kernel"].as_array().map(Vec::len), Some(1));
    assert_eq!(explained["kernel"][0]["jail"], "sshd");
    let place = explained["kernel"][0]["place"].as_str().expect("a text");
    assert!(place.contains("table inet journalban"), "{place}");
    let free = daemon.ask(&["explain", "192.0.2.8"]);
    assert_eq!(free["banned"], false);
    assert_eq!(free["kernel"].as_array().map(Vec::len), Some(0));
    assert_eq!(free["other_jails"].as_array().map(Vec::len), Some(2));
}

#[test]
fn help_shows_examples_of_each_new_subcommand() {
    for subcommand in ["list", "history", "explain", "ban", "unban"] {
        let output = Command::new(env!("CARGO_BIN_EXE_journalban"))
            .args([subcommand, "--help"])
            .stdin(Stdio::null())
            .output()
            .expect("runs");
        let text = stdout(&output);
        let example = format!("journalban {subcommand} ");
        assert!(text.matches(&example).count() > 1, "{text}");
    }
}

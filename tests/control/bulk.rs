//! Blocklists, and the many bans that they make.

use std::fmt::Write as _;
use std::time::Duration;
use std::{fs, thread};

use serde_json::Value;

use crate::program::{Daemon, PATIENCE, code, feed, json, root, run, stdout, write};

#[test]
fn a_list_with_a_mistake_does_nothing() {
    let root = root();
    let _daemon = Daemon::start(&root);
    let list = "192.0.2.1\n# fine\nexample.com\n\n192.0.2.300\n";
    for command in ["ban", "unban"] {
        let output = feed(&root, &[command, "--file", "-"], list);
        assert_eq!(code(&output), 64);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            errors.contains("-:3: ") && errors.contains("-:5: "),
            "{errors}"
        );
    }
    assert_eq!(
        json(&run(&root, &["list", "--json"]))["bans"],
        Value::Array(Vec::new())
    );
    assert_eq!(code(&run(&root, &["ban", "--file", "/nowhere"])), 1);
    assert_eq!(code(&run(&root, &["ban", "192.0.2.1", "--file", "-"])), 64);
}

#[test]
fn a_list_is_banned_kept_and_lifted_as_a_whole() {
    let root = root();
    let daemon = Daemon::start(&root);
    let mut list = String::from("127.0.0.1\n198.51.100.0/24 # a network\n");
    for n in 0..10_000 {
        writeln!(list, "10.0.{}.{}", n / 256, n % 256).expect("writes");
    }
    write(&root, "list", &list);
    let file = root.path().join("list");
    let file = file.to_str().expect("UTF-8");
    let banned = run(
        &root,
        &["ban", "--file", file, "--for", "2h", "--reason", "a list"],
    );
    assert_eq!(code(&banned), 1, "one of them is refused");
    let told = stdout(&banned);
    assert!(
        told.starts_with("10001 banned, 0 were already, 1 refused\n"),
        "{told}"
    );
    assert!(told.contains("127.0.0.1 is not banned"), "{told}");
    let again = feed(
        &root,
        &["ban", "--json", "--file", "-", "--for", "1h"],
        &list,
    );
    assert_eq!(json(&again)["already"], 10_001);

    // A line for each of them in our own log would be a flood.
    let log = || fs::read_to_string(root.path().join("log")).expect("reads");
    let begun = journalban::clock::steady();
    while !log().contains("history --jail manual") {
        assert!(begun.elapsed() < PATIENCE, "{}", log());
        thread::sleep(Duration::from_millis(10));
    }
    let text = log();
    assert!(
        text.lines().count() < 2500,
        "{} lines",
        text.lines().count()
    );
    let told = text.matches("manual: banned ").count();
    let counted = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("manual: and ")?;
        rest.split(' ').next()?.parse::<usize>().ok()
    });
    assert_eq!(told + counted.sum::<usize>(), 10_001, "{text}");

    let status = json(&run(&root, &["status", "manual", "--json"]));
    assert_eq!(
        status["jails"][0]["banned"].as_array().map(Vec::len),
        Some(1000)
    );
    assert_eq!(status["jails"][0]["banned_not_shown"], 9001);
    let all = json(&run(&root, &["status", "--json"]));
    assert_eq!(all["jails"][0]["banned"], Value::Array(Vec::new()));
    daemon.kill();

    let _again = Daemon::start(&root);
    let listed = json(&run(&root, &["list", "--json", "manual"]));
    let bans = listed["bans"].as_array().expect("a list");
    assert_eq!(bans.len(), 10_001);
    assert!(bans.iter().all(|ban| ban["reason"] == "a list"));
    let unbanned = feed(&root, &["unban", "--json", "--file", "-"], &list);
    assert_eq!(code(&unbanned), 0);
    assert_eq!(json(&unbanned)["lifted"], 10_001);
    assert_eq!(json(&unbanned)["missed"], 1);
    assert_eq!(code(&feed(&root, &["unban", "--file", "-"], &list)), 1);
}

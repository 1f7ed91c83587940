//! A state file that cannot be written for want of space, and one that is damaged.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Daemon, PATIENCE, code, feed, json, program, root, run};
use crate::support::daemon::Place;
use crate::support::skip;

/// A list of addresses in this network.
fn addresses(network: &str, count: u32) -> String {
    let line = |n: u32| format!("{network}.{}.{}\n", n / 256, n % 256);
    (0..count).map(line).collect::<Vec<_>>().concat()
}

/// Writes into a file until there is no more space; how much that was.
fn fill(path: &Path) -> u64 {
    let mut file = fs::File::create(path).expect("makes a file");
    while file.write_all(&[0; 4096]).is_ok() {}
    file.metadata().expect("is there").len()
}

#[test]
fn a_full_disk_stops_no_ban_and_nothing_is_missing_later() {
    if !rustix::process::geteuid().is_root() {
        return skip("a small file system needs root");
    }
    let root = root();
    let state = root.path().join("var/lib/journalban");
    fs::create_dir_all(&state).expect("makes directories");
    // A mount of the daemon's own, which ends with it.
    let plain = program(&root);
    let mut command = std::process::Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-c"])
        .arg("mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\"")
        .args([state.as_os_str(), plain.get_program()])
        .args(plain.get_args())
        .arg("daemon");
    let daemon = Daemon::run(&root, &mut command);
    let seen = Path::new("/proc")
        .join(daemon.0.id().to_string())
        .join("root")
        .join(state.strip_prefix("/").expect("is absolute"));
    assert!(
        seen.join("state.db").exists(),
        "the state is in the small file system"
    );

    let ban = |list: &str| {
        let reason = "a reason that takes some room ".repeat(10);
        let banned = feed(
            &root,
            &["ban", "--json", "--file", "-", "--reason", &reason],
            list,
        );
        assert_eq!(
            code(&banned),
            0,
            "{}",
            String::from_utf8_lossy(&banned.stderr)
        );
    };
    let listed = || {
        let listed = json(&run(&root, &["list", "--json"]));
        listed["bans"].as_array().map_or(0, Vec::len)
    };
    let log = || fs::read_to_string(root.path().join("log")).expect("reads");
    ban(&addresses("10.1", 100));
    assert_eq!(listed(), 100);

    assert!(fill(&seen.join("filler")) > 100_000);
    ban(&addresses("10.2", 3000));
    for n in 0..50 {
        ban(&format!("10.3.0.{n}\n"));
    }
    assert_eq!(code(&run(&root, &["unban", "10.1.0.7"])), 0);
    let status = json(&run(&root, &["status", "manual", "--json"]));
    assert_eq!(
        status["jails"][0]["currently_banned"], 3149,
        "in force all the same"
    );
    assert!(listed() < 3000, "not all of them are in the file");
    assert_eq!(log().matches("bans go on").count(), 1, "{}", log());

    fs::remove_file(seen.join("filler")).expect("removes");
    let begun = journalban::clock::steady();
    while !log().contains("nothing is missing") {
        assert!(begun.elapsed() < PATIENCE, "{}", log());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(listed(), 3149);
    let history = json(&run(&root, &["history", "--json", "10.1.0.7"]));
    assert_eq!(history["bans"][0]["cause"], "manual");
    assert_eq!(log().matches("bans go on").count(), 1, "{}", log());
}

/// The bans in force, with how they came about, in order.
fn bans(list: &Value) -> Vec<(String, String)> {
    let text = |ban: &Value, key: &str| ban[key].as_str().unwrap_or_default().to_owned();
    let bans = list["bans"].as_array().expect("a list").iter();
    let mut bans: Vec<_> = bans
        .map(|ban| (text(ban, "prefix"), text(ban, "origin")))
        .collect();
    bans.sort();
    bans
}

#[test]
fn who_loses_the_state_file_keeps_the_bans_that_are_in_force() {
    let Some(place) = Place::new(None, "") else {
        return;
    };
    let daemon = place.start();
    for prefix in ["192.0.2.7", "2001:db8::/64", "198.51.100.0/24"] {
        let banned = daemon.ask(&["ban", prefix, "--jail", "sshd", "--for", "1h"]);
        assert_eq!(banned["ban"]["prefix"], prefix);
    }
    let until = daemon.ask(&["list"])["bans"][0]["until"].clone();
    daemon.kill();

    let file = place.state().join("state.db");
    fs::write(&file, [b'x'; 8192]).expect("writes");
    for name in ["state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(place.state().join(name));
    }
    let expected = ["192.0.2.7", "198.51.100.0/24", "2001:db8::/64"]
        .map(|prefix| (prefix.to_owned(), "adopted".to_owned()));
    for aside in ["state.db.damaged", "state.db.damaged.2"] {
        let daemon = place.start();
        let list = daemon.ask(&["list"]);
        assert_eq!(bans(&list), expected);
        let seconds = |time: &Value| {
            let time: journalban::model::Time =
                serde_json::from_value(time.clone()).expect("a time");
            time.as_micros() / 1_000_000
        };
        assert!(seconds(&list["bans"][0]["until"]).abs_diff(seconds(&until)) < 60);
        let table = place.nft(&["list", "table", "inet", "journalban"]);
        assert!(table.contains("192.0.2.7"), "{table}");
        assert_eq!(
            fs::read(place.state().join(aside)).expect("is kept"),
            [b'x'; 8192]
        );
        daemon.kill();
        fs::write(&file, [b'x'; 8192]).expect("writes");
        for name in ["state.db-wal", "state.db-shm"] {
            let _ = fs::remove_file(place.state().join(name));
        }
    }
    // The same goes for one that is gone.
    fs::remove_file(&file).expect("removes");
    let daemon = place.start();
    assert_eq!(bans(&daemon.ask(&["list"])), expected);
    daemon.kill();
    // What is in the new file is not adopted again.
    let daemon = place.start();
    assert_eq!(
        daemon.ask(&["unban", "--all"])["lifted"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(bans(&daemon.ask(&["list"])), []);
}

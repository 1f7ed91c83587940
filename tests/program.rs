//! The program as a user meets it: arguments, output, exit codes; and the daemon over its socket.
//!
//! The daemon runs with `backend = "dry-run"` on an empty journal directory below a root of its
//! own, so that none of this needs privileges. Kernel, journald and systemd are tested elsewhere.

#[path = "support/program.rs"]
mod program;

use program::{Daemon, code, feed, json, root, run, stdout, write};
use serde_json::Value;

#[test]
fn exit_codes_mean_something() {
    let root = root();
    for (arguments, expected) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&[], 64),
        (&["nonsense"], 64),
        (&["ban"], 64),
        (&["ban", "example.com"], 64),
        (&["unban"], 64),
        (&["unban", "192.0.2.1", "--all"], 64),
        (&["test"], 64),
        (&["test", "no-such-filter"], 64),
        (&["test", "sshd", "--since", "soon"], 64),
        (&["test", "sshd", "--mode", "no-such-mode", "/dev/null"], 64),
        (&["test", "sshd", "/dev/null"], 1),
        (&["check"], 0),
        (&["ping"], 69),
        (&["status"], 69),
    ] {
        let output = run(&root, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), expected, "{arguments:?}: {errors}");
    }
}

#[test]
fn a_test_of_a_filter_tells_each_entry() {
    let root = root();
    let log = "Mar  7 18:53:20 host sshd[7]: Failed password for root from 192.0.2.1 port 22 ssh2\n\
               Mar  7 18:53:21 host sshd[8]: Server listening on 0.0.0.0 port 22.\n";
    let output = feed(&root, &["test", "--json", "sshd", "-"], log);
    let lines: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(code(&output), 0);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["n"], 1);
    assert_eq!(lines[0]["verdict"], "failure");
    assert_eq!(lines[0]["host"], "192.0.2.1");
    assert_eq!(lines[0]["user"], "root");
    assert_eq!(lines[1]["verdict"], "none");

    let shown = feed(&root, &["test", "sshd", "-"], log);
    assert!(
        stdout(&shown).contains("Server listening"),
        "{}",
        stdout(&shown)
    );

    // A line instead of a log.
    let line = "Failed password for root from 192.0.2.1 port 22 ssh2";
    let shown = feed(&root, &["test", "sshd", line], "");
    let text = stdout(&shown);
    assert_eq!(code(&shown), 0);
    for part in [
        "failure: host 192.0.2.1, user root, by rule ",
        "       the other ",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("ROOT LOGIN REFUSED"), "{text}");
    assert_ne!(code(&feed(&root, &["test", "sshd", "/no/log"], "")), 0);

    // Fields of an exported entry, and a match that it does or does not fulfil.
    let entry = r#"{"__REALTIME_TIMESTAMP":"1700000000000000","SYSLOG_IDENTIFIER":"fmd-server","MESSAGE":"{\"message\":\"failed login attempt\",\"remoteIp\":\"[2001:db8::1]:443\"}"}"#;
    for (journalmatch, expected) in [("SYSLOG_IDENTIFIER=fmd-server", 0), ("_UID=0", 1)] {
        let arguments = ["test", "--journalmatch", journalmatch, "fmd-server", "-"];
        assert_eq!(
            code(&feed(&root, &arguments, entry)),
            expected,
            "{journalmatch}"
        );
    }
}

#[test]
fn a_pattern_can_be_tried_without_a_filter() {
    let root = root();
    let arguments = [
        "test",
        "--json",
        "--failregex",
        "^login failed for <F-USER>.*</F-USER> from <ADDR>$",
        "-",
    ];
    let output = feed(
        &root,
        &arguments,
        "login failed for a from b from 192.0.2.9\n",
    );
    assert_eq!(json(&output)["host"], "192.0.2.9");
    assert_eq!(json(&output)["user"], "a from b");
    let bad = feed(&root, &["test", "--failregex", "^(<ADDR>$", "-"], "");
    assert_eq!(code(&bad), 64);
    assert!(String::from_utf8_lossy(&bad.stderr).contains("unclosed group"));
}

#[test]
fn check_tells_all_mistakes_at_once() {
    let root = root();
    write(
        &root,
        "etc/journalban/jail.d/a.toml",
        "[sshd]\nmaxretyr = 3\nbantime = \"ten\"\n",
    );
    let output = run(&root, &["check", "--json"]);
    assert_eq!(code(&output), 78);
    let report = json(&output);
    let problems = report["problems"].as_array().expect("a list");
    let places: Vec<(u64, u64)> = problems
        .iter()
        .filter_map(|it| Some((it["line"].as_u64()?, it["column"].as_u64()?)))
        .collect();
    assert_eq!(places, [(2, 1), (3, 11)]);
}

#[test]
fn bans_by_hand_are_made_listed_kept_and_lifted() {
    let root = root();
    let daemon = Daemon::start(&root);
    let banned = run(
        &root,
        &[
            "ban",
            "192.0.2.7",
            "--for",
            "2h",
            "--reason",
            "scans\n\u{1b}[2J",
        ],
    );
    assert_eq!(
        code(&banned),
        0,
        "{}",
        String::from_utf8_lossy(&banned.stderr)
    );
    assert_eq!(
        code(&run(&root, &["ban", "2001:db8::5/64", "--jail", "sshd"])),
        0
    );
    for refused in [
        &["ban", "127.0.0.1"][..],
        &["ban", "0.0.0.0/0"],
        &["ban", "192.0.2.8", "--jail", "nobody"],
    ] {
        let output = run(&root, refused);
        assert_eq!(code(&output), 1, "{refused:?}");
        assert!(!output.stderr.is_empty());
    }
    let table = run(&root, &["list"]);
    assert!(
        stdout(&table).contains("scans\\n\\u{1b}[2J"),
        "{}",
        stdout(&table)
    );
    daemon.kill();

    let _again = Daemon::start(&root);
    let list = json(&run(&root, &["list", "--json"]));
    let bans = list["bans"].as_array().expect("a list");
    assert_eq!(bans.len(), 2);
    assert_eq!(bans[0]["prefix"], "192.0.2.7");
    assert_eq!(bans[0]["origin"], "manual");
    assert_eq!(bans[1]["jail"], "sshd");
    let status = json(&run(&root, &["status", "sshd", "--json"]));
    assert_eq!(status["jails"][0]["banned"][0], "2001:db8::/64");
    assert!(stdout(&run(&root, &["status", "sshd"])).contains("Currently banned: 1"));

    // An address of the prefix is enough to name it.
    assert_eq!(code(&run(&root, &["unban", "2001:db8::99"])), 0);
    assert_eq!(
        code(&run(&root, &["unban", "2001:db8::99"])),
        1,
        "nothing left to lift"
    );
    assert_eq!(code(&run(&root, &["unban", "--all"])), 0);
    assert_eq!(
        json(&run(&root, &["list", "--json"]))["bans"],
        Value::Array(Vec::new())
    );
}

#[test]
fn a_reload_is_whole_or_not_at_all() {
    let root = root();
    let _daemon = Daemon::start(&root);
    assert_eq!(
        code(&run(&root, &["ban", "192.0.2.7", "--jail", "sshd"])),
        0
    );
    write(
        &root,
        "etc/journalban/jail.d/z.toml",
        "[fmd-server]\nenabled = true\nmaxretyr = 3\n",
    );
    let refused = run(&root, &["reload"]);
    assert_eq!(code(&refused), 78);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("z.toml:3:1: "));
    assert_eq!(
        json(&run(&root, &["status", "--json"]))["jails"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    let directory = root.path().join("journal");
    let jail = format!(
        "[fmd-server]\nenabled = true\njournal_directory = \"{}\"\n",
        directory.display()
    );
    write(&root, "etc/journalban/jail.d/z.toml", &jail);
    let done = run(&root, &["reload"]);
    assert_eq!(code(&done), 0, "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(
        json(&run(&root, &["status", "--json"]))["jails"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        code(&run(&root, &["unban", "192.0.2.7"])),
        0,
        "the ban is still there"
    );
}

#[test]
fn a_simulation_tells_who_would_have_been_banned_and_who_also_logged_in() {
    let root = root();
    write(
        &root,
        "etc/journalban/jail.d/m.toml",
        "[sshd]\nmaxretry = 2\nbantime = \"1h\"\n",
    );
    let failed = |second: u32, addr: &str| {
        format!(
            "Mar  7 18:53:{second:02} host sshd[{second}]: Failed password for root from {addr} port 22 ssh2\n"
        )
    };
    let log = [
        failed(1, "192.0.2.1"),
        failed(2, "192.0.2.2"),
        failed(3, "192.0.2.1"),
        failed(4, "192.0.2.2"),
        "Mar  7 18:53:09 host sshd[9]: Accepted password for root from 192.0.2.2 port 22 ssh2\n"
            .to_owned(),
        failed(10, "192.0.2.3"),
    ]
    .concat();
    let bans = json(&feed(
        &root,
        &["test", "--simulate", "--json", "sshd", "-"],
        &log,
    ));
    let told: Vec<(&str, bool)> = bans["bans"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|ban| Some((ban["prefix"].as_str()?, ban["logged_in"].as_bool()?)))
        .collect();
    assert_eq!(told, [("192.0.2.1", false), ("192.0.2.2", true)]);
    let shown = feed(&root, &["test", "--simulate", "sshd", "-"], &log);
    assert!(
        stdout(&shown).contains("ALSO LOGGED IN"),
        "{}",
        stdout(&shown)
    );
}

//! `list` from any place on, and `history`.

use serde_json::Value;

use crate::program::{Daemon, code, json, root, run, stdout};

fn prefixes(answer: &Value) -> Vec<&str> {
    let bans = answer["bans"].as_array().expect("a list").iter();
    bans.filter_map(|ban| ban["prefix"].as_str()).collect()
}

#[test]
fn a_script_lists_bans_part_by_part() {
    let root = root();
    let _daemon = Daemon::start(&root);
    for prefix in ["192.0.2.3", "192.0.2.1", "2001:db8::/64"] {
        assert_eq!(code(&run(&root, &["ban", prefix, "--jail", "sshd"])), 0);
    }
    assert_eq!(code(&run(&root, &["ban", "198.51.100.1"])), 0);
    let mut seen: Vec<String> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut arguments = vec!["list", "--json", "--limit", "2"];
        arguments.extend(after.as_deref().into_iter().flat_map(|it| ["--after", it]));
        let answer = json(&run(&root, &arguments));
        let bans = answer["bans"].as_array().expect("a list");
        let Some(last) = bans.last() else { break };
        assert!(bans.len() <= 2);
        let part = |key: &str| last[key].as_str().expect("a text").to_owned();
        after = Some(format!(
            "{}/{}/{}",
            part("jail"),
            part("since"),
            part("prefix")
        ));
        seen.extend(prefixes(&answer).into_iter().map(str::to_owned));
    }
    assert_eq!(
        seen,
        ["198.51.100.1", "192.0.2.3", "192.0.2.1", "2001:db8::/64"]
    );
    let of_sshd = run(&root, &["list", "sshd"]);
    assert_eq!(stdout(&of_sshd).lines().count(), 4, "{}", stdout(&of_sshd));
    assert_eq!(code(&run(&root, &["list", "--after", "sshd"])), 64);
    assert_eq!(
        stdout(&run(&root, &["list", "postfix"])),
        "nobody is banned\n"
    );
}

#[test]
fn the_history_tells_what_became_of_bans() {
    let root = root();
    let daemon = Daemon::start(&root);
    let ban = |prefix: &str| {
        let banned = run(&root, &["ban", prefix, "--reason", "scans"]);
        assert_eq!(code(&banned), 0);
    };
    ban("192.0.2.7");
    assert_eq!(code(&run(&root, &["unban", "192.0.2.7"])), 0);
    ban("192.0.2.0/24");
    ban("198.51.100.1");
    daemon.kill();

    let _again = Daemon::start(&root);
    let all = json(&run(&root, &["history", "--json"]));
    assert_eq!(
        prefixes(&all),
        ["198.51.100.1", "192.0.2.0/24", "192.0.2.7"]
    );
    assert_eq!(all["bans"][0]["ended"], Value::Null);
    assert_eq!(all["bans"][2]["cause"], "manual");
    let of_one = run(&root, &["history", "192.0.2.7"]);
    let lines: Vec<&str> = stdout(&of_one).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[1].starts_with("192.0.2.0/24") && lines[1].contains("in force"),
        "{lines:?}"
    );
    assert!(
        lines[2].contains("lifted by hand") && lines[2].ends_with("scans"),
        "{lines:?}"
    );
    let last = json(&run(
        &root,
        &["history", "--json", "--limit", "1", "--jail", "manual"],
    ));
    assert_eq!(prefixes(&last), ["198.51.100.1"]);
    let future = json(&run(&root, &["history", "--json", "--since", "2999-01-01"]));
    assert_eq!(future["bans"], Value::Array(Vec::new()));
    assert_eq!(code(&run(&root, &["history", "--since", "soon"])), 64);
}

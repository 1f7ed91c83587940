//! What a hook may not do: take long, print without end, execute what a log says; and what its
//! commands see.

use std::process::Stdio;

use serde_json::json;

use crate::call::{Root, hostile};

#[test]
fn a_hook_that_does_not_work_is_told_in_one_line() {
    let root = Root::new();
    for (name, rest, outcome, part) in [
        (
            "slow",
            "command = ['sleep', '60']\ntimeout = '1s'\n",
            "timed-out",
            "took longer than 1s",
        ),
        (
            "endless",
            "command = ['yes', 'x']\n",
            "flooded",
            "printed without end",
        ),
        (
            "missing",
            "command = ['no-such-program']\n",
            "not-started",
            "cannot be run",
        ),
        (
            "failing",
            "command = ['ls', '/no-such-file']\n",
            "failed",
            "exit code 2: ",
        ),
        (
            "killed",
            "command = ['sh', '-c', 'kill -9 $$']\n",
            "failed",
            "signal 9",
        ),
        (
            "broken",
            "comand = ['true']\n",
            "unusable",
            "broken.toml:1:1: ",
        ),
        (
            "slow-first",
            "command = ['true']\ntimeout = '1s'\n[[first]]\nname = 'a'\ncommand = ['sleep', '60']\n",
            "timed-out",
            "took longer than 1s",
        ),
    ] {
        root.write(&format!("etc/journalban/hook.d/{name}.toml"), rest);
        let called = root.call(name, &json!({}), &hostile("192.0.2.1"));
        assert_eq!(called.outcome(), outcome, "{name}: {:#}", called.report);
        let message = called.message();
        assert!(
            message.starts_with("ban of 192.0.2.1 (sshd): "),
            "{message}"
        );
        assert!(message.contains(part), "{message}");
        assert!(
            message.len() < 1000 && !message.contains(char::is_control),
            "{message}"
        );
        assert_ne!(called.code, 0, "{name}");
        assert!(
            called.log.contains(&format!("{name}: ban of 192.0.2.1")),
            "{}",
            called.log
        );
        assert!(
            called.log.len() < 64 * 1024,
            "{} bytes in the log",
            called.log.len()
        );
    }
    let nobody = root.call("nobody", &json!({}), &hostile("192.0.2.1"));
    assert_eq!((nobody.outcome(), nobody.code), ("unusable", 78));
}

#[test]
fn a_command_sees_the_facts_and_nothing_else() {
    let root = Root::new();
    root.write("credentials/secret", "s3cret\n");
    let show = root.program(
        "bin/show",
        r#"env -0 >"$here/environment"; cat >"$here/stdin""#,
    );
    let secret = root.path("credentials/secret");
    root.write(
        "etc/journalban/hook.d/show.toml",
        &format!(
            "command = ['{show}', '--reason={{reason}}', '{{credential-file:secret}}']\n\
             stdin = '{{credential:secret}} {{url:reason}}'\n"
        ),
    );
    let called = root.call("show", &json!({}), &hostile("192.0.2.1")).done();
    let environment = root.read("environment");
    let mut names: Vec<&str> = environment
        .split_terminator('\0')
        .map(|variable| variable.split_once('=').expect("a variable").0)
        // What sh sets itself.
        .filter(|name| !matches!(*name, "PWD" | "OLDPWD" | "_" | "SHLVL"))
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "CREDENTIALS_DIRECTORY",
            "JOURNALBAN_ACTION",
            "JOURNALBAN_ADDRESS",
            "JOURNALBAN_CAUSE",
            "JOURNALBAN_EXAMPLE",
            "JOURNALBAN_FAILURES",
            "JOURNALBAN_HELD_BY_OTHERS",
            "JOURNALBAN_HOSTNAME",
            "JOURNALBAN_IP",
            "JOURNALBAN_JAIL",
            "JOURNALBAN_KIND",
            "JOURNALBAN_LINES",
            "JOURNALBAN_OFFENCE",
            "JOURNALBAN_OPEN",
            "JOURNALBAN_REASON",
            "JOURNALBAN_TIME",
            "JOURNALBAN_UNTIL",
            "LANG",
            "PATH",
        ]
    );
    assert!(environment.contains("JOURNALBAN_ACTION=ban\0"));
    assert!(environment.contains("JOURNALBAN_FAILURES=5\0"));
    let lines = environment
        .split_terminator('\0')
        .find_map(|variable| variable.strip_prefix("JOURNALBAN_LINES="))
        .expect("lines");
    assert_eq!(lines.lines().count(), 3, "an attacker's line ends are none");
    assert!(
        !environment
            .replace(['\n', '\0'], "")
            .contains(char::is_control)
    );

    let command = called.report["steps"][0]["command"]
        .as_array()
        .expect("a command");
    assert_eq!(command.len(), 3, "one argument each: {command:?}");
    assert_eq!(command[2], secret.display().to_string());
    let stdin = root.read("stdin");
    assert!(
        stdin.starts_with("s3cret %22%27%5C%3B%20%24%28touch"),
        "{stdin}"
    );
    assert!(!called.log.contains("s3cret"));
    assert!(!root.path("owned").exists());
}

#[test]
fn what_is_no_call_is_refused() {
    let root = Root::new();
    for call in ["", "{}", "nonsense\n", r#"{"hook":"../x","facts":{}}"#] {
        let path = root.write("call", call);
        let input = std::fs::File::open(path).expect("opens");
        let output = root
            .command()
            .stdin(input)
            .stdout(Stdio::null())
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(1), "{call}");
        assert!(!output.stderr.is_empty(), "{call}");
    }
}

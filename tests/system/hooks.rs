//! Hooks in the real units: a slow, an endless and a missing one delay nobody, and what runs has no
//! privilege.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::container::Container;
use crate::setup::{enforces, exposure, failure_line, install, log_as_sshd};

/// So many bans are measured of each kind.
const BANS: usize = 15;

/// No ban may take longer, from the written line to the kernel's set, polling included: far above
/// what bans take, and below what any of the hooks does.
const LATEST: Duration = Duration::from_secs(1);

/// What a hook finds out about itself.
const IDENTITY: &str = r"command = ['sh', '-c', '''
grep CapEff /proc/self/status
id -u
touch /etc/owned || echo etc is closed
nft list ruleset || echo nftables is closed
echo told of $JOURNALBAN_ADDRESS
''']
";

/// A second jail, without hooks.
const PLAIN: &str =
    "journalmatch = 'SYSLOG_IDENTIFIER=plain'\n[[rule]]\nfailregex = '^failed from <ADDR>$'\n";

/// How long it takes until an address is banned, for some addresses of both jails in turns.
fn latencies(container: &Container, block: &str) -> Vec<Duration> {
    let mut all: Vec<Duration> = (1..=BANS)
        .map(|n| {
            let address = format!("{block}.{n}");
            let begun = Instant::now();
            if n % 2 == 0 {
                log_as_sshd(container, [failure_line(&address, n)]);
            } else {
                container.sh(&format!("logger -t plain failed from {address}"));
            }
            container.wait_for("the ban", || enforces(container, &address));
            begun.elapsed()
        })
        .collect();
    all.sort_unstable();
    println!(
        "{block}: {BANS} bans, median {:.0} ms, longest {:.0} ms",
        all[BANS / 2].as_secs_f64() * 1e3,
        all[BANS - 1].as_secs_f64() * 1e3
    );
    all
}

fn daemon_log(container: &Container, part: &str) -> Vec<String> {
    let log = container.sh("journalctl -u journalban -o cat --no-pager");
    let lines = log.lines().filter(|line| line.contains(part));
    lines.map(str::to_owned).collect()
}

fn hook_log(container: &Container) -> String {
    container.sh("journalctl -t journalban-hook -o cat --no-pager")
}

fn write_jails(container: &Container, hooks: &str) {
    let jail = format!("[sshd]\nenabled = true\nmaxretry = 1\nbantime = '1h'\nhooks = {hooks}\n");
    container.write("/etc/journalban/jail.d/sshd.toml", &jail);
}

fn set_up(container: &Container) {
    for (name, text) in [
        ("slow", "command = ['sleep', '60']\ntimeout = '3s'\n"),
        ("endless", "command = ['yes']\n"),
        ("missing", "command = ['/nowhere/program']\n"),
        ("identity", IDENTITY),
        (
            "blocker",
            "blocks = true\ncommand = ['echo', '{action} {address} for {jail}']\n",
        ),
        (
            "secret",
            "command = ['cat']\nstdin = 'it is {credential:token}'\n",
        ),
    ] {
        container.write(&format!("/etc/journalban/hook.d/{name}.toml"), text);
    }
    container.write("/etc/journalban/filter.d/plain.toml", PLAIN);
    container.write(
        "/etc/journalban/jail.d/plain.toml",
        "[plain]\nenabled = true\nmaxretry = 1\nbantime = '1h'\n",
    );
    install(container, "maxretry = 1\nbantime = '1h'\n");
}

#[test]
fn hooks_that_do_not_work_delay_nobody_and_are_told_once() {
    let Some(container) = Container::boot("hooks") else {
        return;
    };
    set_up(&container);
    latencies(&container, "198.51.100");
    write_jails(&container, "['slow', 'endless', 'missing', 'identity']");
    container.sh("journalban reload");
    let with_hooks = latencies(&container, "203.0.113");
    assert!(
        with_hooks.iter().all(|latency| *latency < LATEST),
        "{with_hooks:?}"
    );

    for (hook, part) in [
        ("slow", "sleep took longer than 3s and was ended"),
        ("endless", "yes printed without end and was ended"),
        ("missing", "/nowhere/program cannot be run: No such file"),
    ] {
        let said = format!("hook {hook}: ");
        container.wait_for(hook, || !daemon_log(&container, &said).is_empty());
        let lines = daemon_log(&container, &said);
        println!("{}", lines.join("\n"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(part), "{}", lines[0]);
    }
    // Every call was made, and nothing that was running before was called for.
    let last = format!("told of 203.0.113.{}", BANS - 1);
    container.wait_for("the last call", || hook_log(&container).contains(&last));
    assert!(!hook_log(&container).contains("told of 198.51.100"));
    assert_eq!(
        daemon_log(&container, "hook missing: ").len(),
        1,
        "still told once"
    );

    // A restart calls nothing for the bans that it restores. What must not come is waited for by
    // what comes after it.
    write_jails(&container, "['identity']");
    container.sh("systemctl restart journalban");
    log_as_sshd(&container, [failure_line("192.0.2.200", 1)]);
    container.wait_for("the call", || {
        hook_log(&container).contains("told of 192.0.2.200")
    });
    let calls = hook_log(&container).matches("told of ").count() / 2;
    println!("{calls} calls of the hook identity, output and command line");

    // By hand, without the socket: bans go on, and one line says what is missing.
    container.sh("systemctl stop journalban-hook.socket");
    for n in 201..204 {
        let address = format!("192.0.2.{n}");
        log_as_sshd(&container, [failure_line(&address, n)]);
        container.wait_for("a ban", || enforces(&container, &address));
    }
    let missing = "systemctl enable --now journalban-hook.socket";
    container.wait_for("the line", || !daemon_log(&container, missing).is_empty());
    assert_eq!(daemon_log(&container, missing).len(), 1);
    container.sh("systemctl start journalban-hook.socket");
    log_as_sshd(&container, [failure_line("192.0.2.204", 1)]);
    container.wait_for("the next call", || {
        hook_log(&container).contains("told of 192.0.2.204")
    });
}

#[test]
fn a_hook_has_no_privilege_and_strangers_cannot_call_it() {
    let Some(container) = Container::boot("hook-unit") else {
        return;
    };
    set_up(&container);
    let tried = |hook: &str| -> Value {
        let output = container.run(&format!("journalban hook --json --try {hook}"));
        serde_json::from_slice(&output.stdout).expect("a report")
    };
    let report = tried("identity");
    assert_eq!(report["outcome"], "done", "{report:#}");
    let said = report["steps"][0]["stdout"]["head"]
        .as_str()
        .expect("a text");
    println!("{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "CapEff: 0000000000000000");
    assert_ne!(lines[1], "0", "not root");
    assert!(
        said.contains("etc is closed") && said.contains("nftables is closed"),
        "{said}"
    );
    assert!(!container.path("/etc/owned").exists());

    let stranger =
        container.run("setpriv --reuid=nobody --clear-groups journalban hook --try identity");
    let errors = String::from_utf8_lossy(&stranger.stderr);
    assert_eq!(stranger.status.code(), Some(69), "{errors}");
    assert!(errors.contains("Permission denied"), "{errors}");

    // A secret comes by the unit's credentials, and nothing shows it but what the hook does with it.
    let missing = tried("secret");
    assert_eq!(missing["outcome"], "unusable", "{missing:#}");
    container.write("/etc/journalban/token", "t0ken\n");
    container.write(
        "/etc/systemd/system/journalban-hook@.service.d/token.conf",
        "[Service]\nLoadCredential=token:/etc/journalban/token\n",
    );
    container.sh("chmod 0600 /etc/journalban/token && systemctl daemon-reload");
    let report = tried("secret");
    assert_eq!(
        report["steps"][0]["stdout"]["head"], "it is t0ken",
        "{report:#}"
    );

    let verify =
        container.run("systemd-analyze verify journalban-hook.socket journalban-hook@1.service");
    let complaints = String::from_utf8_lossy(&verify.stderr);
    assert!(!complaints.contains("journalban"), "{complaints}");
    let exposure = exposure(&container, "journalban-hook@1.service");
    assert!(exposure < 1.5, "{exposure}");
}

#[test]
fn a_blocking_hook_lifts_with_the_last_jail() {
    let Some(container) = Container::boot("hook-held") else {
        return;
    };
    set_up(&container);
    write_jails(&container, "['blocker']");
    container.write(
        "/etc/journalban/journalban.toml",
        "[default]\nhooks = ['blocker']\n",
    );
    container.sh("journalban reload");
    let told = |what: &str| {
        let log = hook_log(&container);
        log.lines().any(|line| line.trim_start() == what)
    };
    for (command, what) in [
        ("ban 192.0.2.1 --jail sshd", Some("ban 192.0.2.1 for sshd")),
        (
            "ban 192.0.2.1 --jail plain",
            Some("ban 192.0.2.1 for plain"),
        ),
        // The jail that no file has takes the hooks of [default].
        ("ban 192.0.2.1", Some("ban 192.0.2.1 for manual")),
        ("unban 192.0.2.1 --jail sshd", None),
        ("unban 192.0.2.1 --jail manual", None),
        (
            "unban 192.0.2.1 --jail plain",
            Some("unban 192.0.2.1 for plain"),
        ),
    ] {
        container.sh(&format!("journalban {command}"));
        if let Some(what) = what {
            container.wait_for(what, || told(what));
        }
    }
    // Calls about one prefix come one after the other: what came before the last is there, or was
    // not made.
    assert!(!told("unban 192.0.2.1 for sshd") && !told("unban 192.0.2.1 for manual"));

    // A jail that is gone calls the hooks that it had.
    container.sh("journalban ban 192.0.2.2 --jail sshd");
    container.wait_for("the ban", || told("ban 192.0.2.2 for sshd"));
    container.write(
        "/etc/journalban/jail.d/sshd.toml",
        "[sshd]\nenabled = false\n",
    );
    container.sh("journalban reload");
    container.wait_for("the unban", || told("unban 192.0.2.2 for sshd"));
}

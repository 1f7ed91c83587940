//! A reload with a bad configuration says all that is wrong and changes nothing.

use crate::container::Container;
use crate::setup::{MISTAKE_ID, enforces, failure_line, install, listed, log_as_sshd, sshd_count};

#[test]
fn a_bad_configuration_is_refused_whole() {
    let Some(container) = Container::boot("reload") else {
        return;
    };
    install(&container, "maxretry = 3\nbantime = \"1h\"\n");
    log_as_sshd(&container, (0..3).map(|n| failure_line("198.51.100.7", n)));
    log_as_sshd(&container, (0..2).map(|n| failure_line("198.51.100.8", n)));
    container.wait_for("the ban", || enforces(&container, "198.51.100.7"));
    container.wait_for("five failures", || {
        sshd_count(&container, "total_failed") == 5
    });
    let seen = || {
        let rules = container.sh("nft --stateless list table inet journalban");
        let pid = container.sh("systemctl show --property=MainPID --value journalban");
        (
            rules,
            pid,
            listed(&container),
            container.sh("journalban status"),
        )
    };
    let before = seen();

    container.write(
        "/etc/journalban/filter.d/unclosed.toml",
        "description = \"bad\"\njournalmatch = \"_UID=0\"\n[[rule]]\nfailregex = 'from (<ADDR>'\n",
    );
    container.write(
        "/etc/journalban/jail.d/unclosed.toml",
        "[unclosed]\nenabled = true\n",
    );
    container.write(
        "/etc/journalban/jail.d/sshd.toml",
        "[sshd]\nenabled = true\nmaxretyr = 1\n",
    );
    container.write(
        "/etc/journalban/jail.d/duration.toml",
        "[sshd]\n\nbantime = \"10 parsecs\"\n",
    );
    let reload = container.run("journalban reload");
    let errors = String::from_utf8_lossy(&reload.stderr);
    println!("{errors}");
    assert!(!reload.status.success(), "{}", reload.status);
    for place in ["unclosed.toml:4:", "sshd.toml:3:", "duration.toml:3:"] {
        let (_, column) = errors
            .split_once(place)
            .unwrap_or_else(|| panic!("no error at {place} in: {errors}"));
        assert!(
            column.starts_with(|it: char| it.is_ascii_digit()),
            "no column after {place}"
        );
    }
    assert_eq!(
        errors.matches(".toml:").count(),
        3,
        "three errors, each once: {errors}"
    );
    assert!(
        !container
            .run("systemctl reload journalban")
            .status
            .success()
    );
    let log = container.sh(&format!("journalctl -u journalban MESSAGE_ID={MISTAKE_ID}"));
    assert!(log.contains("maxretyr"), "{log}");
    assert_eq!(seen(), before, "nothing changed");

    // The old configuration is whole: two failures before and one after are still three.
    log_as_sshd(&container, [failure_line("198.51.100.8", 3)]);
    container.wait_for("the ban by the old rules", || {
        enforces(&container, "198.51.100.8")
    });

    container.sh("cd /etc/journalban && rm filter.d/unclosed.toml jail.d/unclosed.toml");
    container.sh(
        "cd /etc/journalban/jail.d && rm duration.toml && sed -i s/maxretyr/maxretry/ sshd.toml",
    );
    container.sh("systemctl reload journalban");
    log_as_sshd(&container, [failure_line("198.51.100.9", 0)]);
    container.wait_for("the ban by the new rules", || {
        enforces(&container, "198.51.100.9")
    });
    assert_eq!(
        listed(&container),
        ["198.51.100.7", "198.51.100.8", "198.51.100.9"]
    );
}

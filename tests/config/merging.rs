//! Which file wins over which, and what of it.

use std::time::Duration;

use journalban::backend::{Kind, Table};
use journalban::config;
use journalban::model::Bantime;

use crate::root::{FILTER, Root, VENDOR_FILTER, names, prefixes};

#[test]
fn nothing_at_all_is_a_configuration() {
    let loaded = Root::new(&[]).load();
    assert_eq!(loaded.problems, []);
    assert!(!loaded.fatal() && loaded.settings.jails.is_empty());
    assert_eq!(loaded.settings.backends, [Kind::Nftables]);
    assert_eq!(loaded.settings.table, Table::default());
    assert_eq!(loaded.settings.limits.tracked, 1_000_000);
    assert_eq!(loaded.settings.purge_age, Duration::from_hours(24 * 30));
}

#[test]
fn a_drop_in_extends_the_vendor_key_by_key_over_the_defaults() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "usr/lib/journalban/jails/a.toml",
            "[a]\nenabled = true\nports = ['ssh']\nmaxretry = 4\nfindtime = '4m'\n",
        ),
        (
            "etc/journalban/journalban.toml",
            "backend = 'dry-run'\ntracked_limit = 5000\npurgeage = '1w'\n[nftables]\ntable = 'mine'\n\
             [default]\nbantime = '2h'\nmaxretry = 9\nignoreip = ['192.0.2.1', 'a.example']\n\
             forgive_on_success = '1d'\nignore_sessions = false\n",
        ),
        (
            "run/journalban/jail.d/50.toml",
            "[a]\nmaxretry = 5\nfindtime = '5m'\n",
        ),
        (
            "etc/journalban/jail.d/60.toml",
            "[a]\nmaxretry = 6\nignoreip = ['198.51.100.0/24', 'file:/b']\n\
             forgive_on_success = false\n",
        ),
    ]);
    let jail = root.jail("a");
    assert_eq!(jail.policy.maxretry, 6, "the last drop-in");
    assert_eq!(
        jail.policy.findtime,
        Duration::from_mins(5),
        "the drop-in before"
    );
    assert_eq!(jail.target.ports.len(), 1, "the vendor");
    assert_eq!(
        jail.policy.bantime,
        Bantime::For(Duration::from_hours(2)),
        "[default]"
    );
    assert_eq!(
        jail.policy.ignoreip,
        prefixes(&["192.0.2.1", "198.51.100.0/24"]),
        "ignored everywhere, and here"
    );
    let named: Vec<&str> = jail
        .policy
        .ignore_named
        .iter()
        .map(|name| &**name)
        .collect();
    assert_eq!(named, ["a.example", "file:/b"]);
    assert_eq!(jail.policy.forgive_on_success, None, "off again");
    assert!(!jail.policy.ignore_sessions, "[default]");
    let settings = root.load().settings;
    assert_eq!(settings.backends, [Kind::DryRun]);
    assert_eq!(settings.table, Table::named("mine"));
    assert_eq!(settings.limits.tracked, 5000);

    root.write("etc/journalban/jail.d/50.toml", "[a]\nmaxretry = 7\n");
    let jail = root.jail("a");
    assert_eq!(
        jail.policy.findtime,
        Duration::from_mins(4),
        "the 50.toml of /run is replaced"
    );
    assert_eq!(
        jail.policy.maxretry, 6,
        "60 comes after 50, whatever the directory"
    );
}

#[test]
fn a_filter_file_replaces_the_lower_one() {
    let root = Root::new(&[
        VENDOR_FILTER,
        ("usr/lib/journalban/jails/a.toml", "[a]\nenabled = true\n"),
    ]);
    let journalmatch = || root.jail("a").journalmatch.to_string();
    assert_eq!(journalmatch(), "_SYSTEMD_UNIT=a.service");
    for (directory, unit) in [
        ("usr/local/lib/journalban/filters", "local.service"),
        ("run/journalban/filter.d", "run.service"),
        ("etc/journalban/filter.d", "etc.service"),
    ] {
        let filter = FILTER.replace("a.service", unit);
        root.write(&format!("{directory}/a.toml"), filter);
        assert_eq!(journalmatch(), format!("_SYSTEMD_UNIT={unit}"));
    }

    root.write("etc/journalban/filter.d/a.toml", "");
    assert_eq!(
        root.problems(),
        ["usr/lib/journalban/jails/a.toml:1:2: there is no filter \"a\", a file filter.d/a.toml"],
        "masked"
    );
    root.write("etc/journalban/jail.d/a.toml", "");
    assert_eq!(root.problems(), [""; 0], "the jail is masked as well");
    assert_eq!(names(&root.load()), [""; 0]);
}

#[test]
fn single_jails_and_filters_can_be_asked_for() {
    let root = Root::new(&[
        VENDOR_FILTER,
        ("usr/lib/journalban/jails/a.toml", "[a]\nenabled = false\n"),
        ("etc/journalban/jail.d/b.toml", "[b]\nmode = 1\n"),
        ("etc/journalban/filter.d/c.toml", "description = 1\n"),
    ]);
    let root = root.path();
    let jail = config::jail(root, "a").expect("right").expect("there");
    assert_eq!(jail.filter_name, "a");
    assert!(config::jail(root, "b").is_err());
    assert!(matches!(config::jail(root, "nobody"), Ok(None)));
    assert!(matches!(config::jail(root, "../a"), Ok(None)));
    assert!(matches!(config::filter(root, "a"), Ok(Some(_))));
    assert_eq!(config::filter(root, "c").expect_err("wrong").len(), 1);
    assert!(matches!(config::filter(root, "nobody"), Ok(None)));
}

//! What is told about a configuration that is wrong, and what runs nevertheless.

use journalban::model::JailName;

use crate::root::{Root, VENDOR_FILTER, assert_beginnings, names};

#[test]
fn three_mistakes_in_three_files_are_told_at_once() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "etc/journalban/filter.d/b.toml",
            "journalmatch = '_UID=0'\n\n[[rule]]\nfailregex = [\n  '^good <ADDR>$',\n  '^bad (<ADDR>$',\n]\n",
        ),
        (
            "etc/journalban/jail.d/a.toml",
            "[a]\nenabled = true\nmaxretyr = 3\n",
        ),
        (
            "etc/journalban/jail.d/b.toml",
            "[b]\nenabled = true\n\n[c]\nenabled = true\nfilter = 'a'\nfindtime = 'ten minutes'\n\
             \n[d]\nenabled = true\nfilter = 'a'\n",
        ),
    ]);
    let problems = root.problems();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].starts_with("etc/journalban/filter.d/b.toml:6:3: "));
    assert_eq!(
        problems[1],
        "etc/journalban/jail.d/a.toml:3:1: unknown key \"maxretyr\"; did you mean \"maxretry\"?"
    );
    assert_eq!(
        problems[2],
        "etc/journalban/jail.d/b.toml:7:12: findtime: \"ten minutes\" is no duration: \
         write seconds (600) or units (10m, 1h 30m, 2d, 1w)"
    );

    let loaded = root.load();
    assert_eq!(names(&loaded), ["d"], "the jail that is right stays");
    let left_out: Vec<&str> = loaded.left_out.iter().map(JailName::as_str).collect();
    assert_eq!(left_out, ["a", "b", "c"]);
    assert!(!loaded.fatal());
    let jails: Vec<Option<&str>> = loaded
        .problems
        .iter()
        .map(|problem| problem.jail.as_ref().map(JailName::as_str))
        .collect();
    assert_eq!(jails, [None, Some("a"), Some("c")]);
}

#[test]
fn a_problem_has_a_shape_for_programs() {
    let root = Root::new(&[("etc/journalban/jail.d/a.toml", "[a]\nports = 'shh'\n")]);
    let json = serde_json::to_value(&root.load().problems).expect("serialises");
    assert_eq!(
        json,
        serde_json::json!([{
            "file": root.path().join("etc/journalban/jail.d/a.toml"),
            "line": 2,
            "column": 9,
            "message": "ports: \"shh\" is no service of /etc/services: \
                        write its port; did you mean \"ssh\"?",
            "jail": "a",
        }])
    );
}

#[test]
fn a_broken_main_file_lets_no_jail_run_without_its_defaults() {
    let root = Root::new(&[
        VENDOR_FILTER,
        ("usr/lib/journalban/jails/a.toml", "[a]\nenabled = true\n"),
        (
            "etc/journalban/journalban.toml",
            "bakend = 'nftables'\n[default]\nignoreip = ['192.0.2.300']\n[a]\nmaxretry = 1\n",
        ),
        ("etc/journalban/jail.d/b.toml", "[b]\nmode = 5\n"),
    ]);
    let loaded = root.load();
    assert!(loaded.fatal());
    assert!(loaded.settings.jails.is_empty());
    let left_out: Vec<&str> = loaded.left_out.iter().map(JailName::as_str).collect();
    assert_eq!(left_out, ["a", "b"]);
    assert_beginnings(
        &root.problems(),
        &[
            "jail.d/b.toml:2:8: mode: expected a string, found the number 5",
            "journalban.toml:1:1: unknown key \"bakend\"; did you mean \"backend\"?",
            "journalban.toml:3:13: ignoreip: \"192.0.2.300\" is no address or prefix",
            "journalban.toml:4:2: unknown key \"a\": a jail is written in a file of its own",
        ]
        .map(|problem| format!("etc/journalban/{problem}")),
    );
}

#[test]
fn a_directory_that_cannot_be_listed_lets_no_jail_run_either() {
    let root = Root::new(&[
        VENDOR_FILTER,
        ("usr/lib/journalban/jails/a.toml", "[a]\nenabled = true\n"),
        ("etc/journalban/jail.d", "should be a directory"),
    ]);
    let loaded = root.load();
    assert!(loaded.fatal());
    assert_eq!(names(&loaded), [""; 0]);
    let beginning = "etc/journalban/jail.d:1:1: cannot list the directory: ";
    assert_beginnings(&root.problems(), &[beginning.to_owned()]);
}

#[test]
fn a_drop_in_that_cannot_be_understood_takes_its_jails_with_it() {
    for (file, content) in [
        ("a.toml", &b"[a\nignoreip = ['192.0.2.1']\n"[..]),
        ("10-all.toml", b"[a\nignoreip = ['192.0.2.1']\n"),
        ("10-all.toml", b"[a]\nignoreip = ['192.0.2.1'\n"),
        ("a.toml", b"ignoreip = ['192.0.2.1']\n"),
        ("a.toml", b"[a]\n# \xff\n"),
    ] {
        let root = Root::new(&[
            VENDOR_FILTER,
            (
                "usr/lib/journalban/jails/a.toml",
                "[a]\nenabled = true\n[b]\nenabled = true\nfilter = 'a'\n",
            ),
        ]);
        root.write(&format!("etc/journalban/jail.d/{file}"), content);
        let loaded = root.load();
        let shown = content.escape_ascii();
        assert_eq!(names(&loaded), ["b"], "{shown}");
        assert_eq!(loaded.left_out.len(), 1, "{shown}");
        assert_eq!(loaded.problems.len(), 1, "{:#?}", loaded.problems);
    }
}

#[test]
fn what_stands_in_the_wrong_place_is_told_where_it_belongs() {
    let root = Root::new(&[(
        "etc/journalban/jail.d/a.toml",
        "enabled = true\n[default]\nmaxretry = 1\n[a]\nport = 'ssh'\nlogpath = 'x.log'\n\
         ports = ['ssh', 'all', 0]\nmaxretry = 0\nnamespace = 'a'\njournal_directory = '/b'\n\
         ['no name']\nenabled = true\n",
    )]);
    assert_beginnings(
        &root.problems(),
        &[
            "1:1: \"enabled\" belongs to no jail: write it below a header, as in [sshd]",
            "2:2: [default] belongs into journalban.toml",
            "5:1: unknown key \"port\": write ports = [\"ssh\"]",
            "6:11: logpath: expected an absolute path",
            "7:17: ports: expected a port",
            "7:24: ports: \"0\" is no port",
            "8:12: maxretry: expected a number from 1 to 10000, found the number 0",
            "10:21: journal_directory: there is a namespace already",
            "11:2: \"no name\" is no name",
        ]
        .map(|problem| format!("etc/journalban/jail.d/a.toml:{problem}")),
    );
}

#[test]
fn a_jail_needs_a_filter_and_a_mode_that_exist() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "etc/journalban/jail.d/a.toml",
            "[one]\nenabled = true\nfilter = 'b'\n[two]\nenabled = true\nfilter = 'a'\nmode = 'norml'\n\
             [off]\nenabled = false\nfilter = 'nowhere'\n",
        ),
    ]);
    assert_eq!(
        root.problems(),
        [
            "3:10: there is no filter \"b\", a file filter.d/b.toml; did you mean \"a\"?",
            "7:8: its filter has no mode \"norml\"; did you mean \"normal\"?",
        ]
        .map(|problem| format!("etc/journalban/jail.d/a.toml:{problem}")),
    );
}

#[test]
fn a_match_that_can_be_forged_is_a_warning() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "etc/journalban/jail.d/a.toml",
            "[a]\nenabled = true\n\
             [b]\nenabled = true\nfilter = 'a'\njournalmatch = 'SYSLOG_IDENTIFIER=x'\n",
        ),
    ]);
    let loaded = root.load();
    assert_eq!(loaded.problems, []);
    assert_eq!(names(&loaded), ["a", "b"]);
    assert_eq!(loaded.warnings.len(), 1);
    let warning = &loaded.warnings[0];
    assert_eq!((warning.line, warning.column), (6, 16));
    let message = "jail b: a local user can choose SYSLOG_IDENTIFIER";
    assert!(warning.message.starts_with(message), "{warning}");
}

#[test]
fn a_jail_that_names_log_files_is_told_that_they_are_not_read() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "etc/journalban/jail.d/a.toml",
            "[a]\nenabled = true\nlogpath = '/var/log/a.log'\n\
             [b]\nenabled = true\nfilter = 'a'\nlogpath = []\n[c]\nlogpath = '/c'\n",
        ),
    ]);
    let loaded = root.load();
    assert_eq!(loaded.problems, []);
    assert_eq!(names(&loaded), ["a", "b"]);
    let [warning] = &loaded.warnings[..] else {
        panic!("one warning: {:?}", loaded.warnings);
    };
    assert_eq!((warning.line, warning.column), (3, 11));
    let message = "jail a: log files (logpath) are not read yet, only the journal is";
    assert!(warning.message.starts_with(message), "{warning}");
}

#[test]
fn all_that_is_wrong_in_a_filter_is_told_at_once() {
    let root = Root::new(&[(
        "etc/journalban/filter.d/f.toml",
        "failregex = 'x'\njournalmatch = 'sshd'\n[session]\nby = ['pid']\n[[rule]]\nkind = 'failed'\n\
         host = 'remoteIp'\nweight = 0\nfialregex = 'x'\n[[sample]]\nmode = 'hard'\nline = 'x'\n\
         [[sample]]\nhost = 'nobody'\nattacker = 'y'\nline = 'x'\n[[sample]]\nverdict = 'failure'\n",
    )]);
    assert_beginnings(
        &root.problems(),
        &[
            "1:1: unknown key \"failregex\": it belongs to a rule",
            "2:16: journalmatch: \"sshd\" is no match",
            "3:1: idle is missing",
            "4:7: by: expected the name of a journal field",
            "6:8: kind: \"failed\" is none of \"failure\", \"pending\"",
            "7:8: host: expected \"json.MEMBER\", \"logfmt.KEY\" or \"field.NAME\"",
            "8:10: weight: expected a number from 1 to 100",
            "9:1: unknown key \"fialregex\"; did you mean \"failregex\"?",
            "11:8: mode: \"hard\" is not below [modes]",
            "14:8: host: expected an address",
            "15:12: attacker: expected a part of the line",
            "17:1: host is missing",
            "17:1: line is missing",
        ]
        .map(|problem| format!("etc/journalban/filter.d/f.toml:{problem}")),
    );
}

#[test]
fn what_is_wrong_with_a_piece_is_told_where_it_is_written() {
    let root = Root::new(&[
        (
            "etc/journalban/filter.d/f.toml",
            "[define]\na = '(x'\n[[rule]]\nfailregex = 'x'\n",
        ),
        (
            "etc/journalban/filter.d/g.toml",
            "[define]\na-b = 'x|y'\nunused = 'z'\n[[rule]]\nfailregex = [\n'^<a-b> (<ADDR>',\n'^<a-c> <ADDR>']\n",
        ),
        (
            "etc/journalban/filter.d/h.toml",
            "[define]\nNAME = 'x'\n[[rule]]\nfailregex = '^<NAME> <ADDR>'\n",
        ),
    ]);
    assert_beginnings(
        &root.problems(),
        &[
            "f.toml:2:5: define: at offset 0: unclosed group",
            "g.toml:3:10: no pattern uses <unused>: leave it out",
            "g.toml:6:1: failregex: at offset 7: unclosed group",
            "h.toml:1:1: define: \"NAME\" is no name: write small letters",
        ]
        .map(|problem| format!("etc/journalban/filter.d/{problem}")),
    );
}

#[test]
fn a_slip_in_an_ignored_address_is_no_name() {
    let root = Root::new(&[(
        "etc/journalban/jail.d/a.toml",
        "[a]\nignoreip = [\n'192.0.2',\n'1.2.3.4.5',\n'300.1.1.1',\n'2001:db8',\n'home',\n\
         'file:allowed',\n'file:',\n7,\n'home.example.org'\n]\n\
         forgive_on_success = true\nignore_sessions = 'no'\n",
    )]);
    let slip = |line: usize, text: &str| {
        format!(
            "{line}:1: ignoreip: \"{text}\" is no address or prefix: write 192.0.2.1, 192.0.2.0/24, \
             2001:db8::1 or 2001:db8::/64, a name with a dot (home.example.org), or file:/PATH"
        )
    };
    let expected = [
        slip(3, "192.0.2"),
        slip(4, "1.2.3.4.5"),
        slip(5, "300.1.1.1"),
        slip(6, "2001:db8"),
        slip(7, "home"),
        "8:1: ignoreip: expected an absolute path (\"file:/etc/journalban/ignored.txt\"), found the \
         string \"file:allowed\""
            .to_owned(),
        "9:1: ignoreip: expected an absolute path".to_owned(),
        "10:1: ignoreip: expected a string, found the number 7".to_owned(),
        "13:22: forgive_on_success: expected how long it forgives (\"1d\"), or false, found true"
            .to_owned(),
        "14:19: ignore_sessions: expected true or false".to_owned(),
    ];
    assert_beginnings(
        &root.problems(),
        &expected.map(|problem| format!("etc/journalban/jail.d/a.toml:{problem}")),
    );
}

#[test]
fn who_is_never_seen_to_log_in_is_never_forgiven() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "etc/journalban/journalban.toml",
            "[default]\nforgive_on_success = '1d'\n",
        ),
        (
            "etc/journalban/filter.d/b.toml",
            "journalmatch = '_UID=0'\n[session]\nby = '_PID'\nidle = '5m'\n[[rule]]\nfailregex = 'x <ADDR>'\n\
             [[rule]]\nkind = 'success'\nfailregex = 'y <ADDR>'\n",
        ),
        (
            "etc/journalban/jail.d/x.toml",
            "[a]\nenabled = true\nforgive_on_success = '1d'\n\
             [b]\nenabled = true\nforgive_on_success = '1d'\n\
             [c]\nenabled = true\nfilter = 'a'\n\
             [d]\nenabled = true\nfilter = 'a'\nforgive_on_success = false\n",
        ),
    ]);
    let loaded = root.load();
    assert_eq!(names(&loaded), ["a", "b", "c", "d"]);
    let told = "forgive_on_success: its filter has no rule of the kind \"success\"";
    let warned: Vec<usize> = loaded
        .warnings
        .iter()
        .filter(|warning| warning.message.contains(told))
        .map(|warning| warning.line)
        .collect();
    assert_eq!(warned, [3], "{:#?}", loaded.warnings);
}

//! Every key that a file may hold arrives where it should.

use std::path::PathBuf;
use std::time::Duration;

use journalban::backend::{Action, Hook, Kind, Port, Protocol, RouteType, Table};
use journalban::config;
use journalban::filter::spec::{Condition, RuleKind, SampleVerdict, Selector};
use journalban::model::Bantime;
use journalban::source::SourceSpec;

use crate::root::{Root, VENDOR_FILTER, prefixes};

#[test]
fn every_key_of_a_jail_arrives() {
    let root = Root::new(&[
        (
            "usr/lib/journalban/filters/a.toml",
            "[modes]\nnormal = []\nhard = ['more']\n[[rule]]\nfailregex = 'x <ADDR>'\n\
             [[rule]]\nlayer = 'more'\nfailregex = 'y <ADDR>'\n",
        ),
        (
            "etc/journalban/jail.d/x.toml",
            r#"
            [x]
            description = "an example"
            enabled = true
            filter = "a"
            mode = "hard"
            journalmatch = ["_SYSTEMD_UNIT=x.service", "+", "_UID=0", "SYSLOG_IDENTIFIER=a b"]
            namespace = "web"
            logpath = ["/var/log/x.log", "/srv/x/*.log"]
            ports = ["ssh", 8080, "8000-8010", "53/udp"]
            action = "drop"
            backend = ["route", "nftables"]
            route = "prohibit"
            end_connections = true
            maxretry = 3
            findtime = "20s"
            bantime = "forever"
            ignoreip = ["192.0.2.0/24", "::ffff:198.51.100.1", "file:/etc/a b", "Home.example.org."]
            ignoreself = false
            ignore_sessions = false
            forgive_on_success = "1d"
            ipv4_prefix = 24
            ipv6_prefix = 56
            "#,
        ),
    ]);
    let jail = root.jail("x");
    assert_eq!(jail.description, "an example");
    assert_eq!(jail.filter_name, "a");
    assert_eq!(jail.mode, "hard");
    assert_eq!(
        jail.journalmatch.to_string(),
        "_SYSTEMD_UNIT=x.service + _UID=0 SYSLOG_IDENTIFIER=a b"
    );
    assert_eq!(jail.source, SourceSpec::Namespace("web".to_owned()));
    assert_eq!(
        jail.logpath,
        ["/var/log/x.log", "/srv/x/*.log"].map(PathBuf::from)
    );
    let port = |protocol, first, last| Port {
        protocol,
        first,
        last,
    };
    assert_eq!(
        jail.target.ports,
        [
            port(Protocol::Tcp, 22, 22),
            port(Protocol::Tcp, 8000, 8010),
            port(Protocol::Tcp, 8080, 8080),
            port(Protocol::Udp, 53, 53),
        ]
    );
    assert_eq!(jail.target.action, Action::Drop);
    assert_eq!(jail.backends, [Kind::Nftables, Kind::Route]);
    assert_eq!(jail.target.route, RouteType::Prohibit);
    assert!(jail.target.end_connections);
    assert_eq!(jail.policy.maxretry, 3);
    assert_eq!(jail.policy.findtime, Duration::from_secs(20));
    assert_eq!(jail.policy.bantime, Bantime::Forever);
    assert_eq!(
        jail.policy.ignoreip,
        prefixes(&["192.0.2.0/24", "198.51.100.1"])
    );
    let named: Vec<&str> = jail
        .policy
        .ignore_named
        .iter()
        .map(|name| &**name)
        .collect();
    assert_eq!(named, ["file:/etc/a b", "home.example.org"]);
    assert!(!jail.policy.ignoreself);
    assert!(!jail.policy.ignore_sessions);
    assert_eq!(
        jail.policy.forgive_on_success,
        Some(Duration::from_hours(24))
    );
    assert_eq!(jail.policy.lengths.ipv4, 24);
    assert_eq!(jail.policy.lengths.ipv6, 56);
    assert_eq!(jail.target.lengths, jail.policy.lengths);
}

#[test]
fn every_key_of_the_table_arrives() {
    let main = "[nftables]\ntable = \"mine\"\nhook = \"input\"\npriority = -10\nowner = true\n";
    let root = Root::new(&[("etc/journalban/journalban.toml", main)]);
    let loaded = root.load();
    assert_eq!(loaded.problems, []);
    let table = Table {
        name: "mine".to_owned(),
        hook: Hook::Input,
        priority: -10,
        owner: true,
    };
    assert_eq!(loaded.settings.table, table);
    let wrong = "[nftables]\nhook = \"output\"\npriority = -200\nowner = 1\n";
    let root = Root::new(&[("etc/journalban/journalban.toml", wrong)]);
    let messages: Vec<String> = root
        .load()
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.line, problem.message))
        .collect();
    assert_eq!(
        messages,
        [
            "2: hook: \"output\" is none of \"prerouting\", \"input\"",
            "3: priority: expected a number from -199 to 300, found the number -200",
            "4: owner: expected true or false, found the number 1"
        ]
    );
}

#[test]
fn durations_may_be_numbers_and_the_journal_a_directory() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "etc/journalban/jail.d/a.toml",
            "[a]\nenabled = true\njournal_directory = '/var/log/journal/remote'\n\
             findtime = 60\nbantime = -1\n",
        ),
    ]);
    let jail = root.jail("a");
    let directory = PathBuf::from("/var/log/journal/remote");
    assert_eq!(jail.source, SourceSpec::Directory(directory));
    assert_eq!(jail.policy.findtime, Duration::from_mins(1));
    assert_eq!(jail.policy.bantime, Bantime::Forever);
    assert!(jail.target.ports.is_empty() && jail.policy.ignoreself);
}

const EVERY_KEY: &str = r#"
    description = "an example"
    journalmatch = "_UID=0"
    prefix = '^error: '
    ignoreregex = ["^a$", '^b$']
    [modes]
    normal = []
    hard = ["more"]
    [session]
    by = ["_PID", "SYSLOG_PID"]
    idle = "5m"
    [[rule]]
    kind = "pending"
    layer = "more"
    failregex = '^x <ADDR>$'
    weight = 3
    merge = false
    [[rule]]
    json.message = ["a", "b"]
    json.request.method = "PUT"
    field._COMM = "x"
    host = "json.request.ip"
    user = "field.USER"
    [[sample]]
    lines = ['one', 'x 192.0.2.1']
    field.SYSLOG_IDENTIFIER = "sshd"
    mode = "hard"
    host = "::ffff:192.0.2.1"
    user = "root"
    [[sample]]
    line = 'three'
    [[sample]]
    line = 'four'
    verdict = "name"
    host = "example.net"
"#;

#[test]
fn every_key_of_a_filter_arrives() {
    let root = Root::new(&[("etc/journalban/filter.d/f.toml", EVERY_KEY)]);
    assert_eq!(root.load().problems, []);
    let spec = config::filter(root.path(), "f")
        .expect("no problems")
        .expect("there")
        .spec;
    assert_eq!(spec.description, "an example");
    assert_eq!(spec.journalmatch.to_string(), "_UID=0");
    assert_eq!(spec.prefix.as_deref(), Some("^error: "));
    assert_eq!(spec.ignoreregex, ["^a$", "^b$"]);
    assert_eq!(spec.modes["hard"], ["more"]);
    let session = spec.session.expect("a session");
    assert_eq!(session.by, ["_PID", "SYSLOG_PID"]);
    assert_eq!(session.idle, Duration::from_mins(5));

    let [first, second] = &spec.rules[..] else {
        panic!("two rules");
    };
    assert_eq!(first.kind, RuleKind::Pending);
    assert_eq!(first.layer.as_deref(), Some("more"));
    assert_eq!(first.failregex, ["^x <ADDR>$"]);
    assert_eq!((first.weight, first.merge), (Some(3), Some(false)));
    let json = |path: &[&str]| Selector::Json(path.iter().map(ToString::to_string).collect());
    let condition = |selector, any_of: &[&str]| Condition {
        selector,
        any_of: any_of.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(second.kind, RuleKind::Failure);
    assert_eq!(
        second.conditions,
        [
            condition(json(&["message"]), &["a", "b"]),
            condition(json(&["request", "method"]), &["PUT"]),
            condition(Selector::Field("_COMM".to_owned()), &["x"]),
        ]
    );
    assert_eq!(second.host, Some(json(&["request", "ip"])));
    assert_eq!(second.user, Some(Selector::Field("USER".to_owned())));

    let [sample, silent, name] = &spec.samples[..] else {
        panic!("three samples");
    };
    assert_eq!(sample.lines, ["one", "x 192.0.2.1"]);
    assert_eq!(sample.fields["SYSLOG_IDENTIFIER"], "sshd");
    assert_eq!(sample.modes, ["hard"]);
    assert_eq!(sample.verdict, SampleVerdict::Failure);
    assert_eq!(sample.host.as_deref(), Some("192.0.2.1"), "canonical");
    assert_eq!(sample.user.as_deref(), Some("root"));
    assert_eq!(silent.verdict, SampleVerdict::NoFailure);
    assert_eq!(name.verdict, SampleVerdict::Name);
    assert_eq!(name.host.as_deref(), Some("example.net"));
}

#[test]
fn a_piece_of_a_pattern_stands_for_its_name() {
    let filter = r"
    prefix = '^<stamp> '
    ignoreregex = '^<stamp>'
    [define]
    stamp = '\d+|-'
    client-of = 'from <ADDR>'
    [[rule]]
    failregex = ['^x <client-of>$', '^\\<stamp> <stamp>? <unknown> \<stamp> (?<stamp>x)$']
    ";
    let root = Root::new(&[("etc/journalban/filter.d/f.toml", filter)]);
    let file = config::filter(root.path(), "f");
    let spec = file.expect("no problems").expect("there").spec;
    assert_eq!(spec.prefix.as_deref(), Some(r"^(?:\d+|-) "));
    assert_eq!(spec.ignoreregex, [r"^(?:\d+|-)"]);
    let expected = [
        "^x (?:from <ADDR>)$",
        r"^\\(?:\d+|-) (?:\d+|-)? <unknown> \<stamp> (?<stamp>x)$",
    ];
    assert_eq!(spec.rules[0].failregex, expected);
}

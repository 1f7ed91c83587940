//! Filters at work on entries: what names a connection, and what a prefix leaves.

use std::sync::Arc;
use std::time::Duration;

use crate::filter::spec::{Condition, FilterSpec, RuleKind, RuleSpec, Selector, SessionSpec};
use crate::filter::{Filter, Matcher, MatcherJail, Outcome, Verdict};
use crate::model::{Entry, JailName, JournalMatch, Time};

fn compile(spec: &FilterSpec) -> Arc<Filter> {
    Arc::new(Filter::compile(spec, "normal").expect("compiles"))
}

fn matcher(filter: Arc<Filter>) -> Matcher {
    Matcher::new(vec![MatcherJail {
        name: JailName::new("test").expect("a name"),
        journalmatch: JournalMatch::default(),
        filter,
    }])
}

fn handle(matcher: &mut Matcher, pid: &str, message: &str) -> Outcome {
    let mut entry = Entry::new(Time::EPOCH);
    if !pid.is_empty() {
        entry.push(b"_PID", pid.as_bytes());
    }
    entry.push(b"MESSAGE", message.as_bytes());
    let mut outcomes = Vec::new();
    matcher.handle(&entry, &mut outcomes);
    outcomes.remove(0)
}

fn rule(kind: RuleKind, failregex: &str) -> RuleSpec {
    RuleSpec {
        kind,
        failregex: vec![failregex.to_owned()],
        ..RuleSpec::default()
    }
}

fn by(fields: &[&str]) -> FilterSpec {
    FilterSpec {
        session: Some(SessionSpec {
            by: fields.iter().map(ToString::to_string).collect(),
            idle: Duration::from_mins(5),
        }),
        rules: vec![
            rule(
                RuleKind::Context,
                "^(?:<F-SESSION>[^ ]+</F-SESSION> )?from <ADDR>$",
            ),
            rule(
                RuleKind::Failure,
                "^(?:<F-SESSION>[^ ]+</F-SESSION> )?failed <F-USER>.*</F-USER>$",
            ),
        ],
        ..FilterSpec::default()
    }
}

fn addr(outcome: &Outcome) -> Option<String> {
    Some(outcome.failure.as_ref()?.addr.to_string())
}

#[test]
fn a_captured_id_names_the_connection_before_any_field() {
    for fields in [&[][..], &["_PID"]] {
        let mut matcher = matcher(compile(&by(fields)));
        // One process, two connections.
        handle(&mut matcher, "1", "a from 192.0.2.1");
        handle(&mut matcher, "1", "b from 192.0.2.2");
        for (message, expected) in [
            ("a failed x", Some("192.0.2.1")),
            ("b failed x", Some("192.0.2.2")),
            ("c failed x", None),
        ] {
            let outcome = handle(&mut matcher, "1", message);
            assert_eq!(addr(&outcome).as_deref(), expected, "{message}");
        }
        // Without an id in the line, the field; if that names connections.
        handle(&mut matcher, "2", "from 192.0.2.3");
        let outcome = handle(&mut matcher, "2", "failed x");
        let expected = (!fields.is_empty()).then_some("192.0.2.3");
        assert_eq!(addr(&outcome).as_deref(), expected);
    }
}

#[test]
fn an_id_that_is_too_long_names_nothing() {
    let mut matcher = matcher(compile(&by(&[])));
    for (length, expected) in [(128, Some("192.0.2.1")), (129, None)] {
        let id = "x".repeat(length);
        handle(&mut matcher, "", &format!("{id} from 192.0.2.1"));
        let outcome = handle(&mut matcher, "", &format!("{id} failed y"));
        assert_eq!(addr(&outcome).as_deref(), expected);
        assert_eq!(matcher.counters().sessions, 1);
    }
}

#[test]
fn connections_need_a_name_and_ids_need_connections() {
    let error = |spec: &FilterSpec| {
        let errors = Filter::compile(spec, "normal").expect_err("is wrong");
        errors[0].to_string()
    };
    let mut nameless = by(&[]);
    nameless.rules = vec![rule(RuleKind::Failure, "^from <ADDR>$")];
    assert!(error(&nameless).starts_with("session: nothing tells connections apart"));
    let stray = FilterSpec {
        rules: vec![rule(
            RuleKind::Failure,
            "^<F-SESSION>.</F-SESSION> from <ADDR>$",
        )],
        ..FilterSpec::default()
    };
    assert!(error(&stray).contains("add [session]"), "{}", error(&stray));
}

#[test]
fn values_are_read_behind_the_prefix() {
    let filter = |of: fn(&str) -> Selector| {
        compile(&FilterSpec {
            prefix: Some("^(?:time=)?\\d+ ".to_owned()),
            rules: vec![RuleSpec {
                conditions: vec![Condition {
                    selector: of("status"),
                    any_of: vec!["401".to_owned(), "false".to_owned()],
                }],
                host: Some(of("ip")),
                user: Some(of("user")),
                ..RuleSpec::default()
            }],
            ..FilterSpec::default()
        })
    };
    let json = |name: &str| Selector::Json(vec![name.to_owned()]);
    let logfmt = |name: &str| Selector::Logfmt(name.to_owned());
    for (of, message, verdict) in [
        (
            json as fn(&str) -> Selector,
            r#"12 {"status":401,"ip":"192.0.2.1","user":"x y"}"#,
            Verdict::Failure,
        ),
        (
            json,
            r#"{"status":false,"ip":"192.0.2.1","user":"x y"}"#,
            Verdict::Failure,
        ),
        (json, r#"12 {"status":200,"ip":"192.0.2.1"}"#, Verdict::None),
        (
            json,
            r#"12 {"status":401,"ip":"198.51.100.7","ip":"192.0.2.1"}"#,
            Verdict::Pending,
        ),
        (
            logfmt,
            r#"time=12 status=401 ip=192.0.2.1 user="x y""#,
            Verdict::Failure,
        ),
        (
            logfmt,
            r#"status=401 ip=192.0.2.1:53 user="x y""#,
            Verdict::Failure,
        ),
        (logfmt, "status=200 ip=192.0.2.1", Verdict::None),
    ] {
        let mut matcher = matcher(filter(of));
        let outcome = handle(&mut matcher, "", message);
        assert_eq!(outcome.verdict, verdict, "{message}");
        if verdict == Verdict::Failure {
            assert_eq!(addr(&outcome).as_deref(), Some("192.0.2.1"));
            assert_eq!(outcome.user.as_deref(), Some("x y"));
        }
    }
}

#[test]
fn a_success_is_told_with_the_address_of_its_line_or_connection() {
    let mut spec = by(&["_PID"]);
    let success =
        "^(?:<F-SESSION>[^ ]+</F-SESSION> )?welcome <F-USER>[^ ]+</F-USER>(?: at <HOST>)?$";
    spec.rules.push(rule(RuleKind::Success, success));
    spec.rules.push(rule(
        RuleKind::Pending,
        "^(?:<F-SESSION>[^ ]+</F-SESSION> )?tried <F-USER>.*</F-USER>$",
    ));
    let mut matcher = matcher(compile(&spec));
    let addr = |outcome: &Outcome| outcome.success.map(|login| login.addr.to_string());

    let own = handle(&mut matcher, "1", "welcome a at ::ffff:192.0.2.1");
    assert_eq!(addr(&own).as_deref(), Some("192.0.2.1"));
    assert_eq!((own.verdict, own.failure), (Verdict::Pending, None));

    assert_eq!(addr(&handle(&mut matcher, "2", "from 192.0.2.2")), None);
    let failed = handle(&mut matcher, "2", "tried b");
    assert_eq!((addr(&failed), failed.failure), (None, None));
    let both = handle(&mut matcher, "2", "welcome a");
    assert_eq!(addr(&both).as_deref(), Some("192.0.2.2"));
    assert_eq!(both.failure.expect("of b").user.as_deref(), Some("b"));

    // A name is nobody's address, and another connection's is not this one's.
    assert_eq!(
        addr(&handle(&mut matcher, "2", "welcome a at host.example")),
        None
    );
    assert_eq!(addr(&handle(&mut matcher, "3", "welcome a")), None);
}

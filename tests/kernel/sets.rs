//! What nft(8) shows of bans.

use std::time::Duration;

use journalban::backend::{
    Action, Backend, BackendError, Change, Holding, Nftables, Port, Protocol, Target,
};
use journalban::clock;
use journalban::model::PrefixLengths;

use crate::support::nft::{Element, elements, nft, objects, values};
use crate::support::until;
use crate::{add, alone, apply, backend, holding, many, name, prefix, remove, restore, target};

const HOUR: Option<Duration> = Some(Duration::from_hours(1));

#[test]
fn bans_are_elements_with_the_kernels_own_timeout() {
    alone(|| {
        let targets = [target("sshd", Some(22), Action::Reject)];
        let mut backend = backend(&targets, &[holding("sshd", "192.0.2.1", HOUR)]);
        apply(
            &mut backend,
            &[
                add("sshd", "192.0.2.2", None),
                add("sshd", "2001:db8:0:1::/64", HOUR),
                add("sshd", "2001:db8::1", HOUR),
                add("sshd", "198.51.100.0/24", HOUR),
                add("sshd", "2001:db8:1::/48", None),
            ],
        );
        let element = |value: &str, minutes| Element {
            value: value.to_owned(),
            minutes,
        };
        let v4 = elements("v4-sshd");
        assert_eq!(v4.len(), 2);
        assert!(v4.contains(&element("192.0.2.1", Some(60))), "{v4:?}");
        assert!(v4.contains(&element("192.0.2.2", None)), "{v4:?}");
        for (set, value, minutes) in [
            ("v6-sshd", "2001:db8:0:1::", Some(60)),
            ("host6-sshd", "2001:db8::1", Some(60)),
            ("net4-sshd", "198.51.100.0/24", Some(60)),
            ("net6-sshd", "2001:db8:1::/48", None),
        ] {
            assert_eq!(elements(set), [element(value, minutes)], "{set}");
        }
    });
}

#[test]
fn the_rules_are_those_an_administrator_would_write() {
    alone(|| {
        let odd = Target {
            lengths: PrefixLengths { ipv4: 24, ipv6: 56 },
            ..target("3proxy", None, Action::Drop)
        };
        let mut dotted = target("a.b_c-d", Some(22), Action::Reject);
        dotted.ports.push(Port {
            protocol: Protocol::Tcp,
            first: 8000,
            last: 65535,
        });
        backend(&[dotted, odd], &[]);
        let listing = nft("list table inet journalban");
        let plain = listing.replace(" == @", " @"); // as some versions of nft print it
        for rule in [
            // -150
            "type filter hook prerouting priority mangle; policy accept;",
            "ct direction reply accept",
            "tcp dport { 22, 8000-65535 } jump jail-a.b_c-d",
            "\tjump jail-3proxy",
            "ip saddr @v4-a.b_c-d counter packets 0 bytes 0 goto refuse",
            "ip6 saddr & ffff:ffff:ffff:ffff:: @v6-a.b_c-d counter packets 0 bytes 0 goto refuse",
            "ip6 saddr @host6-a.b_c-d counter packets 0 bytes 0 goto refuse",
            "ip saddr & 255.255.255.0 @v4-3proxy counter packets 0 bytes 0 drop",
            "ip saddr @host4-3proxy counter packets 0 bytes 0 drop",
            "meta l4proto tcp reject with tcp reset",
            "reject",
        ] {
            assert!(plain.contains(rule), "{rule} is not in {plain}");
        }
        // nft reads back what it printed, names that begin with a digit or hold dots included.
        let saved = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(saved.path(), &listing).expect("can be written");
        nft("flush ruleset");
        nft(&format!("-f {}", saved.path().display()));
        assert_eq!(nft("list table inet journalban"), listing);
    });
}

#[test]
fn restoring_twice_doubles_nothing_and_removes_what_is_not_ours() {
    alone(|| {
        let targets = [
            target("sshd", Some(22), Action::Reject),
            target("all", None, Action::Drop),
        ];
        let wanted = [holding("sshd", "192.0.2.1", HOUR)];
        let mut first = backend(&targets, &wanted);
        let count = |kind| objects(kind).len();
        let before = (count("chain"), count("rule"), count("set"));
        restore(&mut first, &targets, &wanted);
        drop(first);
        nft("add element inet journalban v4-sshd { 192.0.2.99 }");
        nft("add chain inet journalban leftover");
        nft("add rule inet journalban prerouting drop");
        nft("add table inet other");
        // A second life of the daemon adopts the table.
        let _second = backend(&targets, &wanted);
        let after = (count("chain"), count("rule"), count("set"));
        assert_eq!(before, after);
        assert_eq!(values("v4-sshd"), ["192.0.2.1"]);
        let tables = objects("table");
        assert!(tables.iter().any(|table| table["name"] == "other"));
    });
}

#[test]
fn a_new_end_takes_the_place_of_the_old_one() {
    for old_kernel in [false, true] {
        alone(|| {
            let mut backend = backend(&[target("a", None, Action::Drop)], &[]);
            if old_kernel {
                backend = backend.as_on_old_kernels();
            }
            let ends = [
                (HOUR, Some(60)),
                (Some(Duration::from_mins(2)), Some(2)),
                (None, None),
                (Some(Duration::from_hours(2)), Some(120)),
            ];
            for (span, minutes) in ends {
                apply(&mut backend, &[add("a", "192.0.2.1", span)]);
                let found: Vec<_> = elements("v4-a").iter().map(|it| it.minutes).collect();
                assert_eq!(found, [minutes], "old kernel: {old_kernel}");
            }
            apply(&mut backend, &[remove("a", "192.0.2.1")]);
            apply(&mut backend, &[remove("a", "192.0.2.1")]); // twice is harmless
            assert_eq!(values("v4-a"), [""; 0], "old kernel: {old_kernel}");
        });
    }
}

#[test]
fn the_kernel_lets_go_by_itself_and_a_late_removal_is_no_error() {
    for old_kernel in [false, true] {
        alone(|| {
            let mut backend = backend(&[target("a", None, Action::Drop)], &[]);
            if old_kernel {
                backend = backend.as_on_old_kernels();
            }
            let short = Some(Duration::from_millis(200));
            let changes = [
                add("a", "192.0.2.1", short),
                add("a", "192.0.2.2", None),
                add("a", "198.51.100.0/24", short),
                add("a", "203.0.113.0/24", None),
            ];
            apply(&mut backend, &changes);
            let gone = until(Duration::from_secs(2), || {
                values("v4-a") == ["192.0.2.2"] && values("net4-a") == ["203.0.113.0/24"]
            });
            assert!(
                gone.is_some(),
                "{:?} {:?}",
                values("v4-a"),
                values("net4-a")
            );
            apply(
                &mut backend,
                &[
                    remove("a", "192.0.2.1"),
                    remove("a", "198.51.100.0/24"),
                    add("a", "198.51.100.0/25", None),
                ],
            );
            assert_eq!(values("net4-a"), ["198.51.100.0/25", "203.0.113.0/24"]);
        });
    }
}

#[test]
fn overlapping_networks_keep_out_what_either_keeps_out() {
    alone(|| {
        let mut backend = backend(&[target("a", None, Action::Drop)], &[]);
        apply(&mut backend, &[add("a", "198.51.100.64/26", HOUR)]);
        apply(&mut backend, &[add("a", "198.51.100.0/24", None)]);
        assert_eq!(values("net4-a"), ["198.51.100.0/24"]);
        apply(&mut backend, &[add("a", "198.51.0.0/16", HOUR)]);
        let cut = [
            "198.51.0.0-198.51.99.255",
            "198.51.100.0/24",
            "198.51.101.0-198.51.255.255",
        ];
        assert_eq!(values("net4-a"), cut);
        apply(
            &mut backend,
            &[remove("a", "198.51.0.0/16"), remove("a", "198.51.100.0/24")],
        );
        assert_eq!(
            values("net4-a"),
            ["198.51.100.64/26"],
            "the narrower is back"
        );
        // The whole address space, and its last network.
        apply(
            &mut backend,
            &[
                add("a", "0.0.0.0/0", HOUR),
                add("a", "255.255.255.0/24", None),
                add("a", "::/0", None),
            ],
        );
        assert_eq!(values("net4-a").len(), 2);
        assert_eq!(values("net6-a"), ["::/0"]);
    });
}

#[test]
fn what_is_open_is_in_no_set_and_a_removal_leaves_nothing_behind() {
    alone(|| {
        let mut backend = backend(&[target("a", None, Action::Drop)], &[]);
        let closed = holding("a", "2001:db8::/64", HOUR);
        let opened = Holding {
            open: [prefix("2001:db8::8/125")].into(),
            ..closed.clone()
        };
        let around = [
            "2001:db8::/125",
            "2001:db8::10-2001:db8::ffff:ffff:ffff:ffff",
        ];
        let in_sets = || (values("v6-a"), values("net6-a"));
        apply(&mut backend, &[Change::Add(closed.clone())]);
        assert_eq!(values("v6-a"), ["2001:db8::"]);
        let everywhere = nft("list table inet journalban");
        assert!(!everywhere.contains("2001:db8::8"), "{everywhere}");
        apply(&mut backend, &[Change::Add(opened.clone())]);
        assert_eq!(values("v6-a"), [""; 0]);
        let ranges = values("net6-a");
        assert_eq!(ranges, around);
        restore(&mut backend, &[target("a", None, Action::Drop)], &[opened]);
        assert_eq!(in_sets(), (Vec::new(), ranges));
        apply(&mut backend, &[add("a", "2001:db8::/48", None)]);
        assert_eq!(values("net6-a"), ["2001:db8::/48"], "the other has no hole");
        apply(
            &mut backend,
            &[remove("a", "2001:db8::/48"), Change::Add(closed)],
        );
        assert_eq!(in_sets(), (vec!["2001:db8::".to_owned()], Vec::new()));
        apply(&mut backend, &[remove("a", "2001:db8::/64")]);
        assert_eq!(in_sets(), (Vec::new(), Vec::new()));
    });
}

#[test]
fn a_batch_is_carried_out_wholly_or_not_at_all() {
    alone(|| {
        let mut backend = backend(&[target("a", None, Action::Drop)], &[]);
        let changes = [
            add("a", "192.0.2.1", None),
            add("stranger", "192.0.2.2", None),
        ];
        let refused = backend.apply(&changes, clock::now());
        assert!(
            matches!(refused, Err(BackendError::Refused(_))),
            "{refused:?}"
        );
        assert_eq!(values("v4-a"), [""; 0]);
        // The kernel's own refusal names the set.
        nft("flush chain inet journalban jail-a");
        nft("delete set inet journalban v4-a");
        let changes = [add("a", "2001:db8::/64", None), add("a", "192.0.2.1", None)];
        let error = backend
            .apply(&changes, clock::now())
            .expect_err("no such set");
        let BackendError::Uncertain(text) = error else {
            panic!("{error:?}");
        };
        assert!(text.contains("set v4-a"), "{text}");
        assert_eq!(values("v6-a"), [""; 0]);
    });
}

#[test]
fn two_jails_hold_the_same_address() {
    alone(|| {
        let targets = [
            target("a", None, Action::Drop),
            target("b", None, Action::Drop),
        ];
        let mut backend = backend(&targets, &[]);
        let both = [add("a", "192.0.2.1", None), add("b", "192.0.2.1", None)];
        apply(&mut backend, &both);
        apply(&mut backend, &[remove("a", "192.0.2.1")]);
        assert_eq!(values("v4-a"), [""; 0]);
        assert_eq!(values("v4-b"), ["192.0.2.1"]);
    });
}

#[test]
fn a_hundred_thousand_bans_are_restored_and_changed_at_once() {
    alone(|| {
        let targets = [target("a", None, Action::Drop)];
        let wanted = many("a", 100_000);
        let mut backend = backend(&targets, &wanted);
        assert_eq!(elements("v4-a").len(), 100_000);
        assert!(
            !backend.disturbed().expect("readable"),
            "it was nobody else"
        );
        let changes: Vec<_> = wanted
            .iter()
            .map(|holding| remove("a", &holding.prefix.to_string()))
            .collect();
        apply(&mut backend, &changes);
        assert_eq!(elements("v4-a").len(), 0);
        assert!(
            !backend.disturbed().expect("readable"),
            "it was nobody else"
        );
    });
}

#[test]
fn a_mapped_address_is_the_ipv4_address() {
    alone(|| {
        let mut backend = backend(&[target("a", None, Action::Drop)], &[]);
        apply(&mut backend, &[add("a", "::ffff:192.0.2.1", None)]);
        assert_eq!(values("v4-a"), ["192.0.2.1"]);
        let v6: usize = ["v6-a", "host6-a", "net6-a"]
            .map(|set| elements(set).len())
            .iter()
            .sum();
        assert_eq!(v6, 0);
    });
}

#[test]
fn a_table_of_another_name_is_left_alone() {
    alone(|| {
        let targets = [target("a", None, Action::Drop)];
        let mut other = Nftables::open("journalban-test").expect("root may");
        restore(&mut other, &targets, &[holding("a", "192.0.2.9", None)]);
        let mut ours = backend(&targets, &[holding("a", "192.0.2.1", None)]);
        assert!(!other.disturbed().expect("readable"));
        restore(&mut other, &targets, &[]);
        assert!(!ours.disturbed().expect("readable"));
        assert_eq!(values("v4-a"), ["192.0.2.1"]);
        let names: Vec<_> = ours
            .dropped()
            .expect("readable")
            .into_iter()
            .map(|it| it.jail)
            .collect();
        assert_eq!(names, [name("a")]);
    });
}

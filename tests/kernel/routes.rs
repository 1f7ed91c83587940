//! What ip(8) shows of bans as routes, and what becomes of them.

use std::process::Command;

use journalban::backend::{
    Action, Backend, BackendError, Change, Holding, RouteType, Routes, Target,
};
use journalban::clock;

use crate::packets::{ATTACKER, ATTACKER6, NEIGHBOUR, attacker_and_victim, listen};
use crate::support::monitor::Monitor;
use crate::support::namespace::ip;
use crate::support::traffic::{Outcome, tcp};
use crate::{add, alone, holding, many, prefix, remove, target};

fn jail(name: &str, route: RouteType) -> Target {
    Target {
        route,
        ..target(name, None, Action::Drop)
    }
}

/// The backend, with the routes for `wanted` in place.
fn routes(targets: &[Target], wanted: &[Holding]) -> Routes {
    let mut routes = Routes::open().expect("root may");
    restore(&mut routes, targets, wanted);
    routes
}

fn restore(routes: &mut Routes, targets: &[Target], wanted: &[Holding]) {
    let restored = routes.restore(targets, wanted, clock::now());
    restored.expect("the kernel takes it");
}

fn apply(routes: &mut Routes, changes: &[Change]) {
    let applied = routes.apply(changes, clock::now());
    applied.expect("the kernel takes it");
}

/// Our routes of the main table, as `TYPE PREFIX`, sorted.
fn shown() -> Vec<String> {
    let ours = format!("proto {}", Routes::PROTOCOL);
    let mut shown: Vec<String> = ["-4", "-6"]
        .iter()
        .flat_map(|family| {
            let listing = ip(&format!("{family} route show {ours}"));
            let words = |line: &str| -> String {
                let words: Vec<&str> = line.split_whitespace().take(2).collect();
                words.join(" ")
            };
            listing.lines().map(words).collect::<Vec<_>>()
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn bans_are_routes_of_the_main_table_until_the_last_jail_lets_go() {
    alone(|| {
        let targets = [
            jail("silent", RouteType::Blackhole),
            jail("polite", RouteType::Prohibit),
        ];
        let mut routes = routes(&targets, &[holding("polite", "192.0.2.1", None)]);
        assert_eq!(shown(), ["prohibit 192.0.2.1"]);
        let full = ip("-4 -d route show");
        let marks = format!("proto {} scope global metric 7", Routes::PROTOCOL);
        assert!(full.contains(&marks), "{full}");
        let changes = [
            add("silent", "192.0.2.1", None),
            add("silent", "2001:db8::/64", None),
            add("polite", "2001:db8::/48", None),
            add("silent", "198.51.100.0/24", None),
        ];
        let all = [
            "blackhole 192.0.2.1",
            "blackhole 198.51.100.0/24",
            "blackhole 2001:db8::/64",
            "prohibit 2001:db8::/48",
        ];
        for _ in 0..2 {
            apply(&mut routes, &changes); // twice is harmless
            assert_eq!(shown(), all);
        }
        let lifted = [
            remove("silent", "192.0.2.1"),
            remove("silent", "2001:db8::/64"),
            remove("silent", "203.0.113.1"),
        ];
        for _ in 0..2 {
            apply(&mut routes, &lifted);
            assert_eq!(shown(), [all[1], "prohibit 192.0.2.1", all[3]]);
        }
        assert!(!routes.disturbed().expect("readable"), "it was we");
        assert_eq!(routes.dropped(), Ok(Vec::new()), "nobody counts");
    });
}

#[test]
fn a_restore_changes_the_difference_and_leaves_no_gap() {
    alone(|| {
        let targets = [
            jail("a", RouteType::Blackhole),
            jail("b", RouteType::Unreachable),
        ];
        let wanted = [
            holding("a", "192.0.2.1", None),
            holding("a", "2001:db8::/64", None),
            holding("b", "198.51.100.0/24", None),
        ];
        let right = [
            "blackhole 192.0.2.1",
            "blackhole 2001:db8::/64",
            "unreachable 198.51.100.0/24",
        ];
        drop(routes(&targets, &wanted[..1]));
        let ours = format!("proto {}", Routes::PROTOCOL);
        ip(&format!("route add blackhole 203.0.113.1 metric 7 {ours}"));
        ip(&format!("route add blackhole 192.0.2.1 metric 8 {ours}"));
        ip(&format!(
            "-6 route add blackhole 2001:db8::/64 metric 8 {ours}"
        ));
        ip(&format!(
            "route add blackhole 198.51.100.0/24 metric 7 {ours}"
        ));
        ip("route add blackhole 203.0.113.9");
        let monitor = Monitor::start();
        let mut next = routes(&targets, &wanted);
        assert_eq!(shown(), right);
        restore(&mut next, &targets, &wanted);
        assert!(ip("route show").contains("203.0.113.9"), "it is not ours");
        ip("route del blackhole 203.0.113.9");
        let (deleted, new): (Vec<String>, Vec<String>) = monitor
            .told_before("203.0.113.9")
            .into_iter()
            .partition(|line| line.starts_with("Deleted"));
        assert_eq!(deleted.len(), 3, "{deleted:?}");
        let surplus = |line: &String| line.contains("metric 8") || line.contains("203.0.113.1 ");
        assert!(deleted.iter().all(surplus), "{deleted:?}");
        // One was missing, one of another type: the rest stayed as it was.
        assert_eq!(new.len(), 2, "{new:?}");
        assert!(!next.disturbed().expect("readable"));
    });
}

#[test]
fn the_routes_of_others_are_left_alone() {
    alone(|| {
        ip("route add 192.0.2.0/24 dev lo");
        ip("route add unreachable 192.0.2.1 metric 100");
        ip("-6 route add prohibit 2001:db8::/64");
        ip("route add prohibit 198.51.100.1 metric 7");
        let others = || {
            (
                ip("-4 route show proto boot"),
                ip("-6 route show proto boot"),
            )
        };
        let before = others();
        let targets = [jail("a", RouteType::Blackhole)];
        let mut routes = routes(&targets, &[]);
        let changes = [
            add("a", "192.0.2.0/24", None),
            add("a", "192.0.2.1", None),
            add("a", "2001:db8::/64", None),
        ];
        apply(&mut routes, &changes);
        let ours = ["192.0.2.0/24", "192.0.2.1", "2001:db8::/64"];
        assert_eq!(shown(), ours.map(|who| format!("blackhole {who}")));
        assert_eq!(others(), before);

        // One that has our very metric is in the way; it stays, and is told of.
        let refused = routes.apply(&[add("a", "198.51.100.1", None)], clock::now());
        assert!(
            matches!(refused, Err(BackendError::Uncertain(_))),
            "{refused:?}"
        );
        let wanted = [
            holding("a", "198.51.100.1", None),
            holding("a", "198.51.100.2", None),
        ];
        let refused = routes.restore(&targets, &wanted, clock::now());
        let Err(BackendError::Refused(why)) = refused else {
            panic!("{refused:?}");
        };
        assert!(why.contains("198.51.100.1 with metric 7"), "{why}");
        assert_eq!(shown(), ["blackhole 198.51.100.2"], "the rest is in force");
        assert_eq!(others(), before);

        assert_eq!(routes.clear(), Ok(true));
        assert_eq!(routes.clear(), Ok(false));
        assert_eq!(shown(), [""; 0]);
        assert_eq!(others(), before);
    });
}

#[test]
fn there_is_never_a_route_over_what_is_open() {
    alone(|| {
        let targets = [jail("a", RouteType::Blackhole)];
        let holed = |who: &str, open: &str| Holding {
            open: [prefix(open)].into(),
            ..holding("a", who, None)
        };
        let wanted = [holed("192.0.2.0/30", "192.0.2.1")];
        let mut routes = routes(&targets, &wanted);
        let around = ["blackhole 192.0.2.0", "blackhole 192.0.2.2/31"];
        assert_eq!(shown(), around);
        let v6 = holed("2001:db8::/64", "2001:db8::1");
        apply(&mut routes, &[Change::Add(v6)]);
        assert_eq!(shown().len(), 2 + 64);
        let get = |addr: &str| Command::new("ip").args(["route", "get", addr]).output();
        ip("-6 route add default dev lo");
        let open = get("2001:db8::1").expect("ip(8) is there");
        assert!(open.status.success());
        let closed = get("2001:db8::2").expect("ip(8) is there");
        assert!(!closed.status.success());
        apply(
            &mut routes,
            &[remove("a", "2001:db8::/64"), add("a", "192.0.2.0/30", None)],
        );
        assert_eq!(shown(), ["blackhole 192.0.2.0/30"]);
        apply(&mut routes, &[remove("a", "192.0.2.0/30")]);
        assert_eq!(shown(), [""; 0]);
    });
}

#[test]
fn what_others_do_to_our_routes_is_noticed_and_nothing_else() {
    alone(|| {
        let targets = [jail("a", RouteType::Blackhole)];
        let wanted = [
            holding("a", "192.0.2.1", None),
            holding("a", "2001:db8::/64", None),
        ];
        let mut routes = routes(&targets, &wanted);
        let right = shown();
        let ours = format!("proto {}", Routes::PROTOCOL);
        for harm in [
            "route del blackhole 192.0.2.1".to_owned(),
            "-6 route del blackhole 2001:db8::/64".to_owned(),
            format!("-4 route flush {ours}"),
            "route replace prohibit 192.0.2.1 metric 7".to_owned(),
            "route change unreachable 192.0.2.1 metric 7".to_owned(),
            format!("route add blackhole 203.0.113.1 {ours}"),
            "link set lo down".to_owned(),
        ] {
            ip(&harm);
            assert!(routes.disturbed().expect("readable"), "{harm}");
            // The replaced one is not ours any more, and in the way.
            if harm.contains(" replace ") || harm.contains(" change ") {
                ip("route del 192.0.2.1 metric 7");
                assert!(!routes.disturbed().expect("readable"), "{harm}");
            }
            restore(&mut routes, &targets, &wanted);
            assert_eq!(shown(), right, "{harm}");
            assert!(!routes.disturbed().expect("readable"), "it was we");
        }
        ip("link set lo up");
        for other in [
            "route add blackhole 203.0.113.1",
            "route del blackhole 203.0.113.1",
            "route add blackhole 192.0.2.1",
            "route add blackhole 198.51.100.1 metric 7",
            "route add blackhole 192.0.2.1 metric 7 table 100",
        ] {
            ip(other);
            assert!(!routes.disturbed().expect("readable"), "{other}");
        }
    });
}

#[test]
fn the_kernel_tells_which_routes_hold_an_address() {
    alone(|| {
        let targets = [
            jail("a", RouteType::Blackhole),
            jail("b", RouteType::Prohibit),
        ];
        let wanted = [
            holding("a", "192.0.2.1", None),
            holding("b", "192.0.2.1", None),
            holding("b", "192.0.0.0/16", None),
            holding("b", "2001:db8::/64", None),
        ];
        let mut routes = routes(&targets, &wanted);
        let mut kept = |addr: &str| -> Vec<String> {
            let kept = routes.keeps(addr.parse().expect("an address"));
            let mut shown: Vec<String> = kept
                .expect("readable")
                .iter()
                .map(|it| format!("{}: {}", it.jail, it.place))
                .collect();
            shown.sort();
            shown
        };
        let net = "b: route prohibit 192.0.0.0/16";
        let both = [
            "a: route blackhole 192.0.2.1",
            "b: route blackhole 192.0.2.1",
            net,
        ];
        assert_eq!(kept("192.0.2.1"), both);
        assert_eq!(kept("192.0.2.2"), [net]);
        assert_eq!(kept("2001:db8::7"), ["b: route prohibit 2001:db8::/64"]);
        assert_eq!(kept("2001:db8:1::7"), [""; 0]);
        ip("route del blackhole 192.0.2.1");
        assert_eq!(kept("192.0.2.1"), [net], "what is there counts");
    });
}

#[test]
fn who_is_banned_gets_no_answer_and_others_do() {
    let Some((attacker, victim)) = attacker_and_victim() else {
        return;
    };
    victim.run(|| {
        let _listener = listen(22);
        let tcp = |from, to| attacker.run(|| tcp(from, to));
        let targets = [jail("a", RouteType::Blackhole)];
        let mut routes = routes(&targets, &[]);
        let v6 = "[2001:db8::1]:22";
        assert_eq!(tcp(ATTACKER, "192.0.2.1:22"), Outcome::Open);
        assert_eq!(tcp(ATTACKER6, v6), Outcome::Open);
        let banned = [
            add("a", ATTACKER, None),
            add("a", "2001:db8:bad::/64", None),
        ];
        apply(&mut routes, &banned);
        assert_eq!(tcp(ATTACKER, "192.0.2.1:22"), Outcome::Silent);
        assert_eq!(tcp(ATTACKER6, v6), Outcome::Silent);
        assert_eq!(tcp(NEIGHBOUR, "192.0.2.1:22"), Outcome::Open);
        apply(&mut routes, &[remove("a", ATTACKER)]);
        assert_eq!(tcp(ATTACKER, "192.0.2.1:22"), Outcome::Open);
    });
}

#[test]
fn many_routes_come_and_go() {
    alone(|| {
        let targets = [jail("a", RouteType::Blackhole)];
        let wanted = many("a", 20_000);
        let mut routes = routes(&targets, &wanted);
        assert_eq!(shown().len(), 20_000);
        assert!(!routes.disturbed().expect("readable"), "it was we");
        restore(&mut routes, &targets, &wanted);
        let lifted: Vec<Change> = wanted
            .iter()
            .map(|holding| remove("a", &holding.prefix.to_string()))
            .collect();
        apply(&mut routes, &lifted);
        assert_eq!(shown(), [""; 0]);
        assert!(!routes.disturbed().expect("readable"), "it was we");
    });
}

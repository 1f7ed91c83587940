//! The table as the configuration asks for it: whose it is, and where it meets packets.

use std::time::Duration;

use journalban::backend::{Action, Backend, BackendError, Hook, Nftables, Table};
use journalban::clock;

use crate::packets::{ATTACKER, attacker_victim_and_server, listen};
use crate::support::nft::{nft, objects, succeeds, values};
use crate::support::traffic::{Outcome, tcp};
use crate::support::until;
use crate::{add, alone, apply, holding, restore, target};

fn owned() -> Table {
    Table {
        owner: true,
        ..Table::default()
    }
}

/// After the owner's socket was closed. Another test that starts a program just then keeps it open
/// for an instant.
fn once_let_go<T: std::fmt::Debug>(mut attempt: impl FnMut() -> Result<T, BackendError>) -> T {
    let mut last = None;
    let let_go = || {
        last = Some(attempt());
        matches!(last, Some(Ok(_)))
    };
    until(Duration::from_secs(5), let_go);
    last.expect("an attempt").expect("it is let go of")
}

#[test]
fn a_table_with_an_owner_is_out_of_the_reach_of_others() {
    alone(|| {
        let targets = [target("a", None, Action::Drop)];
        let mut first = Nftables::open_for(owned()).expect("this kernel can");
        restore(&mut first, &targets, &[holding("a", "192.0.2.1", None)]);
        nft("add table inet other");
        nft("flush ruleset");
        assert_eq!(objects("table").len(), 1, "the others are gone");
        assert_eq!(values("v4-a"), ["192.0.2.1"]);
        for harm in [
            "delete element inet journalban v4-a { 192.0.2.1 }",
            "add element inet journalban v4-a { 192.0.2.2 }",
            "delete table inet journalban",
        ] {
            assert!(!succeeds(harm), "{harm}");
        }
        assert!(!first.disturbed().expect("readable"));
        apply(&mut first, &[add("a", "192.0.2.3", None)]);
        restore(&mut first, &targets, &[holding("a", "192.0.2.4", None)]);
        assert_eq!(values("v4-a"), ["192.0.2.4"]);

        // As long as the first lives, a second one gets nowhere.
        let mut second = Nftables::open_for(owned()).expect("this kernel can");
        let refused = second.restore(&targets, &[], clock::now());
        assert!(
            matches!(refused, Err(BackendError::Refused(_))),
            "{refused:?}"
        );
        drop(first);
        assert_eq!(values("v4-a"), ["192.0.2.4"], "it outlives its owner");
        let wanted = [holding("a", "192.0.2.5", None)];
        once_let_go(|| second.restore(&targets, &wanted, clock::now()));
        assert!(
            !succeeds("delete table inet journalban"),
            "it is taken over"
        );
        assert_eq!(values("v4-a"), ["192.0.2.5"]);

        drop(second);
        let mut third = Nftables::open(Nftables::TABLE).expect("root may");
        once_let_go(|| third.restore(&targets, &[], clock::now()));
        nft("add element inet journalban v4-a { 192.0.2.6 }");
        drop(third);
        let mut fourth = Nftables::open_for(owned()).expect("this kernel can");
        restore(&mut fourth, &targets, &[]);
        assert!(!succeeds("delete table inet journalban"), "and back again");
        assert_eq!(fourth.clear(), Ok(true));
        assert_eq!(objects("table").len(), 0);
    });
}

#[test]
fn what_an_owner_has_left_behind_is_cleared_by_anybody_of_us() {
    alone(|| {
        let mut first = Nftables::open_for(owned()).expect("this kernel can");
        restore(&mut first, &[target("a", None, Action::Drop)], &[]);
        let mut second = Nftables::open(Nftables::TABLE).expect("root may");
        let refused = second.clear();
        assert!(
            matches!(refused, Err(BackendError::Refused(_))),
            "{refused:?}"
        );
        drop(first);
        assert!(once_let_go(|| second.clear()));
        assert_eq!(objects("table").len(), 0);
    });
}

#[test]
fn the_hook_input_leaves_forwarded_traffic_alone() {
    let Some((attacker, victim, server)) = attacker_victim_and_server() else {
        return;
    };
    let _server = server.run(|| listen(80));
    victim.run(|| {
        let _listener = listen(80);
        let banned = [holding("http", ATTACKER, None)];
        let outcomes = |hook, priority| {
            let table = Table {
                hook,
                priority,
                ..Table::default()
            };
            let mut backend = Nftables::open_for(table).expect("root may");
            restore(
                &mut backend,
                &[target("http", Some(80), Action::Reject)],
                &banned,
            );
            let to = ["192.0.2.1:80", "203.0.113.2:80"];
            attacker.run(|| to.map(|to| tcp(ATTACKER, to)))
        };
        let both = [Outcome::Refused, Outcome::Refused];
        assert_eq!(outcomes(Hook::Prerouting, Table::PRIORITY), both);
        assert_eq!(outcomes(Hook::Prerouting, *Table::PRIORITIES.start()), both);
        let local = [Outcome::Refused, Outcome::Open];
        assert_eq!(outcomes(Hook::Input, -10), local);
        let rules = nft("list table inet journalban");
        let base = "type filter hook input priority -10; policy accept;";
        assert!(
            rules.contains(base) || rules.contains("filter - 10;"),
            "{rules}"
        );
    });
}

//! What the kernel tells of bans: what holds an address, and what a daemon without a state file
//! finds.

use std::time::Duration;

use journalban::backend::{Action, Backend, Holding, Nftables};
use journalban::clock;
use journalban::model::{JailName, Prefix};

use crate::support::nft::{nft, objects};
use crate::{add, alone, apply, backend, holding, prefix, restore, target};

const HOUR: Option<Duration> = Some(Duration::from_hours(1));

/// In one order, whatever the backend's is.
fn sorted(mut holdings: Vec<Holding>) -> Vec<Holding> {
    holdings.sort_by_key(|it| (it.jail.clone(), it.prefix));
    holdings
}

#[test]
fn the_next_life_finds_what_the_first_has_put_there() {
    alone(|| {
        let targets = [
            target("sshd", Some(22), Action::Reject),
            target("web", None, Action::Drop),
        ];
        let wanted = vec![
            holding("sshd", "192.0.2.1", HOUR),
            holding("sshd", "192.0.2.2", None),
            holding("sshd", "2001:db8:1::/64", HOUR),
            holding("sshd", "2001:db8::1", None),
            holding("sshd", "198.51.100.0/24", HOUR),
            holding("sshd", "2001:db8:2::/48", None),
            holding("web", "192.0.2.1", None),
            holding("web", "198.51.0.0/16", None),
        ];
        let first = backend(&targets, &wanted);
        drop(first);
        let mut second = Nftables::open(Nftables::TABLE).expect("root may");
        let found = second.held(&targets, clock::now()).expect("readable");
        let (found, wanted) = (sorted(found), sorted(wanted));
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!((&found.jail, found.prefix), (&wanted.jail, wanted.prefix));
            match (found.until, wanted.until) {
                (Some(found), Some(wanted)) => {
                    let apart = found.since(wanted).max(wanted.since(found));
                    assert!(apart < Duration::from_secs(1), "{apart:?}");
                }
                (found, wanted) => assert_eq!(found, wanted),
            }
        }
        let others = [target("other", None, Action::Drop)];
        assert_eq!(second.held(&others, clock::now()).expect("readable"), []);
        nft("flush ruleset");
        assert_eq!(second.held(&targets, clock::now()).expect("readable"), []);
    });
}

#[test]
fn overlapping_networks_are_found_as_the_addresses_that_they_keep_out() {
    alone(|| {
        let targets = [target("a", None, Action::Drop)];
        let holed = Holding {
            open: [prefix("198.51.100.128/25")].into(),
            ..holding("a", "198.51.100.0/24", None)
        };
        let wanted = [holed, holding("a", "198.51.100.0/26", HOUR)];
        let mut backend = backend(&targets, &wanted);
        let found = backend.held(&targets, clock::now()).expect("readable");
        let found: Vec<Prefix> = found.iter().map(|it| it.prefix).collect();
        assert_eq!(found, [prefix("198.51.100.0/25")]);
    });
}

#[test]
fn the_kernel_tells_which_sets_hold_an_address() {
    alone(|| {
        let targets = [
            target("sshd", Some(22), Action::Reject),
            target("web", None, Action::Drop),
        ];
        let mut backend = backend(&targets, &[]);
        apply(
            &mut backend,
            &[
                add("sshd", "192.0.2.1", None),
                add("web", "192.0.2.0/28", None),
                add("web", "2001:db8::/64", None),
                add("sshd", "2001:db8::1", None),
            ],
        );
        let mut kept = |addr: &str| -> Vec<String> {
            let addr = addr.parse().expect("an address");
            let kept = backend.keeps(addr).expect("readable");
            let shown = |jail: &JailName, place: &str| format!("{jail}: {place}");
            kept.iter().map(|it| shown(&it.jail, &it.place)).collect()
        };
        let both = [
            "sshd: set v4-sshd of table inet journalban",
            "web: set net4-web of table inet journalban",
        ];
        assert_eq!(kept("192.0.2.1"), both);
        assert_eq!(kept("::ffff:192.0.2.1"), both);
        assert_eq!(kept("192.0.2.15"), both[1..]);
        assert_eq!(kept("192.0.2.16"), [""; 0]);
        let both = [
            "sshd: set host6-sshd of table inet journalban",
            "web: set v6-web of table inet journalban",
        ];
        assert_eq!(kept("2001:db8::1"), both);
        assert_eq!(kept("2001:db8::2"), both[1..]);
        nft("delete element inet journalban v4-sshd { 192.0.2.1 }");
        let only = ["web: set net4-web of table inet journalban"];
        assert_eq!(kept("192.0.2.1"), only, "what is there counts");
    });
}

#[test]
fn clearing_leaves_only_what_is_not_ours() {
    alone(|| {
        let targets = [target("a", None, Action::Drop)];
        nft("add table inet other");
        let mut first = backend(&targets, &[holding("a", "192.0.2.1", None)]);
        let mut second = Nftables::open(Nftables::TABLE).expect("root may");
        assert_eq!(second.clear(), Ok(true));
        assert_eq!(second.clear(), Ok(false), "there is nothing any more");
        let tables = objects("table");
        assert_eq!(tables.len(), 1, "{tables:?}");
        assert_eq!(tables[0]["name"], "other");
        restore(&mut first, &targets, &[]);
        assert_eq!(objects("table").len(), 2, "the first begins anew");
    });
}

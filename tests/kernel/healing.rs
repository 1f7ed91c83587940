//! The enforcer against others who change nftables, and against failures.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use journalban::backend::{
    Action, Answer, Backend, BackendError, Enforcer, Holding, Nftables, Target, Told,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::nft::{nft, objects, succeeds, values};
use crate::support::until;
use crate::{add, alone, backend, holding, many, remove, target};

const LIMIT: Duration = Duration::from_secs(5);

fn start(targets: Vec<Target>, wanted: Vec<Holding>) -> (Enforcer, UnboundedReceiver<Told>) {
    let (tell, told) = unbounded_channel();
    let backend = Nftables::open(Nftables::TABLE).expect("root may");
    let (enforcer, answer) =
        Enforcer::start(Box::new(backend), targets, wanted, tell).expect("a thread");
    assert_eq!(answer.blocking_recv(), Ok(Ok(())));
    (enforcer, told)
}

fn done(answer: Answer) {
    assert_eq!(answer.blocking_recv(), Ok(Ok(())));
}

#[test]
fn a_thousand_bans_are_back_at_once_after_a_flush() {
    alone(|| {
        let targets = vec![target("sshd", Some(22), Action::Reject)];
        let (enforcer, mut told) = start(targets, many("sshd", 1000));
        nft("flush ruleset");
        // All come back in one transaction; asking for one is quicker than listing a thousand.
        let one = "get element inet journalban v4-sshd { 10.0.3.231 }";
        let back = until(LIMIT, || succeeds(one)).expect("they come back");
        assert_eq!(values("v4-sshd").len(), 1000);
        let Some(Told::Healed {
            backend: "nftables",
            error: None,
            how_many,
            after,
        }) = told.blocking_recv()
        else {
            panic!("it is told");
        };
        println!("1000 bans back {back:?} after nft flush ruleset had returned, as nft sees it");
        println!("(restored {after:?} after it was noticed)");
        assert_eq!(how_many, 1000);
        enforcer.stop();
    });
}

#[test]
fn whatever_others_do_to_the_table_is_undone() {
    alone(|| {
        let targets = vec![target("sshd", Some(22), Action::Reject)];
        let wanted = vec![
            holding("sshd", "192.0.2.1", None),
            holding("sshd", "198.51.100.0/24", None),
        ];
        let (enforcer, mut told) = start(targets, wanted);
        let right = nft("list table inet journalban");
        for harm in [
            "delete element inet journalban v4-sshd { 192.0.2.1 }",
            "add element inet journalban v4-sshd { 203.0.113.1 }",
            "flush set inet journalban net4-sshd",
            "flush chain inet journalban jail-sshd",
            "insert rule inet journalban prerouting accept",
            "flush table inet journalban",
            "delete table inet journalban",
        ] {
            nft(harm);
            let healed = until(LIMIT, || nft("list ruleset").trim() == right.trim());
            assert!(healed.is_some(), "{harm}: {}", nft("list ruleset"));
            assert!(
                matches!(
                    told.blocking_recv(),
                    Some(Told::Healed {
                        error: None,
                        how_many: 2,
                        ..
                    })
                ),
                "{harm}"
            );
        }
        nft("add table inet other");
        nft("flush table inet other");
        nft("delete table inet other");
        done(enforcer.apply(vec![add("sshd", "192.0.2.2", None)]));
        enforcer.stop();
        assert!(
            told.blocking_recv().is_none(),
            "other tables are not our business, nor are our own changes"
        );
    });
}

#[test]
fn our_own_changes_are_no_disturbance_and_those_of_others_are() {
    alone(|| {
        let mut backend = backend(&[target("a", None, Action::Drop)], &many("a", 20_000));
        crate::apply(&mut backend, &[add("a", "192.0.2.1", None)]);
        assert!(!backend.disturbed().expect("readable"));
        nft("add table inet other");
        assert!(!backend.disturbed().expect("readable"));
        nft("flush ruleset");
        assert!(backend.disturbed().expect("readable"));
        assert!(!backend.disturbed().expect("readable"), "it was read");
    });
}

#[test]
fn stopping_leaves_the_bans_and_a_start_makes_them_what_is_wanted() {
    alone(|| {
        let targets = || vec![target("sshd", Some(22), Action::Reject)];
        let (enforcer, _told) = start(targets(), vec![holding("sshd", "192.0.2.1", None)]);
        done(enforcer.apply(vec![
            add("sshd", "192.0.2.2", None),
            remove("sshd", "192.0.2.1"),
        ]));
        enforcer.stop();
        assert_eq!(values("v4-sshd"), ["192.0.2.2"]);
        let wanted = vec![
            holding("sshd", "192.0.2.2", None),
            holding("sshd", "192.0.2.3", None),
        ];
        let (enforcer, _told) = start(targets(), wanted);
        assert_eq!(values("v4-sshd"), ["192.0.2.2", "192.0.2.3"]);
        let everybody = vec![
            target("sshd", None, Action::Drop),
            target("new", Some(80), Action::Drop),
        ];
        done(enforcer.reconfigure(everybody, vec![holding("new", "192.0.2.2", None)]));
        assert_eq!(values("v4-sshd"), [""; 0]);
        assert_eq!(values("v4-new"), ["192.0.2.2"]);
    });
}

#[test]
fn what_cannot_be_done_now_is_done_as_soon_as_it_can() {
    alone(|| {
        let targets = || vec![target("sshd", Some(22), Action::Reject)];
        let (enforcer, mut told) = start(targets(), vec![holding("sshd", "192.0.2.1", None)]);
        // Another program takes a table of our name for itself: the kernel refuses every change of
        // ours (EPERM), until that program's socket is closed and its table goes with it.
        let mut owner = Command::new("nft")
            .arg("-i")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("nft(8) is there");
        let take = b"delete table inet journalban; add table inet journalban { flags owner; }\n";
        let mut input = owner.stdin.take().expect("is a pipe");
        input.write_all(take).expect("it reads");
        let failed = told.blocking_recv();
        assert!(
            matches!(failed, Some(Told::Failed(BackendError::Refused(_)))),
            "{failed:?}"
        );

        let answer = enforcer.apply(vec![add("sshd", "192.0.2.2", None)]);
        let refused = answer.blocking_recv().expect("an answer");
        assert!(
            matches!(refused, Err(BackendError::Refused(_))),
            "{refused:?}"
        );
        drop(input);
        owner.wait().expect("it ends");
        let back = until(LIMIT + LIMIT, || {
            values("v4-sshd") == ["192.0.2.1", "192.0.2.2"]
        });
        assert!(back.is_some(), "{:?}", objects("table"));
        assert_eq!(told.blocking_recv(), Some(Told::Recovered));
        enforcer.stop();
    });
}

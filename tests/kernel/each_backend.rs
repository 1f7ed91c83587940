//! Every backend through the enforcer, against the real kernel: what is asked for is there, stops
//! packets, goes in time, comes back when others take it away, and stays as long as anybody holds
//! it.

use std::time::Duration;

use journalban::backend::{
    Action, Answer, Backend, Change, DryRun, Enforcer, Nftables, Routes, Told,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::packets::{ATTACKER, NEIGHBOUR, attacker_and_victim, listen};
use crate::support::namespace::{Namespace, ip};
use crate::support::nft::nft;
use crate::support::traffic::{Outcome, tcp};
use crate::support::until;
use crate::{add, remove, target};

const LIMIT: Duration = Duration::from_secs(5);
const SOON: Option<Duration> = Some(Duration::from_secs(2));

/// One that does keep somebody out.
struct Subject {
    open: fn() -> Box<dyn Backend>,
    /// Takes its ban of the attacker away, as another program would.
    harm: fn(),
    /// Whether the kernel ends a ban by itself; if not, whoever decided it has to.
    expires: bool,
}

fn open_nftables() -> Box<dyn Backend> {
    Box::new(Nftables::open(Nftables::TABLE).expect("root may"))
}

fn open_routes() -> Box<dyn Backend> {
    Box::new(Routes::open().expect("root may"))
}

const SUBJECTS: [Subject; 2] = [
    Subject {
        open: open_nftables,
        harm: || drop(nft("delete table inet journalban")),
        expires: true,
    },
    Subject {
        open: open_routes,
        harm: || drop(ip(&format!("route del blackhole {ATTACKER}"))),
        expires: false,
    },
];

/// Runs `work` at the victim for each backend, in namespaces of its own.
fn each(work: impl Fn(&Subject, &Namespace, &Life) + Sync) {
    for subject in &SUBJECTS {
        let Some((attacker, victim)) = attacker_and_victim() else {
            return;
        };
        victim.run(|| {
            let _listener = listen(22);
            let life = Life::begin((subject.open)());
            work(subject, &attacker, &life);
        });
    }
}

/// An enforcer with jails `a` and `b`.
struct Life {
    enforcer: Enforcer,
    told: std::cell::RefCell<UnboundedReceiver<Told>>,
}

impl Life {
    fn begin(backend: Box<dyn Backend>) -> Self {
        let targets = ["a", "b"].map(|jail| target(jail, None, Action::Drop));
        let (tell, told) = unbounded_channel();
        let (enforcer, started) =
            Enforcer::start(backend, targets.into(), Vec::new(), tell).expect("a thread");
        done(started);
        let told = std::cell::RefCell::new(told);
        Self { enforcer, told }
    }

    fn apply(&self, changes: Vec<Change>) {
        done(self.enforcer.apply(changes));
    }

    /// How many jails keep the address out, as the kernel says.
    fn keeps(&self, addr: &str) -> usize {
        let answer = self.enforcer.keeps(addr.parse().expect("an address"));
        answer
            .blocking_recv()
            .expect("an answer")
            .expect("readable")
            .len()
    }
}

fn done(answer: Answer) {
    assert_eq!(answer.blocking_recv(), Ok(Ok(())));
}

fn comes_through(attacker: &Namespace, from: &str) -> bool {
    match attacker.run(|| tcp(from, "192.0.2.1:22")) {
        Outcome::Open => true,
        Outcome::Silent => false,
        Outcome::Refused => panic!("the jail drops"),
    }
}

#[test]
fn what_is_banned_is_there_and_stopped_and_goes_in_time() {
    each(|subject, attacker, life| {
        assert!(comes_through(attacker, ATTACKER));
        assert_eq!(life.keeps(ATTACKER), 0);
        life.apply(vec![add("a", ATTACKER, None), add("a", NEIGHBOUR, SOON)]);
        assert_eq!((life.keeps(ATTACKER), life.keeps(NEIGHBOUR)), (1, 1));
        assert!(!comes_through(attacker, ATTACKER));
        if !subject.expires {
            life.apply(vec![remove("a", NEIGHBOUR)]);
        }
        let gone = until(LIMIT, || life.keeps(NEIGHBOUR) == 0);
        assert!(gone.is_some());
        assert!(comes_through(attacker, NEIGHBOUR));
        assert!(!comes_through(attacker, ATTACKER), "forever");
    });
}

#[test]
fn what_others_take_away_comes_back() {
    each(|subject, attacker, life| {
        life.apply(vec![add("a", ATTACKER, None)]);
        (subject.harm)();
        let back = until(LIMIT, || life.keeps(ATTACKER) == 1);
        assert!(back.is_some());
        assert!(!comes_through(attacker, ATTACKER));
        let told = life.told.borrow_mut().blocking_recv();
        assert!(
            matches!(
                told,
                Some(Told::Healed {
                    error: None,
                    how_many: 1,
                    ..
                })
            ),
            "{told:?}"
        );
    });
}

#[test]
fn an_address_stays_out_until_the_last_holder_lets_go() {
    each(|_, attacker, life| {
        let net = "198.51.100.0/28";
        let holders = [
            add("a", ATTACKER, None),
            add("b", ATTACKER, None),
            add("b", net, None),
        ];
        life.apply(holders.to_vec());
        assert_eq!((life.keeps(ATTACKER), life.keeps(NEIGHBOUR)), (3, 1));
        life.apply(vec![remove("b", ATTACKER), remove("b", net)]);
        assert!(!comes_through(attacker, ATTACKER), "a holds it");
        assert!(comes_through(attacker, NEIGHBOUR), "nobody does");
        life.apply(vec![add("b", net, None), remove("a", ATTACKER)]);
        assert!(!comes_through(attacker, ATTACKER), "the net has it");
        life.apply(vec![remove("b", net)]);
        assert!(comes_through(attacker, ATTACKER));
    });
}

/// Everything of the kernel that a backend could have changed.
fn everything() -> String {
    [
        nft("list ruleset"),
        ip("-4 route show table all"),
        ip("-6 route show table all"),
    ]
    .concat()
}

#[test]
fn who_leaves_takes_everything_back_and_not_before_the_others_are_there() {
    for subject in &SUBJECTS {
        let Some((attacker, victim)) = attacker_and_victim() else {
            return;
        };
        victim.run(|| {
            let _listener = listen(22);
            let before = everything();
            let mut life = Life::begin((subject.open)());
            life.apply(vec![add("a", ATTACKER, None)]);
            let (tell, other) = tokio::sync::oneshot::channel();
            life.enforcer.leave(vec![other]);
            assert!(
                !comes_through(&attacker, ATTACKER),
                "it waits for the other"
            );
            tell.send(Ok(())).expect("it waits");
            drop(life);
            assert_eq!(everything(), before);
            assert!(comes_through(&attacker, ATTACKER));
        });
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let Some((attacker, victim)) = attacker_and_victim() else {
        return;
    };
    victim.run(|| {
        let _listener = listen(22);
        let before = everything();
        let mut life = Life::begin(Box::<DryRun>::default());
        life.apply(vec![
            add("a", ATTACKER, None),
            add("b", "2001:db8::/64", None),
        ]);
        assert_eq!(life.keeps(ATTACKER), 0);
        assert!(comes_through(&attacker, ATTACKER));
        assert_eq!(everything(), before);
        life.enforcer.leave(Vec::new());
        drop(life);
        assert_eq!(everything(), before);
    });
}

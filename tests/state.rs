//! What a restart must not change: an engine that is rebuilt from the state file and the replayed
//! log knows what one that never stopped knows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use journalban::engine::{
    Aggregation, BanRequest, Counts, Engine, Escalation, Explanation, Limits, Policy, Spared,
    UnbanRequest,
};
use journalban::model::{
    Bantime, Decision, Failure, JailName, Prefix, PrefixLengths, Time, Totals,
};
use journalban::store::{Commit, Store};
use proptest::prelude::*;
use tempfile::TempDir;

const SEED: u64 = 7;
const JAILS: [&str; 2] = ["a", "b"];
const HOSTS: u8 = 12;
const FINDTIME: Duration = Duration::from_secs(40);

fn jail(name: &str) -> JailName {
    JailName::new(name).expect("a name")
}

fn host(n: u8) -> IpAddr {
    [198, 51, 100, n].into()
}

fn at(secs: u64) -> Time {
    Time::from_secs(1_800_000_000 + secs)
}

/// Two jails that count failures, one of them with all that grows, and one that counts bans.
fn policies() -> Vec<(JailName, Policy)> {
    let plain = Policy {
        maxretry: 2,
        findtime: FINDTIME,
        bantime: Bantime::For(Duration::from_secs(30)),
        ignore_named: vec!["list".into()],
        ..Policy::default()
    };
    let growing = Policy {
        escalation: Some(Escalation {
            decay: Duration::from_secs(100),
            rndtime: Duration::from_secs(5),
            ..Escalation::default()
        }),
        aggregation: Some(Aggregation {
            after: 3,
            within: Duration::from_secs(80),
            widest: PrefixLengths { ipv4: 24, ipv6: 48 },
        }),
        ..plain.clone()
    };
    let recidive = Policy {
        counts: Counts::Bans,
        maxretry: 3,
        findtime: Duration::from_secs(200),
        bantime: Bantime::For(Duration::from_mins(5)),
        ..plain.clone()
    };
    vec![
        (jail("a"), growing),
        (jail("b"), plain),
        (jail("recidive"), recidive),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Fail(usize, u8),
    Ban(usize, u8),
    Unban(u8),
    /// A neighbour who never fails: what of a log counts is judged anew when it is replayed, by
    /// what is ignored then.
    Spare(u8),
    Pass(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..JAILS.len(), 0..HOSTS).prop_map(|(jail, host)| Step::Fail(jail, host)),
        1 => (0..JAILS.len(), 0..HOSTS).prop_map(|(jail, host)| Step::Ban(jail, host)),
        1 => (0..HOSTS).prop_map(Step::Unban),
        1 => (0..HOSTS).prop_map(Step::Spare),
        3 => (1_u64..30).prop_map(Step::Pass),
        3 => Just(Step::Restart),
    ]
}

/// An engine whose decisions are written down, as the daemon does it.
struct Life {
    directory: TempDir,
    store: Option<Store>,
    engine: Engine,
    spared: Spared,
    /// The log: every failure with its time.
    log: Vec<(usize, u8, u64)>,
}

impl Life {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(directory.path()).expect("opens");
        let mut engine = Engine::new(Limits::default(), SEED);
        engine.configure(policies(), Limits::default(), at(0));
        Self {
            directory,
            store: Some(store),
            engine,
            spared: Spared::default(),
            log: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step, now: u64) {
        let decisions = match step {
            Step::Fail(jail, host) => {
                self.log.push((*jail, *host, now));
                self.engine
                    .failure(&failure(*jail, *host, now, false), at(now))
            }
            Step::Ban(name, n) => {
                let request = BanRequest {
                    jail: jail(JAILS[*name]),
                    prefix: Prefix::host(host(*n)),
                    bantime: None,
                    reason: "by hand".into(),
                };
                self.engine.ban(&request, at(now)).into_iter().collect()
            }
            Step::Unban(n) => {
                let prefix = Some(Prefix::host(host(*n)));
                self.engine
                    .unban(&UnbanRequest { jail: None, prefix }, at(now))
            }
            Step::Spare(n) => {
                let nets = vec![Prefix::host(host(HOSTS + *n))];
                self.spared.named = BTreeMap::from([("list".into(), nets)]);
                self.engine.set_spared(self.spared.clone(), at(now))
            }
            Step::Pass(_) => self.engine.tick(at(now)),
            Step::Restart => return,
        };
        self.commit(&decisions);
    }

    fn commit(&mut self, decisions: &[Decision]) {
        let totals: Vec<(JailName, Totals)> = self
            .engine
            .totals()
            .map(|(name, totals)| (name.clone(), totals))
            .collect();
        let store = self.store.as_mut().expect("open");
        let commit = Commit {
            decisions,
            totals: &totals,
            ..Commit::default()
        };
        store.commit(&commit).expect("writes");
    }

    /// As `daemon::core` starts.
    fn restart(&mut self, now: u64) {
        self.store = None;
        let (mut store, aside) = Store::open(self.directory.path()).expect("opens");
        assert_eq!(aside, None);
        let memory = Engine::memory(&policies(), Duration::from_hours(1)).expect("recidive");
        let findtimes = policies().into_iter().map(|(_, policy)| policy.findtime);
        let longest = findtimes.max().expect("jails");
        let restored = store
            .restore(at(now).before(longest), Some(at(now).before(memory)))
            .expect("reads");
        let mut engine = Engine::new(Limits::default(), SEED);
        let mut bans = store.in_force();
        engine.restore(bans.by_ref(), restored.settled, restored.totals);
        assert_eq!(restored.unreadable + bans.finish().expect("reads"), 0);
        self.store = Some(store);
        self.engine = engine;
        let mut decisions = self.engine.set_spared(self.spared.clone(), at(now));
        decisions.extend(
            self.engine
                .configure(policies(), Limits::default(), at(now)),
        );
        self.engine.remember(restored.past, at(now));
        decisions.extend(self.engine.tick(at(now)));
        for (jail, host, then) in &self.log {
            if then + FINDTIME.as_secs() >= now {
                let replayed = failure(*jail, *host, *then, true);
                decisions.extend(self.engine.failure(&replayed, at(now)));
            }
        }
        assert_eq!(decisions, [], "a restart decides nothing anew");
    }

    /// All that can be asked of it, a line for each thing.
    fn knows(&self, now: u64) -> BTreeSet<String> {
        let explained = (0..HOSTS).flat_map(|n| {
            let all = self.engine.explain(host(n), at(now)).into_iter();
            all.map(|one| Explanation {
                // That there were failures before those that count is forgotten.
                last_failure: one.last_failure.filter(|_| one.failures > 0),
                ..one
            })
        });
        let status = self.engine.status(at(now));
        explained
            .map(|one| format!("{one:?}"))
            .chain(self.engine.bans().map(|ban| format!("{ban:?}")))
            .chain(
                status
                    .iter()
                    .map(|jail| format!("{} {:?}", jail.name, jail.totals)),
            )
            .collect()
    }
}

fn failure(name: usize, n: u8, secs: u64, replayed: bool) -> Failure {
    Failure {
        jail: jail(JAILS[name]),
        time: at(secs),
        addr: host(n),
        user: None,
        weight: 1,
        evidence: format!("failure at {secs}").into(),
        replayed,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_changes_nothing(steps in prop::collection::vec(step(), 1..80)) {
        let mut steady = Life::new();
        let mut restarted = Life::new();
        let mut now = 0;
        for step in steps {
            // The times of a log differ; what is settled is settled up to an instant.
            now += 1;
            if let Step::Pass(secs) = step {
                now += secs;
            }
            for life in [&mut steady, &mut restarted] {
                let over = life.engine.tick(at(now));
                life.commit(&over);
                life.take(&step, now);
            }
            if matches!(step, Step::Restart) {
                restarted.restart(now);
            }
            let (knew, knows) = (steady.knows(now), restarted.knows(now));
            let forgotten: Vec<_> = knew.difference(&knows).collect();
            let invented: Vec<_> = knows.difference(&knew).collect();
            prop_assert!(
                forgotten.is_empty() && invented.is_empty(),
                "after {:?} at {}: forgotten {:#?}, invented {:#?}", step, now, forgotten, invented
            );
        }
    }
}

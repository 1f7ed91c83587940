//! Measurements. They print; a limit is asserted elsewhere, where the specification has one.

use std::time::{Duration, Instant};

use journalban::backend::{Action, Enforcer, Holding, Nftables};
use journalban::model::Prefix;

use crate::{add, alone, apply, backend, many, remove, restore, target};

#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:?}, p99 {:?}", at(50), at(99))
}

#[test]
#[ignore = "a measurement"]
fn measure_one_ban() {
    for existing in [0, 10_000, 100_000] {
        alone(move || {
            let mut backend = backend(&[target("a", None, Action::Drop)], &many("a", existing));
            let hour = Some(Duration::from_hours(1));
            let mut changes = |who: fn(u32) -> String| {
                let mut times = Vec::new();
                for number in 0..2000 {
                    let who = who(number);
                    let ban = [add("a", &who, hour)];
                    times.push(time(|| apply(&mut backend, &ban)));
                    if number % 100 == 99 {
                        let _ = journalban::backend::Backend::disturbed(&mut backend);
                    }
                    if number >= 1000 {
                        apply(&mut backend, &[remove("a", &who)]);
                    }
                }
                percentiles(times)
            };
            let v4 = changes(|number| {
                Prefix::host((0xc633_0000 + number).to_be_bytes().into()).to_string()
            });
            let v6 = changes(|number| format!("2001:db8:{number:x}:1::/64"));
            println!("one ban with {existing} in place: IPv4 {v4}; IPv6 {v6}");
        });
    }
}

#[test]
#[ignore = "a measurement"]
fn measure_restore() {
    for count in [0, 1000, 100_000] {
        alone(move || {
            let targets = [target("a", None, Action::Drop)];
            let wanted: Vec<Holding> = many("a", count);
            let mut backend = backend(&targets, &wanted);
            let times = (0..20)
                .map(|_| time(|| restore(&mut backend, &targets, &wanted)))
                .collect();
            println!("restore {count}: {}", percentiles(times));
        });
    }
}

#[test]
#[ignore = "a measurement"]
fn measure_networks() {
    for count in [10, 1000] {
        alone(move || {
            let mut backend = backend(&[target("a", None, Action::Drop)], &[]);
            let net = |number: u32| format!("10.{}.{}.0/24", number / 256, number % 256);
            let all: Vec<_> = (0..count)
                .map(|number| add("a", &net(number), None))
                .collect();
            apply(&mut backend, &all);
            let times = (0..200)
                .map(|number| {
                    let ban = [add("a", &net(count + number), None)];
                    time(|| apply(&mut backend, &ban))
                })
                .collect();
            println!("one network with {count} in place: {}", percentiles(times));
        });
    }
}

#[test]
#[ignore = "a measurement"]
fn measure_the_enforcers_answer() {
    alone(|| {
        let (tell, _told) = tokio::sync::mpsc::unbounded_channel();
        let backend = Nftables::open(Nftables::TABLE).expect("root may");
        let targets = vec![target("a", None, Action::Drop)];
        let (enforcer, started) =
            Enforcer::start(Box::new(backend), targets, many("a", 10_000), tell).expect("a thread");
        assert_eq!(started.blocking_recv(), Ok(Ok(())));
        let times = (0..5000)
            .map(|number| {
                let ban = vec![add("a", &format!("2001:db8:{number:x}:1::/64"), None)];
                time(|| assert_eq!(enforcer.apply(ban).blocking_recv(), Ok(Ok(()))))
            })
            .collect();
        println!(
            "asked and answered, with 10000 in place: {}",
            percentiles(times)
        );
        let answers: Vec<_> = (0..10_000_u32)
            .map(|number| {
                let who = Prefix::host((0xc612_0000 + number).to_be_bytes().into());
                enforcer.apply(vec![add("a", &who.to_string(), None)])
            })
            .collect();
        let took = time(|| answers.into_iter().for_each(|it| drop(it.blocking_recv())));
        println!("10000 asked for one by one, all answered {took:?} after the last");
    });
}

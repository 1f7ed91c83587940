//! The engine against a model that is too simple to be wrong, over random inputs.

use proptest::prelude::*;

use super::*;

/// What the windows must amount to, written as plainly as possible: every failure of every prefix
/// is kept, and counted anew each time.
fn naive_bans(policy: &Policy, failures: &[(u8, u64)]) -> Vec<(u8, u64)> {
    let mut bans: Vec<(u8, u64)> = Vec::new();
    let mut counted: Vec<(u8, u64)> = Vec::new();
    let bantime = 600;
    for &(who, secs) in failures {
        if bans
            .iter()
            .any(|(banned, since)| *banned == who && secs <= since + bantime)
        {
            continue;
        }
        counted.push((who, secs));
        let within = counted
            .iter()
            .filter(|(other, then)| *other == who && secs - then <= policy.findtime.as_secs());
        if within.count() >= usize::try_from(policy.maxretry).expect("small") {
            counted.retain(|(other, _)| *other != who);
            bans.push((who, secs));
        }
    }
    bans
}

proptest! {
    #[test]
    fn windows_agree_with_a_naive_model(
        maxretry in 1_u32..6,
        findtime in 1_u64..40,
        steps in prop::collection::vec((0_u8..4, 0_u64..30), 1..200),
    ) {
        let policy = Policy { maxretry, findtime: Duration::from_secs(findtime), ..policy() };
        let mut engine = engine(policy.clone());
        let mut now = 0;
        let failures: Vec<(u8, u64)> = steps
            .into_iter()
            .map(|(who, step)| {
                now += step;
                (who, now)
            })
            .collect();
        let mut bans = Vec::new();
        for &(who, secs) in &failures {
            engine.tick(at(secs));
            let addr = format!("192.0.2.{who}");
            if !engine.failure(&failure(&addr, secs), at(secs)).is_empty() {
                bans.push((who, secs));
            }
        }
        prop_assert_eq!(bans, naive_bans(&policy, &failures));
    }

    #[test]
    fn lengths_of_every_size_are_taken(len4 in 0_u8..=255, len6 in 0_u8..=255) {
        let lengths = PrefixLengths { ipv4: len4, ipv6: len6 };
        let mut engine = engine(Policy { maxretry: 1, lengths, ..policy() });
        prop_assert_eq!(banned(&mut engine, "192.0.2.1", &[0]).len(), 1);
    }
}

//! From the start of the daemon until all of its bans are in force again.

use journalban::model::{Ban, Decision, Origin, Prefix, Time};

use crate::support::daemon::Place;
use crate::{failure_line, jail, memory};

/// A ban as a real one would be.
pub fn ban(prefix: Prefix, now: Time) -> Decision {
    Decision::Ban(Ban {
        jail: jail(),
        prefix,
        since: now,
        until: Some(now.after(std::time::Duration::from_hours(24))),
        failures: 5,
        origin: Origin::Log,
        offence: 1,
        open: Box::default(),
        reason: failure_line(prefix.addr()).into(),
        lines: Box::default(),
    })
}

/// Each size three times: the first start, after a clean stop, and with the kernel's sets in place.
pub fn measure() {
    for bans in [1000, 100_000, 1_000_000] {
        let Some(place) = Place::new(None, "") else {
            return;
        };
        memory::fill(&place, bans);
        let times: Vec<String> = (0..3)
            .map(|_| {
                let daemon = place.start();
                assert_eq!(daemon.count("currently_banned"), u64::from(bans));
                format!("{:.3} s", daemon.ready_after.as_secs_f64())
            })
            .collect();
        println!("  {bans} bans in force, ready after {}", times.join(", "));
        if bans == 100_000 {
            let listed = place.nft(&["list", "set", "inet", "journalban", "v4-sshd"]);
            let elements = listed.matches("timeout").count() - 1;
            assert_eq!(elements, 100_000, "in the kernel's set");
        }
    }
}

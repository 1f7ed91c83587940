//! Lines of one connection, brought together: one attempt counts once, a success forgives.
//!
//! A service often writes several lines about one attempt (the name is unknown; the password is
//! wrong; the connection ends). Here is what is remembered of a connection, and what a line means
//! in its light; [`sessions`](super::sessions) keeps all connections of a jail.

use std::net::IpAddr;

use crate::filter::Host;
use crate::filter::outcome::Verdict;
use crate::filter::spec::RuleKind;

/// The most attempts that wait, a connection: they count once together, so a few users suffice to
/// know whether a success was for another one.
const WAITING_LIMIT: usize = 8;

/// A line that a rule matched.
#[derive(Debug)]
pub(super) struct Line {
    pub rule: usize,
    pub kind: RuleKind,
    pub host: Option<Host>,
    pub user: Option<Box<str>>,
    pub weight: u32,
    pub merge: bool,
    /// The line itself, cut, for whoever wants to know why.
    pub evidence: Box<str>,
}

impl Line {
    /// It counts against `addr`.
    fn counted(self, addr: IpAddr) -> Counted {
        Counted {
            addr,
            user: self.user,
            weight: self.weight,
            evidence: self.evidence,
        }
    }
}

/// What counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub addr: IpAddr,
    pub user: Option<Box<str>>,
    pub weight: u32,
    pub evidence: Box<str>,
}

/// What a line means.
pub(super) type Answer = (Verdict, Option<Counted>);

/// What is remembered of a connection.
#[derive(Debug, Default)]
pub(super) struct Session {
    host: Option<IpAddr>,
    /// The attempt that was counted last; further lines about it do not count.
    attempt: Option<Attempt>,
    waiting: Vec<Waiting>,
    /// The line of the first that waits.
    evidence: Box<str>,
}

#[derive(Debug)]
struct Attempt {
    user: Option<Box<str>>,
    /// The rules that told of it. One that tells again tells of another attempt.
    rules: Vec<usize>,
}

/// An attempt that does not count yet.
#[derive(Debug)]
struct Waiting {
    /// It failed, only the host is missing; else the connection may still succeed.
    failed: bool,
    user: Option<Box<str>>,
    rule: usize,
    weight: u32,
}

impl Session {
    /// The address of the peer, if a line named it.
    pub fn host(&self) -> Option<IpAddr> {
        self.host
    }

    /// Takes in a line.
    pub fn take(&mut self, line: Line) -> Answer {
        // Whether it said so or not, the last one of this name has ended.
        let ended = (line.kind == RuleKind::Open).then(|| std::mem::take(self));
        if let Some(addr) = line.host.as_ref().and_then(Host::addr) {
            // Another peer is another connection: the kernel uses process ids again.
            if self.host.is_some_and(|known| known != addr) {
                *self = Self::default();
            }
            self.host = Some(addr);
        }
        match line.kind {
            RuleKind::Failure => self.fail(line),
            RuleKind::Pending => self.wait(line),
            RuleKind::Context => self.release(&line, |waiting| waiting.failed),
            RuleKind::Open => ended.unwrap_or_default().release(&line, |_| true),
            RuleKind::Close => self.release(&line, |_| true),
            RuleKind::Success => {
                self.waiting
                    .retain(|waiting| !same_user(waiting.user.as_deref(), line.user.as_deref()));
                self.release(&line, |_| true)
            }
        }
    }

    fn fail(&mut self, line: Line) -> Answer {
        let Some(addr) = self.host else {
            return self.remember(line, true);
        };
        self.waiting
            .retain(|waiting| !same_user(waiting.user.as_deref(), line.user.as_deref()));
        if line.merge {
            if let Some(attempt) = &mut self.attempt
                && same_user(attempt.user.as_deref(), line.user.as_deref())
                && !attempt.rules.contains(&line.rule)
            {
                attempt.rules.push(line.rule);
                if attempt.user.is_none() {
                    attempt.user = line.user;
                }
                return (Verdict::Pending, None);
            }
            self.attempt = Some(Attempt {
                user: line.user.clone(),
                rules: vec![line.rule],
            });
        }
        (Verdict::Failure, Some(line.counted(addr)))
    }

    fn wait(&mut self, line: Line) -> Answer {
        let (verdict, counted) = self.release(&line, |waiting| waiting.failed);
        // What has just been counted may be this very attempt.
        let told = counted.is_some()
            && self
                .attempt
                .as_ref()
                .is_some_and(|attempt| same_user(attempt.user.as_deref(), line.user.as_deref()));
        if told {
            return (verdict, counted);
        }
        let (waits, _) = self.remember(line, false);
        match counted {
            Some(_) => (verdict, counted),
            None => (waits, None),
        }
    }

    fn remember(&mut self, line: Line, failed: bool) -> Answer {
        if self.waiting.is_empty() {
            self.evidence = line.evidence;
        }
        if self.waiting.len() < WAITING_LIMIT {
            self.waiting.push(Waiting {
                failed,
                user: line.user,
                rule: line.rule,
                weight: line.weight,
            });
        }
        match line.host {
            Some(Host::Name(_)) if self.host.is_none() => (Verdict::Name, None),
            _ => (Verdict::Pending, None),
        }
    }

    /// Counts what waits, once, if `which` of it there is and the host is known.
    fn release(&mut self, line: &Line, which: impl Fn(&Waiting) -> bool) -> Answer {
        let Some(addr) = self.host else {
            return (Verdict::Pending, None);
        };
        let released: Vec<Waiting> = self
            .waiting
            .extract_if(.., |waiting| which(waiting))
            .collect();
        let Some(first) = released.first() else {
            return (Verdict::Pending, None);
        };
        let counted = Counted {
            addr,
            user: first.user.clone(),
            weight: released
                .iter()
                .map(|waiting| waiting.weight)
                .max()
                .unwrap_or(1),
            evidence: self.evidence.clone(),
        };
        // Lines that come after a close ("Disconnected from user …") still tell of this attempt.
        let rules = released
            .iter()
            .map(|waiting| waiting.rule)
            .chain([line.rule]);
        self.attempt = Some(Attempt {
            user: first.user.clone(),
            rules: rules.collect(),
        });
        (Verdict::Failure, Some(counted))
    }
}

/// Whether two lines can be about the same user: one of them may not tell.
fn same_user(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// What a line means that belongs to no known connection.
pub(super) fn alone(line: Line) -> Answer {
    match (line.kind, &line.host) {
        (RuleKind::Failure, &Some(Host::Addr(addr))) => {
            (Verdict::Failure, Some(line.counted(addr)))
        }
        (RuleKind::Failure | RuleKind::Pending, Some(Host::Name(_))) => (Verdict::Name, None),
        _ => (Verdict::Pending, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(rule: usize, kind: RuleKind, host: Option<&str>, user: Option<&str>) -> Line {
        Line {
            rule,
            kind,
            host: host.map(|host| Host::read(host.as_bytes())),
            user: user.map(Box::from),
            weight: 1,
            merge: true,
            evidence: Box::from("line"),
        }
    }

    /// Feeds lines of one connection; for each that counts, the user.
    fn run(lines: Vec<Line>) -> Vec<Option<String>> {
        let mut session = Session::default();
        lines
            .into_iter()
            .map(|line| session.take(line))
            .map(|(verdict, counted)| {
                assert_eq!(verdict == Verdict::Failure, counted.is_some());
                counted.map(|counted| counted.user.map(String::from).unwrap_or_default())
            })
            .collect()
    }

    const H: Option<&str> = Some("192.0.2.1");

    #[test]
    fn lines_of_different_rules_are_one_attempt() {
        use RuleKind::Failure;
        let counted = run(vec![
            line(1, Failure, H, Some("x")),
            line(2, Failure, H, Some("x")),
            line(3, Failure, None, None),
            line(2, Failure, H, Some("x")),
            line(3, Failure, H, Some("x")),
            line(3, Failure, H, Some("y")),
            line(2, Failure, Some("192.0.2.2"), Some("y")),
        ]);
        let counted: Vec<bool> = counted.iter().map(Option::is_some).collect();
        assert_eq!(counted, [true, false, false, true, false, true, true]);
    }

    #[test]
    fn a_success_forgives_its_own_user_only() {
        use RuleKind::{Close, Pending, Success};
        let root = || line(1, Pending, H, Some("root"));
        assert_eq!(
            run(vec![
                root(),
                line(2, Success, H, Some("root")),
                line(3, Close, H, None)
            ]),
            [None, None, None]
        );
        assert_eq!(
            run(vec![root(), root(), line(2, Success, H, Some("me"))])[2].as_deref(),
            Some("root")
        );
        assert_eq!(
            run(vec![
                line(1, Pending, H, None),
                line(2, Success, H, Some("me"))
            ]),
            [None, None]
        );
    }

    #[test]
    fn what_waits_counts_once_at_the_end() {
        use RuleKind::{Close, Failure, Pending};
        let pending = || line(1, Pending, H, Some("root"));
        let counted = run(vec![
            pending(),
            pending(),
            line(2, Close, H, None),
            line(2, Close, H, None),
        ]);
        assert_eq!(counted, [None, None, Some("root".to_owned()), None]);
        // A failure that counts takes what waits for the same user with it.
        let counted = run(vec![
            pending(),
            line(3, Failure, H, Some("root")),
            line(2, Close, H, None),
        ]);
        assert_eq!(counted, [None, Some("root".to_owned()), None]);
    }

    #[test]
    fn a_failure_counts_as_soon_as_its_host_is_known() {
        use RuleKind::{Close, Context, Failure, Pending};
        let failed = || line(1, Failure, None, Some("root"));
        for known in [
            line(2, Context, H, None),
            line(2, Close, H, None),
            line(2, Pending, H, Some("root")),
        ] {
            let counted = run(vec![failed(), known, line(3, Close, H, None)]);
            assert_eq!(counted, [None, Some("root".to_owned()), None]);
        }
        assert_eq!(
            run(vec![line(2, Context, H, None), failed()]),
            [None, Some("root".to_owned())]
        );
        assert_eq!(
            run(vec![
                line(1, Failure, Some("a.example"), Some("root")),
                line(3, Close, H, None)
            ]),
            [None, Some("root".to_owned())]
        );
    }

    #[test]
    fn a_new_connection_is_not_blamed_for_the_last_one() {
        use RuleKind::{Context, Failure, Open, Pending};
        let other = || line(1, Open, Some("192.0.2.2"), None);
        // Nobody knows whose that was.
        let failed = line(2, Failure, None, Some("root"));
        let counted = run(vec![failed, other(), line(2, Failure, None, Some("me"))]);
        assert_eq!(counted, [None, None, Some("me".to_owned())]);
        // What waited has ended with its connection.
        let counted = run(vec![line(2, Pending, H, Some("root")), other(), other()]);
        assert_eq!(counted, [None, Some("root".to_owned()), None]);
        // A connection without a host is not that of the host before.
        let counted = run(vec![
            other(),
            line(1, Open, None, None),
            line(2, Failure, None, Some("root")),
            line(1, Context, H, None),
        ]);
        assert_eq!(counted, [None, None, None, Some("root".to_owned())]);
    }

    #[test]
    fn no_connection_keeps_more_than_a_few_attempts() {
        let mut session = Session::default();
        for user in 0..100 {
            session.take(line(1, RuleKind::Pending, H, Some(&user.to_string())));
        }
        assert_eq!(session.waiting.len(), WAITING_LIMIT);
    }
}

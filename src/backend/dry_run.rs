//! Enforces nothing and remembers how much it was asked for: for trying a configuration out.
//!
//! The daemon logs every decision whatever the backend, so there is nothing to log here.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use crate::backend::{Backend, BackendError, Change, Dropped, Holding, Kept, Target};
use crate::model::{JailName, Time};

/// A backend that keeps nobody out.
#[derive(Debug, Default)]
pub struct DryRun {
    jails: Vec<JailName>,
    counts: Counts,
}

/// What a [`DryRun`] was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often everything was restored.
    pub restored: u64,
    /// Prefixes that were to be kept out, or kept out until another time.
    pub added: u64,
    /// Prefixes that were to be let in.
    pub removed: u64,
}

impl DryRun {
    /// What it was asked for so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

impl Backend for DryRun {
    fn name(&self) -> &'static str {
        "dry-run"
    }

    fn enforces(&self) -> bool {
        false
    }

    fn restore(
        &mut self,
        targets: &[Target],
        _wanted: &[Holding],
        _now: Time,
    ) -> Result<(), BackendError> {
        self.jails = targets.iter().map(|target| target.jail.clone()).collect();
        self.counts.restored += 1;
        Ok(())
    }

    fn apply(&mut self, changes: &[Change], _now: Time) -> Result<(), BackendError> {
        for change in changes {
            match change {
                Change::Add(_) => self.counts.added += 1,
                Change::Remove { .. } => self.counts.removed += 1,
            }
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<bool, BackendError> {
        Ok(false)
    }

    fn held(&mut self, _targets: &[Target], _now: Time) -> Result<Vec<Holding>, BackendError> {
        Ok(Vec::new())
    }

    fn keeps(&mut self, _addr: IpAddr) -> Result<Vec<Kept>, BackendError> {
        Ok(Vec::new())
    }

    /// Nothing was stopped, in any jail.
    fn dropped(&mut self) -> Result<Vec<Dropped>, BackendError> {
        let nothing = |jail: &JailName| Dropped {
            jail: jail.clone(),
            packets: 0,
            bytes: 0,
        };
        Ok(self.jails.iter().map(nothing).collect())
    }

    fn watch_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn disturbed(&mut self) -> Result<bool, BackendError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_it_does_not_do() {
        let jail = JailName::new("a").expect("a name");
        let target = Target::of(jail.clone());
        let prefix = "192.0.2.1".parse().expect("a prefix");
        let add = Change::Add(Holding {
            jail: jail.clone(),
            prefix,
            until: None,
            open: Box::default(),
        });
        let mut backend = DryRun::default();
        backend
            .restore(&[target], &[], Time::EPOCH)
            .expect("nothing can fail");
        backend
            .apply(
                &[add.clone(), add, Change::Remove { jail, prefix }],
                Time::EPOCH,
            )
            .expect("nothing can fail");
        let counts = Counts {
            restored: 1,
            added: 2,
            removed: 1,
        };
        assert_eq!(backend.counts(), counts);
        assert_eq!(backend.dropped().expect("nothing can fail").len(), 1);
    }
}

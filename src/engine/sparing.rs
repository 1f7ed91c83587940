//! Bans follow what is ignored: what is spared now is let in, wholly or in part.

use std::collections::BTreeSet;

use crate::engine::ignore::{Shared, Spared};
use crate::engine::ledger::Held;
use crate::engine::{Engine, JailId, Key, index};
use crate::model::{Decision, Opening, Prefix, Time, UnbanCause};

impl Engine {
    /// Takes on what is to be spared from now on; bans of it end, or open in part.
    pub fn set_spared(&mut self, spared: Spared, now: Time) -> Vec<Decision> {
        let before = std::mem::replace(&mut self.spared, Shared::new(spared));
        let added = self.spared.added_to(&before);
        let mut concerned: BTreeSet<Key> = self.ledger.with_open_parts().collect();
        if added.iter().all(|net| net.is_host()) {
            for host in added {
                concerned.extend(self.covering(host).map(|(key, _)| key));
            }
        } else {
            let touched = |key: &Key| added.iter().any(|net| net.overlaps(key.prefix));
            concerned.extend(self.ledger.keys().filter(touched));
        }
        self.spare(concerned, now)
    }

    /// Lets in, of these bans, what is ignored by now. Bans by hand end only as their time does,
    /// but what is ignored within them is open as well.
    pub(super) fn spare(
        &mut self,
        bans: impl IntoIterator<Item = Key>,
        now: Time,
    ) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for key in bans {
            let Some(held) = self.ledger.get(key).copied() else {
                continue;
            };
            let jail = &self.jails[index(key.jail)];
            if !jail.configured {
                continue;
            }
            if held.origin.is_automatic() && jail.ignore.spares(key.prefix, &self.spared).is_some()
            {
                decisions.extend(self.lift(key, UnbanCause::Ignored, now));
                continue;
            }
            let open = jail.ignore.open_parts(key.prefix, &self.spared);
            if *open != *self.ledger.open(key) {
                decisions.push(Decision::Open(Opening {
                    jail: jail.name.clone(),
                    prefix: key.prefix,
                    until: held.until(),
                    open: open.clone(),
                }));
                self.ledger.set_open(key, open);
            }
        }
        decisions
    }

    /// The bans of all jails that contain all of `prefix`.
    pub(super) fn covering(&self, prefix: Prefix) -> impl Iterator<Item = (Key, &Held)> {
        self.ids()
            .flat_map(move |jail| self.ledger.covering(jail, prefix))
    }

    /// The numbers of all jails.
    pub(super) fn ids(&self) -> impl Iterator<Item = JailId> + use<> {
        // As many as `jail_id` gave out, which fit.
        0..JailId::try_from(self.jails.len()).unwrap_or(JailId::MAX)
    }
}

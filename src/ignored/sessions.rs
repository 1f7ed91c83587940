//! From where administrators are logged in: their own slips must not lock them out.
//!
//! Two sources, of which one is enough: logind's files in `/run/systemd/sessions` (sshd tells it by
//! PAM), and [`utmp`](super::utmp). The files are logind's own and not documented; its library
//! reads them too, but the binding to it cannot ask whether a session is closing. Neither source
//! needs a privilege, and what is not there, or looks otherwise some day, is nobody.
//!
//! Nobody but root can put a session into either file that is another user's; so what is ignored
//! here is what somebody who proved to be an administrator connects from, while he does.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::administrators::Administrators;
use super::stamp::Stamp;
use super::utmp;
use crate::model::canonical;

/// The most addresses that are ignored for sessions.
const ADDRESSES_LIMIT: usize = 64;

/// The most sessions that are looked at.
const SESSIONS_LIMIT: usize = 4096;

/// After so many looks all is read anew, whether it seems to have changed or not: times of files
/// are only as fine as the kernel's tick.
const READ_ANEW: u32 = 15;

/// Below the root: what tells of sessions, and what tells who is an administrator.
const SESSIONS: &str = "run/systemd/sessions";
const UTMP: &str = "run/utmp";
const WATCHED: [&str; 4] = [SESSIONS, UTMP, "etc/passwd", "etc/group"];

/// Each address, and a user who is logged in from it.
type Found = BTreeMap<IpAddr, Box<str>>;

/// The sessions of administrators.
pub(super) struct Sessions {
    root: PathBuf,
    seen: [Option<Stamp>; WATCHED.len()],
    unchanged: u32,
    found: Found,
    /// Whether somebody is in utmp: his end shows in no file if he is killed.
    in_utmp: bool,
}

impl Sessions {
    /// Those of the machine whose root is `root`; not looked at yet.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            seen: [None; WATCHED.len()],
            unchanged: READ_ANEW,
            found: Found::new(),
            in_utmp: false,
        }
    }

    /// From where administrators are logged in, and who, if that is new; nobody if it is not
    /// `wanted`. Logs who came and went.
    pub fn look(&mut self, wanted: bool) -> Option<Vec<(IpAddr, Box<str>)>> {
        let found = if wanted {
            self.read()?
        } else {
            *self = Self {
                found: std::mem::take(&mut self.found),
                ..Self::new(&self.root)
            };
            Found::new()
        };
        if found == self.found {
            return None;
        }
        for (from, user) in &found {
            if !self.found.contains_key(from) {
                info!("{user} is logged in from {from}, which is not banned meanwhile");
            }
        }
        for (from, user) in &self.found {
            if !found.contains_key(from) {
                info!("{user} is no longer logged in from {from}");
            }
        }
        self.found.clone_from(&found);
        Some(found.into_iter().collect())
    }

    /// All that there are; `None` if nothing has changed.
    fn read(&mut self) -> Option<Found> {
        let seen = WATCHED.map(|path| Stamp::of(&self.root.join(path)).ok());
        if seen == self.seen && !self.in_utmp && self.unchanged < READ_ANEW {
            self.unchanged += 1;
            return None;
        }
        self.seen = seen;
        self.unchanged = 0;
        let administrators = Administrators::read(&self.root);
        let utmp = fs::read(self.root.join(UTMP)).unwrap_or_default();
        let logins = utmp::logins(&utmp).into_iter();
        let mut found: Found = logins
            .filter(|login| administrators.include(&login.user) && login.alive())
            .map(|login| (login.from, login.user.into()))
            .collect();
        self.in_utmp = !found.is_empty();
        let files = fs::read_dir(self.root.join(SESSIONS)).into_iter().flatten();
        let texts = files
            .take(SESSIONS_LIMIT)
            .filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
        found.extend(texts.filter_map(|text| session(&text, &administrators)));
        found.retain(|from, _| !from.is_unspecified() && !from.is_multicast());
        if found.len() > ADDRESSES_LIMIT && self.found.len() < ADDRESSES_LIMIT {
            warn!(
                "administrators are logged in from {} addresses; only {ADDRESSES_LIMIT} of them \
                 are not banned",
                found.len()
            );
        }
        Some(found.into_iter().take(ADDRESSES_LIMIT).collect())
    }
}

/// What logind's file of a session says, if that is an administrator's, from elsewhere, and not
/// about to end.
fn session(text: &str, administrators: &Administrators) -> Option<(IpAddr, Box<str>)> {
    let value = |key: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find_map(|(name, value)| (name == key).then_some(value))
    };
    let user = value("USER")?;
    let administrator = value("UID")? == "0" || administrators.include(user);
    let established = value("REMOTE")? == "1" && value("STATE")? != "closing";
    let host = value("REMOTE_HOST")?;
    // sshd writes the interface behind a link-local address. A name (UseDNS yes) is no address.
    let from: IpAddr = host.split('%').next().unwrap_or(host).parse().ok()?;
    (administrator && established).then(|| (canonical(from), user.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As systemd 252 writes it, somewhat shortened.
    const ROOT: &str = "# This is private data. Do not parse.\nUID=0\nUSER=root\nACTIVE=1\n\
        IS_DISPLAY=0\nSTATE=active\nREMOTE=1\nLEADER_FD_SAVED=1\nTYPE=tty\nORIGINAL_TYPE=tty\n\
        CLASS=user\nSCOPE=session-3.scope\nFIFO=/run/systemd/sessions/3.ref\nTTY=pts/0\n\
        REMOTE_HOST=::ffff:192.0.2.66\nSERVICE=sshd\nLEADER=4711\nAUDIT=3\n";

    #[test]
    fn only_remote_sessions_of_administrators_that_go_on_count() {
        let nobody = Administrators::default();
        let found = session(ROOT, &nobody).expect("a session");
        assert_eq!(found, (IpAddr::from([192, 0, 2, 66]), "root".into()));
        let link_local = ROOT.replace("::ffff:192.0.2.66", "fe80::1%eth0");
        assert!(session(&link_local, &nobody).is_some());
        for (part, other) in [
            ("UID=0\n", "UID=1000\n"),
            ("UID=0\n", ""),
            ("REMOTE=1", "REMOTE=0"),
            ("STATE=active", "STATE=closing"),
            ("::ffff:192.0.2.66", "host.example.org"),
            ("REMOTE_HOST", "REMOTE_USER"),
        ] {
            let text = ROOT.replace(part, other);
            assert_ne!(text, ROOT);
            assert_eq!(session(&text, &nobody), None, "{part} → {other}");
        }
        assert_eq!(session("", &nobody), None);
    }

    #[test]
    fn changes_are_told_and_a_machine_without_sessions_has_none() {
        let root = tempfile::tempdir().expect("a directory");
        let mut sessions = Sessions::new(root.path());
        assert_eq!(sessions.look(true), None);
        let directory = root.path().join(SESSIONS);
        fs::create_dir_all(&directory).expect("makes");
        fs::create_dir_all(root.path().join("etc")).expect("makes");
        fs::write(root.path().join("etc/group"), "wheel:x:10:alice\n").expect("writes");
        for n in 0..100 {
            let alice = ROOT
                .replace("=0\nUSER=root", "=1000\nUSER=alice")
                .replace("192.0.2.66", &format!("198.51.100.{n}"));
            fs::write(directory.join(n.to_string()), alice).expect("writes");
        }
        let found = sessions.look(true).expect("new");
        assert_eq!(found.len(), ADDRESSES_LIMIT);
        assert!(found.iter().all(|(_, user)| &**user == "alice"));
        assert_eq!(sessions.look(true), None);
        assert_eq!(sessions.look(false), Some(vec![]));
        assert_eq!(sessions.look(false), None);
        assert_eq!(sessions.look(true), Some(found));
    }
}

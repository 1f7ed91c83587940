//! Logins with a terminal as utmp(5) has them: sshd writes the peer's address there itself, also
//! where it has no logind to tell.

use std::net::{IpAddr, Ipv6Addr};

use rustix::process::{Pid, test_kill_process};

use crate::model::canonical;

/// `ut_type` of a login (utmp.h).
const USER_PROCESS: u16 = 7;

/// The size of a record, and where `ut_addr_v6` is in it. In most of glibc's ABIs the time and the
/// session are 32 bits wide, so that 32-bit programs can share the file; in this one they are not.
#[cfg(target_arch = "aarch64")]
const LAYOUT: (usize, usize) = (400, 360);
#[cfg(not(target_arch = "aarch64"))]
const LAYOUT: (usize, usize) = (384, 348);

/// Where `ut_pid` and `ut_user` are.
const PID: usize = 4;
const USER: usize = 44;
const USER_LENGTH: usize = 32;

/// A login from elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub user: String,
    pub from: IpAddr,
    pid: i32,
}

impl Login {
    /// Whether its process still runs: the record of one that was killed stays.
    pub fn alive(&self) -> bool {
        // EPERM is an answer as well: there is a process, and it is another user's.
        Pid::from_raw(self.pid).is_some_and(|pid| {
            matches!(
                test_kill_process(pid),
                Ok(()) | Err(rustix::io::Errno::PERM)
            )
        })
    }
}

/// The logins from elsewhere in `file`; none if it is no utmp.
pub(super) fn logins(file: &[u8]) -> Vec<Login> {
    let (size, _) = LAYOUT;
    if !file.len().is_multiple_of(size) {
        return Vec::new();
    }
    file.chunks_exact(size).filter_map(login).collect()
}

fn login(record: &[u8]) -> Option<Login> {
    let (kind, _) = record.split_first_chunk::<2>()?;
    if u16::from_ne_bytes(*kind) != USER_PROCESS {
        return None;
    }
    let pid = record.get(PID..)?.first_chunk::<4>()?;
    let user = record.get(USER..USER + USER_LENGTH)?;
    let user = user.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Login {
        user: String::from_utf8(user.to_vec()).ok()?,
        from: address(record.get(LAYOUT.1..)?.first_chunk::<16>()?)?,
        pid: i32::from_ne_bytes(*pid),
    })
}

/// An IPv4 address is in the first four bytes; a local login has none.
fn address(bytes: &[u8; 16]) -> Option<IpAddr> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    if rest.iter().any(|byte| *byte != 0) {
        return Some(canonical(Ipv6Addr::from(*bytes).into()));
    }
    (*first != [0; 4]).then(|| IpAddr::from(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, user: &str, address: &[u8], pid: u32) -> Vec<u8> {
        let mut record = vec![0; LAYOUT.0];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[PID..PID + 4].copy_from_slice(&pid.to_ne_bytes());
        record[USER..USER + user.len()].copy_from_slice(user.as_bytes());
        record[LAYOUT.1..LAYOUT.1 + address.len()].copy_from_slice(address);
        record
    }

    #[test]
    fn logins_from_elsewhere_are_read_and_nothing_else_is() {
        let us = std::process::id();
        let v6: Ipv6Addr = "2001:db8::7".parse().expect("an address");
        let file = [
            record(7, "root", &[192, 0, 2, 1], us),
            record(8, "gone", &[192, 0, 2, 2], us),
            record(7, "local", &[], us),
            record(7, "alice", &v6.octets(), 0x7fff_ffff),
        ]
        .concat();
        let found = logins(&file);
        let seen: Vec<(&str, String, bool)> = found
            .iter()
            .map(|login| (login.user.as_str(), login.from.to_string(), login.alive()))
            .collect();
        assert_eq!(
            seen,
            [
                ("root", "192.0.2.1".to_owned(), true),
                ("alice", "2001:db8::7".to_owned(), false)
            ]
        );
        assert_eq!(logins(&file[1..]), []);
        assert_eq!(logins(&[]), []);
    }
}

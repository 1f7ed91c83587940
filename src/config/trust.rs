//! Which matches a local user can forge.

use crate::model::JournalMatch;

/// Fields that journald takes from the kernel and from PID 1, and that a process cannot choose.
///
/// `_COMM`, `_EXE` and `_CMDLINE` are set by journald as well, but every user can name a process
/// as he likes (`prctl(PR_SET_NAME)`, `exec -a`, a mount in a user namespace); the `_TRANSPORT` is
/// everybody's but for [`ROOTS_TRANSPORTS`]; and fields without `_` are whatever the writer says (systemd.journal-fields(7)).
const TRUSTED: &[&str] = &[
    "_UID",
    "_GID",
    "_PID",
    "_SYSTEMD_UNIT",
    "_SYSTEMD_CGROUP",
    "_SYSTEMD_SLICE",
    "_SYSTEMD_INVOCATION_ID",
    "_SELINUX_CONTEXT",
];

/// Ways into the journal that only root and the kernel have: `/dev/kmsg`, the audit socket.
const ROOTS_TRANSPORTS: &[&str] = &["kernel", "audit"];

/// A sentence if a local user can write entries that match, and so have any address banned.
///
/// Every group needs one of the trusted fields: groups are alternatives, so the weakest counts.
#[must_use]
pub fn forgeable(journalmatch: &JournalMatch) -> Option<String> {
    if journalmatch.is_any() {
        return Some(
            "it looks at every entry, so any local user can have any address banned: \
             write a journalmatch, as in _SYSTEMD_UNIT=NAME.service"
                .to_owned(),
        );
    }
    let weak = journalmatch.groups().iter().find(|group| {
        !group.iter().any(|(field, values)| {
            TRUSTED.contains(&field.as_str())
                || field == "_TRANSPORT"
                    && values
                        .iter()
                        .all(|value| ROOTS_TRANSPORTS.contains(&value.as_str()))
        })
    })?;
    let mut fields: Vec<&str> = weak.iter().map(|(field, _)| field.as_str()).collect();
    fields.sort_unstable();
    let alone = fields.join(" and ");
    Some(format!(
        "a local user can choose {alone}, and so have any address banned: \
         add what he cannot, as in _SYSTEMD_UNIT=NAME.service"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_needs_a_field_that_no_user_can_choose() {
        for (text, safe) in [
            ("_SYSTEMD_UNIT=ssh.service", true),
            ("_UID=0 _COMM=sshd", true),
            ("SYSLOG_IDENTIFIER=fmd-server", false),
            ("_COMM=sshd", false),
            ("_EXE=/usr/sbin/sshd _CMDLINE=sshd", false),
            ("_TRANSPORT=stdout SYSLOG_IDENTIFIER=x", false),
            ("_TRANSPORT=kernel", true),
            ("_TRANSPORT=kernel _TRANSPORT=stdout", false),
            ("_SYSTEMD_UNIT=sshd.service + _COMM=sshd", false),
            ("_SYSTEMD_UNIT=sshd.service + _UID=0 _COMM=sshd", true),
            ("", false),
        ] {
            let journalmatch = JournalMatch::parse(text).expect("a match");
            assert_eq!(forgeable(&journalmatch).is_none(), safe, "{text}");
        }
    }
}

//! Who administers this machine: user id 0, and members of the groups that sudo and su ask about.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The groups whose members may become root, by custom of the distributions.
const GROUPS: [&str; 2] = ["wheel", "sudo"];

/// The names of administrators as passwd(5) and group(5) have them. Members that only a directory
/// server knows are not among them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Administrators {
    names: BTreeSet<String>,
}

impl Administrators {
    /// Reads the files below `root`; what is not there names nobody.
    pub fn read(root: &Path) -> Self {
        let text = |path: &str| {
            let bytes = fs::read(root.join(path)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self::of(&text("etc/passwd"), &text("etc/group"))
    }

    fn of(passwd: &str, group: &str) -> Self {
        let mut names = BTreeSet::new();
        let mut gids = BTreeSet::new();
        for line in group.lines() {
            let mut fields = line.split(':');
            let name = fields.next().unwrap_or_default();
            let gid = fields.nth(1).unwrap_or_default();
            if GROUPS.contains(&name) {
                gids.insert(gid);
                let members = fields.next().unwrap_or_default().split(',');
                names.extend(members.map(|member| member.trim().to_owned()));
            }
        }
        for line in passwd.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            if let [name, _, uid, gid, ..] = fields[..]
                && (uid == "0" || gids.contains(gid))
            {
                names.insert(name.to_owned());
            }
        }
        names.remove("");
        Self { names }
    }

    /// Whether the user is one of them.
    pub fn include(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_whoever_is_in_the_groups() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\
                      alice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:27::/:/bin/sh\n\
                      carol:x:1002:1002::/:/bin/sh\nbroken\n:x:0:0\n";
        let group = "root:x:0:\nsudo:x:27:alice, dave\nwheel:x:10:\nsudoers:x:28:carol\nbroken\n";
        let administrators = Administrators::of(passwd, group);
        for name in ["root", "toor", "alice", "bob", "dave"] {
            assert!(administrators.include(name), "{name}");
        }
        for name in ["carol", "sudo", ""] {
            assert!(!administrators.include(name), "{name}");
        }
        assert_eq!(Administrators::of("", ""), Administrators::default());
    }
}

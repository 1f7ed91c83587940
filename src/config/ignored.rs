//! What `ignoreip` may hold: addresses and networks, files with more of them, names of hosts.

use std::path::Path;

use super::value::{Read, Value, expected, fault, string};
use crate::model::{HostName, Prefix};

/// What a file's path is written behind.
const FILE: &str = "file:";

/// One value of `ignoreip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ignored {
    /// An address or a network.
    Prefix(Prefix),
    /// `file:/PATH`, or the name of a host: what it stands for is found out while the daemon runs.
    Named(Box<str>),
}

/// Reads one value of `ignoreip`.
pub(super) fn ignored(value: &Value<'_>) -> Read<Ignored> {
    let text = string(value)?;
    if let Ok(prefix) = text.parse() {
        return Ok(Ignored::Prefix(prefix));
    }
    if let Some(path) = text.strip_prefix(FILE) {
        if !Path::new(path).is_absolute() || path.contains('\0') {
            return expected(
                value,
                "an absolute path (\"file:/etc/journalban/ignored.txt\")",
            );
        }
        return Ok(Ignored::Named(text.into()));
    }
    match text.parse::<HostName>() {
        Ok(name) => Ok(Ignored::Named(name.as_str().into())),
        Err(_) => fault(
            value,
            format_args!(
                "\"{text}\" is no address or prefix: write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 \
                 or 2001:db8::/64, a name with a dot (home.example.org), or file:/PATH"
            ),
        ),
    }
}

/// The prefixes, and the rest, each sorted and without doubles.
pub(super) fn sorted<'i>(
    written: impl Iterator<Item = &'i Ignored>,
) -> (Vec<Prefix>, Vec<Box<str>>) {
    let (mut prefixes, mut named) = (Vec::new(), Vec::new());
    for one in written {
        match one {
            Ignored::Prefix(prefix) => prefixes.push(*prefix),
            Ignored::Named(name) => named.push(name.clone()),
        }
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    named.sort_unstable();
    named.dedup();
    (prefixes, named)
}

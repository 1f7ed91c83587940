//! Names of hosts, as an administrator writes them into `ignoreip`.
//!
//! Strict, so that a slip in an address is never taken for a name that nobody has: resolving would
//! then fail for ever, and whom it was to spare is not spared.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name and the longest part of one, in bytes (RFC 1035, 2.3.4).
const NAME_LIMIT: usize = 253;
const LABEL_LIMIT: usize = 63;

/// A host's name: labels of letters, digits and hyphens (RFC 1123, 2.1), in lower case, without the
/// dot at the end. At least two labels, or `localhost`; the last begins with a letter, as all
/// top-level domains do and no part of an IPv4 address in any of its spellings does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct HostName(Arc<str>);

/// Why a text is no host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no host name: write one like home.example.org")]
pub struct HostNameError {
    text: String,
}

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let dotted = name.contains('.') || name == "localhost";
        let last = name.rsplit('.').next().unwrap_or_default();
        let fits = name.len() <= NAME_LIMIT
            && dotted
            && last.starts_with(|c: char| c.is_ascii_lowercase())
            && name.split('.').all(is_label);
        if fits {
            Ok(Self(Arc::from(name)))
        } else {
            Err(HostNameError {
                text: text.to_owned(),
            })
        }
    }
}

fn is_label(label: &str) -> bool {
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LABEL_LIMIT).contains(&label.len())
        && label.bytes().all(clean)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostName({})", self.0)
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_and_an_address_never_is() {
        for (text, name) in [
            ("home.example.org", "home.example.org"),
            ("Home.Example.ORG.", "home.example.org"),
            ("3.dyn-7.example.org", "3.dyn-7.example.org"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("localhost", "localhost"),
        ] {
            let parsed: HostName = text.parse().expect(text);
            assert_eq!(parsed.as_str(), name);
        }
        let long = format!("{}.org", "a.".repeat(130));
        let label = format!("{}.org", "a".repeat(64));
        for text in [
            "",
            ".",
            "192.0.2",
            "192.0.2.",
            "1.2.3.4.5",
            "300.1.1.1",
            "192.0.2.1o",
            "0x7f.0.0.0x1",
            "2001:db8",
            "2001:db8::g",
            "192.0.2.0/33",
            "fe80::1%eth0",
            "home",
            "a..org",
            ".org",
            "-a.org",
            "a-.org",
            "a_b.org",
            "a b.org",
            "bücher.example",
            "a.org..",
            "a.org/24",
            "*.example.org",
            &long,
            &label,
        ] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }
}

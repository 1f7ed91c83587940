//! The names of jails and filters.
//!
//! A name comes from configuration, never from a log, and goes into set names, file names and
//! journal fields; so its alphabet is small enough to be safe in all of them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a jail (or filter): 1 to 64 of `A-Z a-z 0-9 - _ .`, beginning with a letter or
/// digit. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct JailName(Arc<str>);

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{name}\" is no name: write 1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit"
)]
pub struct NameError {
    name: String,
}

impl JailName {
    /// The longest name, in bytes: set names of nftables carry it with a few letters around it.
    pub const LIMIT: usize = 64;

    /// Takes `name` if it is one.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let fits = (1..=Self::LIMIT).contains(&name.len());
        let clean = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        let begins = name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if fits && clean && begins {
            Ok(Self(Arc::from(name)))
        } else {
            Err(NameError {
                name: name.to_owned(),
            })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for JailName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl fmt::Display for JailName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for JailName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JailName({})", self.0)
    }
}

impl<'de> Deserialize<'de> for JailName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_wherever_they_go() {
        for name in ["sshd", "3proxy", "apache-auth", "a.b_c", &"x".repeat(64)] {
            assert!(JailName::new(name).is_ok(), "{name}");
        }
        for name in ["", "-x", ".", "a b", "a/b", "a\"b", "é", &"x".repeat(65)] {
            assert!(JailName::new(name).is_err(), "{name}");
        }
    }
}

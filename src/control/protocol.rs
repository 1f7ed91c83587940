//! What can be said over the control socket: Varlink (varlink.org) messages, typed.
//!
//! Pure: bytes in, bytes out. A message is one JSON object, ended by a NUL byte.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use super::bulk::{BanManyParameters, BannedMany, Refused, UnbanManyParameters, UnbannedMany};
pub use super::explained::{Explained, JailExplained, KeptReport};

use crate::model::{Ban, HistoryQuery, JailName, ListQuery, Story};

/// Our interface, as `varlinkctl introspect` shows it.
pub const DESCRIPTION: &str = include_str!("io.journalban.varlink");

/// The name of our interface.
pub const INTERFACE: &str = "io.journalban";

/// The longest request that is read, in bytes: [`PREFIXES_LIMIT`] of the longest prefixes fit.
pub const REQUEST_LIMIT: usize = 256 * 1024;

/// The most prefixes in one call of `BanMany` or `UnbanMany`: so many hold up the daemon's loop for
/// some 50 ms.
pub const PREFIXES_LIMIT: usize = 4096;

/// The longest reply that a client reads, in bytes; long answers come in several.
pub const REPLY_LIMIT: usize = 64 * 1024 * 1024;

/// A request as Varlink frames it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    /// Interface and method: `io.journalban.Ping`.
    pub method: String,
    /// The method's parameters.
    #[serde(default)]
    pub parameters: Value,
    /// The caller takes several replies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The caller takes no reply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oneway: bool,
}

/// A reply as Varlink frames it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What is answered, or what the error is about.
    #[serde(default)]
    pub parameters: Value,
    /// More replies follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
    /// The error's qualified name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What is asked of the daemon.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Is the loop alive?
    Ping,
    /// All jails, or one.
    Status {
        /// Which one.
        jail: Option<JailName>,
    },
    /// Bans in force.
    List {
        /// Which.
        wanted: ListQuery,
        /// Whether the caller takes several replies.
        more: bool,
    },
    /// Bans, in force or ended.
    History {
        /// Which.
        wanted: HistoryQuery,
        /// Whether the caller takes several replies.
        more: bool,
    },
    /// Why an address is, or is not, banned.
    Explain {
        /// The address.
        address: IpAddr,
    },
    /// Ban a prefix.
    Ban(BanParameters),
    /// Lift bans.
    Unban(UnbanParameters),
    /// Ban many prefixes.
    BanMany(BanManyParameters),
    /// Lift many bans.
    UnbanMany(UnbanManyParameters),
    /// Read the configuration anew.
    Reload,
}

/// The parameters of `Ban`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanParameters {
    /// An address or a prefix.
    pub prefix: String,
    /// On behalf of which jail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailName>,
    /// For how long: `2h`, `forever`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bantime: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The parameters of `Unban`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnbanParameters {
    /// An address or a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Of which jail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<JailName>,
    /// All of them; needed where no prefix is given, so that nothing is lifted by oversight.
    #[serde(default)]
    pub all: bool,
}

/// One jail, as `Status` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailReport {
    /// Its name.
    pub name: JailName,
    /// Which entries it looks at.
    pub journal_matches: String,
    /// How many prefixes have failures within findtime.
    pub currently_failed: usize,
    /// Failed attempts so far.
    pub total_failed: u64,
    /// Failed attempts of ignored addresses.
    pub total_ignored: u64,
    /// Failures whose host was a name.
    pub total_named: u64,
    /// How many prefixes are banned.
    pub currently_banned: usize,
    /// Bans so far.
    pub total_banned: u64,
    /// Packets that the bans stopped, if the backend counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_packets: Option<u64>,
    /// Their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_bytes: Option<u64>,
    /// Who is banned, if one jail was asked for: the first of them, in order.
    pub banned: Vec<String>,
    /// How many more are banned than `banned` shows.
    #[serde(default)]
    pub banned_not_shown: usize,
}

/// What had to be forgotten or cut because of limits, since the daemon started, as `Status` tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Prefixes with failures, by `tracked_limit`.
    pub prefixes: u64,
    /// What prefixes have done (offences, neighbours, logins), by `tracked_limit`.
    pub records: u64,
    /// Bans that were due and not made, by `ban_limit`.
    pub bans: u64,
    /// Connections of which the rest was still to come, over all filters.
    pub sessions: u64,
    /// Over-long fields of entries, which were cut.
    pub fields: u64,
}

/// One mistake in the configuration, as `Reload` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemReport {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What `Reload` answers if there were problems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems {
    /// All of them.
    pub problems: Vec<ProblemReport>,
}

/// What `History` answers, part by part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stories {
    /// Some bans.
    pub bans: Vec<Story>,
}

/// What `List` answers, part by part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bans {
    /// Some bans.
    pub bans: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressParameter {
    address: IpAddr,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct JailParameter {
    jail: Option<JailName>,
}

impl Reply {
    /// A successful, last reply.
    #[must_use]
    pub fn of(parameters: impl Serialize) -> Self {
        Self {
            parameters: serde_json::to_value(parameters).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// An error of our interface with a sentence for people.
    #[must_use]
    pub fn error(name: &str, reason: &dyn std::fmt::Display) -> Self {
        Self {
            parameters: json!({ "reason": reason.to_string() }),
            error: Some(format!("{INTERFACE}.{name}")),
            ..Self::default()
        }
    }

    /// The configuration has problems.
    #[must_use]
    pub fn configuration_invalid(problems: Vec<ProblemReport>) -> Self {
        Self {
            error: Some(format!("{INTERFACE}.ConfigurationInvalid")),
            ..Self::of(Problems { problems })
        }
    }

    /// An error of Varlink itself (org.varlink.service).
    fn service_error(name: &str, key: &str, value: &str) -> Self {
        Self {
            parameters: json!({ key: value }),
            error: Some(format!("org.varlink.service.{name}")),
            ..Self::default()
        }
    }

    /// The call must have `more` set (org.varlink.service): one reply cannot hold the answer.
    #[must_use]
    pub fn expected_more() -> Self {
        Self {
            parameters: json!({}),
            error: Some("org.varlink.service.ExpectedMore".to_owned()),
            ..Self::default()
        }
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(0);
        bytes
    }
}

impl Call {
    /// A call of a method of our interface.
    #[must_use]
    pub fn new(method: &str, parameters: Value, more: bool) -> Self {
        Self {
            method: format!("{INTERFACE}.{method}"),
            parameters,
            more,
            oneway: false,
        }
    }

    /// Reads the bytes of a message, without its NUL.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(0);
        bytes
    }

    /// What is asked, or the reply if that needs nobody's help (an error, or Varlink's own
    /// questions about the service).
    pub fn request(self) -> Result<Request, Reply> {
        let Some((interface, method)) = self.method.rsplit_once('.') else {
            return Err(Reply::service_error(
                "MethodNotFound",
                "method",
                &self.method,
            ));
        };
        match interface {
            INTERFACE => self.own_request(method),
            "org.varlink.service" => Err(self.service_reply(method)),
            _ => Err(Reply::service_error(
                "InterfaceNotFound",
                "interface",
                interface,
            )),
        }
    }

    fn own_request(&self, method: &str) -> Result<Request, Reply> {
        match method {
            "Ping" => Ok(Request::Ping),
            "Reload" => Ok(Request::Reload),
            "Status" => Ok(Request::Status {
                jail: self.parameters::<JailParameter>()?.jail,
            }),
            "List" => Ok(Request::List {
                wanted: self.parameters()?,
                more: self.more,
            }),
            "History" => Ok(Request::History {
                wanted: self.parameters()?,
                more: self.more,
            }),
            "Explain" => Ok(Request::Explain {
                address: self.parameters::<AddressParameter>()?.address,
            }),
            "Ban" => Ok(Request::Ban(self.parameters()?)),
            "Unban" => Ok(Request::Unban(self.parameters()?)),
            "BanMany" => Ok(Request::BanMany(self.parameters()?)),
            "UnbanMany" => Ok(Request::UnbanMany(self.parameters()?)),
            _ => Err(Reply::service_error(
                "MethodNotFound",
                "method",
                &self.method,
            )),
        }
    }

    fn parameters<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Reply> {
        let parameters = match &self.parameters {
            Value::Null => json!({}),
            given => given.clone(),
        };
        serde_json::from_value(parameters).map_err(|error| {
            Reply::service_error("InvalidParameter", "parameter", &error.to_string())
        })
    }

    fn service_reply(&self, method: &str) -> Reply {
        match method {
            "GetInfo" => Reply::of(json!({
                "vendor": "journalban",
                "product": "journalban",
                "version": env!("CARGO_PKG_VERSION"),
                "url": env!("CARGO_PKG_REPOSITORY"),
                "interfaces": ["org.varlink.service", INTERFACE],
            })),
            "GetInterfaceDescription" => {
                match self.parameters.get("interface").and_then(Value::as_str) {
                    Some(INTERFACE) => Reply::of(json!({ "description": DESCRIPTION })),
                    Some(other) => Reply::service_error("InterfaceNotFound", "interface", other),
                    None => Reply::service_error("InvalidParameter", "parameter", "interface"),
                }
            }
            _ => Reply::service_error("MethodNotFound", "method", &self.method),
        }
    }
}

#[cfg(test)]
mod tests;

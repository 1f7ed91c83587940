//! What a filter is made of, as data: the option types that configuration fills in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{JailName, JournalMatch};

/// A filter as its file describes it, before a mode is chosen.
#[derive(Clone, Debug, Default)]
pub struct FilterSpec {
    /// One line for people.
    pub description: String,
    /// Other names under which people know it.
    pub aliases: Vec<JailName>,
    /// Which entries it looks at unless the jail says otherwise.
    pub journalmatch: JournalMatch,
    /// Mode name → the layers that it adds to the rules without a layer. Empty: one mode, `normal`.
    pub modes: BTreeMap<String, Vec<String>>,
    /// How lines of one connection are brought together; `None`: each line stands alone.
    pub session: Option<SessionSpec>,
    /// A pattern of what may stand before the message (`error: `, a kernel's time stamp). It is cut
    /// off, so that the other patterns begin with the message itself, and JSON and logfmt too.
    pub prefix: Option<String>,
    /// Patterns of lines that never count, tried before the rules.
    pub ignoreregex: Vec<String>,
    /// The rules; the first that matches an entry decides.
    pub rules: Vec<RuleSpec>,
    /// Lines with what must be seen in them.
    pub samples: Vec<SampleSpec>,
}

/// How lines of one connection are brought together.
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// The fields that name the connection; the first that an entry has is taken. A pattern's
    /// `<F-SESSION>` comes before them; it may be all that there is.
    pub by: Vec<String>,
    /// A connection that logs nothing for so long is forgotten.
    pub idle: Duration,
}

/// One rule: conditions, what to take from the entry, and what it means.
#[derive(Clone, Debug, Default)]
pub struct RuleSpec {
    /// The layer it belongs to; `None`: in every mode.
    pub layer: Option<String>,
    /// What a match means.
    pub kind: RuleKind,
    /// Patterns over `MESSAGE`; one of them must match. Empty: the conditions alone decide.
    pub failregex: Vec<String>,
    /// Values that must be there; all of them.
    pub conditions: Vec<Condition>,
    /// Where the address is taken from, if not from the pattern.
    pub host: Option<Selector>,
    /// Where the user name is taken from, if not from the pattern.
    pub user: Option<Selector>,
    /// How much a match counts.
    pub weight: Option<u32>,
    /// Whether it is one attempt together with lines of other rules of the same connection, host
    /// and user. Default: true.
    pub merge: Option<bool>,
    /// Why what the lint finds doubtful in its patterns is right.
    pub accepted: Option<String>,
}

/// What the match of a rule means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleKind {
    /// A failed attempt. Without a host in the line, the connection's host is meant; is that not
    /// known yet, it counts as soon as it is.
    #[default]
    Failure,
    /// Looks like a failure, but the connection may still succeed: counts when it ends.
    Pending,
    /// Names the host of a connection, no more.
    Context,
    /// A connection begins, of this host or of none: what was known under its name is over.
    Open,
    /// A success: what is pending for the same user is forgiven, for others it counts.
    Success,
    /// The end of a connection: what is pending counts now, once.
    Close,
}

/// A value of an entry that must be one of some texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which value.
    pub selector: Selector,
    /// What it may be; numbers and truth values of JSON as their text.
    pub any_of: Vec<String>,
}

/// A place in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A journal field: `field._COMM`.
    Field(String),
    /// A path into `MESSAGE` read as JSON: `json.request.remote_ip`.
    Json(Vec<String>),
    /// A key of `MESSAGE` read as logfmt: `logfmt.remote_addr`.
    Logfmt(String),
}

/// A line with what must be seen in it.
#[derive(Clone, Debug, Default)]
pub struct SampleSpec {
    /// The message as logged (`MESSAGE`); several lines are one connection, the last one is judged.
    pub lines: Vec<String>,
    /// Further journal fields.
    pub fields: BTreeMap<String, String>,
    /// The modes in which this holds; empty: in all.
    pub modes: Vec<String>,
    /// The verdict that must come out.
    pub verdict: SampleVerdict,
    /// The address it must count against.
    pub host: Option<String>,
    /// The user name that must be found.
    pub user: Option<String>,
    /// The parts of the lines that a client chooses; `None`: the user name.
    pub attacker: Option<Vec<String>>,
    /// How the service writes such a part; `None`: as JSON where the line is an object, else as it
    /// came.
    pub escapes: Option<Escapes>,
}

/// What a service does to a client's text before it logs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// Nothing.
    None,
    /// As within a JSON string: `\"`, `\\`, `\n`, `\u001b`.
    Json,
    /// Quotes, backslashes and control bytes as `\x22`.
    Hex,
    /// Quotes doubled, as in CSV.
    Csv,
    /// It takes no blanks, quotes and control bytes in the first place, or writes them otherwise.
    Word,
}

/// What a sample must come out as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SampleVerdict {
    /// Counts (`host` is given).
    #[default]
    Failure,
    /// Must not count: ignored, pending, a success or no match at all.
    NoFailure,
    /// Matches, but the host is a name.
    Name,
}

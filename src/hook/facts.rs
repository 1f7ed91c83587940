//! What a hook is told about a ban or its end, and the words under which its templates find it.
//!
//! All texts are fit to be shown before they leave the daemon: control characters are escaped, and
//! what is long is cut. So no fact can hold a line break, except that `lines` are several lines.

use serde::{Deserialize, Serialize};

use crate::model::{Ban, JailName, Prefix, Time, Unban, printable};

/// The longest text of a fact, in bytes, with what it was cut to mark it: many log lines' worth, and
/// far below what one argument of a process may hold (128 KiB, execve(2)).
const TEXT_LIMIT: usize = 8 * 1024;

/// The most lines that are handed on: the last ones.
const LINES_LIMIT: usize = 10;

/// What a hook is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// A prefix is kept out.
    Ban,
    /// It is let in again.
    Unban,
}

impl On {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ban => "ban",
            Self::Unban => "unban",
        }
    }
}

/// The facts of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Ban or unban.
    pub action: On,
    /// On whose behalf.
    pub jail: JailName,
    /// Whom it is about: an address or a prefix.
    pub address: Prefix,
    /// When it was decided.
    pub time: Time,
    /// Of a ban, when it ends: an instant in UTC, or `forever`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub until: String,
    /// Of a ban, how many failures led to it.
    #[serde(default)]
    pub failures: u32,
    /// Of a ban, the how-many-eth it is.
    #[serde(default)]
    pub offence: u32,
    /// What a ban goes back to (`log`, `manual`, …), or why it ended (`expired`, …).
    pub cause: String,
    /// Of a ban, the deciding line, or what the administrator said. Attacker's text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Of a ban, lines that count besides the deciding one. Attacker's text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// What of it is not kept out, as it is ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Prefix>,
    /// Whether another jail with this hook keeps the same prefix out.
    #[serde(default)]
    pub held_by_others: bool,
    /// Whether it is only an example, to try the hook.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub example: bool,
    /// The machine's name; filled in where the hook runs.
    #[serde(default)]
    pub hostname: String,
}

/// The names of facts in templates; in the environment they are `JOURNALBAN_` and the name in
/// capitals.
const NAMES: [&str; 16] = [
    "action",
    "jail",
    "address",
    "ip",
    "kind",
    "time",
    "until",
    "failures",
    "offence",
    "cause",
    "reason",
    "lines",
    "open",
    "held_by_others",
    "example",
    "hostname",
];

/// The names of all facts.
pub fn known() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

/// Whether the fact of this name is attacker's text, which may begin with anything.
#[must_use]
pub fn is_untrusted(name: &str) -> bool {
    matches!(name, "reason" | "lines")
}

impl Facts {
    /// The facts of a ban.
    #[must_use]
    pub fn of_ban(ban: &Ban, held_by_others: bool) -> Self {
        let until = ban.until.map(|until| until.to_string());
        let last = ban.lines.len().saturating_sub(LINES_LIMIT);
        Self {
            action: On::Ban,
            jail: ban.jail.clone(),
            address: ban.prefix,
            time: ban.since,
            until: until.unwrap_or_else(|| "forever".to_owned()),
            failures: ban.failures,
            offence: ban.offence,
            cause: ban.origin.as_str().to_owned(),
            reason: shown(&ban.reason),
            lines: ban.lines[last..].iter().map(|line| shown(line)).collect(),
            open: ban.open.to_vec(),
            held_by_others,
            example: false,
            hostname: String::new(),
        }
    }

    /// The facts of an unban.
    #[must_use]
    pub fn of_unban(unban: &Unban, held_by_others: bool) -> Self {
        Self {
            action: On::Unban,
            jail: unban.jail.clone(),
            address: unban.prefix,
            time: unban.time,
            until: String::new(),
            failures: 0,
            offence: 0,
            cause: unban.cause.as_str().to_owned(),
            reason: String::new(),
            lines: Vec::new(),
            open: Vec::new(),
            held_by_others,
            example: false,
            hostname: String::new(),
        }
    }

    /// The same, with its texts made fit to be shown: for facts that came over a socket.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        let last = self.lines.len().saturating_sub(LINES_LIMIT);
        self.lines = self.lines[last..].iter().map(|line| shown(line)).collect();
        for text in [
            &mut self.until,
            &mut self.cause,
            &mut self.reason,
            &mut self.hostname,
        ] {
            *text = shown(text);
        }
        self
    }

    /// The fact of this name as text; `None` if there is no such fact.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "action" => self.action.as_str().to_owned(),
            "jail" => self.jail.to_string(),
            "address" => self.address.to_string(),
            "ip" => self.address.addr().to_string(),
            "kind" => self.kind().to_owned(),
            "time" => self.time.to_string(),
            "until" => self.until.clone(),
            "failures" => self.failures.to_string(),
            "offence" => self.offence.to_string(),
            "cause" => self.cause.clone(),
            "reason" => self.reason.clone(),
            "lines" => self.lines.join("\n"),
            "open" => {
                let open: Vec<String> = self.open.iter().map(ToString::to_string).collect();
                open.join(" ")
            }
            "held_by_others" => self.held_by_others.to_string(),
            "example" => self.example.to_string(),
            "hostname" => self.hostname.clone(),
            _ => return None,
        })
    }

    /// What stands in the environment of a hook's commands.
    pub fn environment(&self) -> impl Iterator<Item = (String, String)> + '_ {
        NAMES.into_iter().filter_map(|name| {
            let variable = format!("JOURNALBAN_{}", name.to_ascii_uppercase());
            Some((variable, self.value(name)?))
        })
    }

    /// One of four words for the family of the address, and whether it is one or a network.
    fn kind(&self) -> &'static str {
        match (self.address.is_ipv4(), self.address.is_host()) {
            (true, true) => "ipv4",
            (true, false) => "ipv4-network",
            (false, true) => "ipv6",
            (false, false) => "ipv6-network",
        }
    }
}

/// A text that no terminal, header or argument takes for more than text, cut to [`TEXT_LIMIT`].
pub(super) fn shown(text: &str) -> String {
    let mut text = printable(text);
    if text.len() > TEXT_LIMIT {
        let mark = " (cut)";
        text.truncate(text.floor_char_boundary(TEXT_LIMIT - mark.len()));
        text.push_str(mark);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;

    fn ban() -> Ban {
        Ban {
            jail: JailName::new("sshd").expect("a name"),
            prefix: "2001:db8::/64".parse().expect("a prefix"),
            since: Time::from_secs(1_700_000_000),
            until: None,
            failures: 5,
            origin: Origin::Log,
            offence: 2,
            open: Box::default(),
            reason: "a\r\nBcc: x \u{1b}[2J".into(),
            lines: (0..20).map(|n| format!("line {n}\n").into()).collect(),
        }
    }

    #[test]
    fn every_name_has_a_value_and_no_value_a_control_character() {
        let facts = Facts::of_ban(&ban(), false);
        for name in known() {
            let value = facts.value(name).expect(name);
            assert!(!value.replace('\n', "").chars().any(char::is_control));
            assert!(name == "lines" || !value.contains('\n'), "{name}: {value}");
        }
        assert_eq!(facts.value("nothing"), None);
        assert_eq!(facts.value("until").as_deref(), Some("forever"));
        assert_eq!(facts.value("ip").as_deref(), Some("2001:db8::"));
        assert_eq!(facts.value("kind").as_deref(), Some("ipv6-network"));
        assert_eq!(facts.lines.len(), LINES_LIMIT);
        assert_eq!(facts.lines[9], "line 19\\n", "the last ones");
        let environment: Vec<_> = facts.environment().collect();
        assert_eq!(environment.len(), NAMES.len());
        assert_eq!(environment[0].0, "JOURNALBAN_ACTION");
    }

    #[test]
    fn what_came_over_a_socket_is_cleaned_and_cut() {
        let mut facts = Facts::of_ban(&ban(), true);
        facts.reason = "x\n".repeat(TEXT_LIMIT);
        facts.hostname = "a\nb".to_owned();
        facts.lines = vec!["é".repeat(TEXT_LIMIT); 20];
        let facts = facts.cleaned();
        assert!(facts.reason.len() <= TEXT_LIMIT && !facts.reason.contains('\n'));
        assert!(facts.reason.ends_with(" (cut)"));
        assert_eq!(facts.hostname, "a\\nb");
        assert_eq!(facts.lines.len(), LINES_LIMIT);
        assert!(facts.lines.iter().all(|line| line.len() <= TEXT_LIMIT));
    }
}

//! One line of a text log as an [`Entry`]: what the syslog daemon or the container engine put
//! before the message becomes fields, as journald would have them.
//!
//! A line is taken apart only if its whole header is as expected, from the first byte on; otherwise it
//! stays in one piece as `MESSAGE`. What stands behind the header is the message and never looked
//! at: that part is written by whoever attacks. Pure, linear, and for bytes of any kind.

mod container;
mod named;
#[cfg(test)]
mod tests;

use std::net::Ipv6Addr;

use super::stamp;
use crate::model::{Entry, Time};

pub use super::stamp::Calendar;
pub use container::unpack_output;

/// The longest host name (RFC 1035) and the longest program name that are taken for one.
const WORD_LIMIT: usize = 255;

/// Reads `line`, without its line end. It has the time that it says, or `calendar.now`.
#[must_use]
pub fn entry(line: &[u8], calendar: &Calendar) -> Entry {
    let Some((time, line)) = container::unpack(line, calendar) else {
        return program(container::without_service(line), calendar);
    };
    let mut entry = program(&line, calendar);
    entry.set_time(time);
    entry
}

/// A line as the program or its syslog daemon wrote it.
fn program(line: &[u8], calendar: &Calendar) -> Entry {
    syslog(line, calendar).unwrap_or_else(|| {
        let time = stamp::leading(line, calendar)
            .or_else(|| stamp::ctime(line, calendar))
            .map(|(time, _)| time)
            .or_else(|| stamp::access(line, calendar));
        message(time.unwrap_or(calendar.now), line)
    })
}

/// Room for the names of all fields that a line can have, and for its priority.
const NAMES_LENGTH: usize = 80;

fn message(time: Time, text: &[u8]) -> Entry {
    let mut entry = Entry::with_capacity(time, text.len() + NAMES_LENGTH, 1);
    entry.push(b"MESSAGE", text);
    entry
}

/// The forms of RFC 5424 and RFC 3164, and the latter without its time.
fn syslog(line: &[u8], calendar: &Calendar) -> Option<Entry> {
    let (priority, rest) = priority(line);
    if let (Some(priority), Some(rest)) = (priority, rest.strip_prefix(b"1 ")) {
        return rfc5424(rest, priority, calendar);
    }
    let rest = rest
        .strip_prefix(b" ")
        .filter(|_| priority.is_some())
        .unwrap_or(rest);
    let stamped = stamp::leading(rest, calendar).filter(|_| rest.first() != Some(&b'['));
    let (time, header) = if let Some((time, rest)) = stamped {
        (time, Header::read(rest.strip_prefix(b" ")?)?)
    } else if let Some((time, rest)) = stamp::ctime(rest, calendar) {
        // Of logread, which names the priority; else it is the stamp of a program's own log.
        let header = Header::read(rest.strip_prefix(b" ")?)?;
        (
            time,
            Some(header).filter(|header| header.priority.is_some())?,
        )
    } else if let Some((time, rest)) = stamp::journalctl(rest, calendar) {
        let header = Header::read(rest.strip_prefix(b" ")?)?;
        (time, Some(header).filter(|header| header.host.is_some())?)
    } else {
        // Without a time it takes more to be believed: a process id.
        let header = Header::read(stamp::behind_foreign(rest).unwrap_or(rest))?;
        (
            calendar.now,
            Some(header).filter(|header| header.pid.is_some())?,
        )
    };
    Some(header.entry(time, priority.or(header.priority)))
}

/// What is said of a message.
struct Header<'a> {
    priority: Option<u8>,
    host: Option<&'a [u8]>,
    identifier: Option<&'a [u8]>,
    pid: Option<&'a [u8]>,
    message: &'a [u8],
}

impl<'a> Header<'a> {
    /// `ident[pid]: message`, `host ident[pid]: message`, both also without `[pid]`, and with the
    /// names of facility and severity before or behind the host.
    fn read(text: &'a [u8]) -> Option<Self> {
        if let Some(header) = Self::tag(text) {
            return Some(header);
        }
        let (before, text) = level(text);
        let (host, text) = match word(text).filter(|(host, _)| is_host(host)) {
            Some((host, rest)) => (Some(host), rest),
            None => (None, text),
        };
        let (behind, text) = level(text);
        let header = Self::tag(text)?;
        Some(Self {
            priority: before.or(behind).or(header.priority),
            host,
            ..header
        })
    }

    /// `ident[pid]: message`, `ident: message`, `[ident]: message`.
    fn tag(text: &'a [u8]) -> Option<Self> {
        let end = text
            .iter()
            .take(WORD_LIMIT)
            .position(|byte| matches!(byte, b':' | b'[' | b']' | b' ') || !in_identifier(*byte))?;
        let (identifier, rest) = text.split_at(end);
        let (identifier, pid, rest) = match rest {
            [b':', ..] if end > 0 => (identifier, None, rest),
            [b'[', inner @ ..] => {
                let end = inner
                    .iter()
                    .take(WORD_LIMIT)
                    .position(|byte| *byte == b']')?;
                let (inside, rest) = (&inner[..end], &inner[end + 1..]);
                if identifier.is_empty() {
                    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'[';
                    // A number is no program's name.
                    let number = inside.iter().all(u8::is_ascii_digit);
                    if number || !inside.iter().all(plain) {
                        return None;
                    }
                    (inside, None, rest)
                } else {
                    if inside.is_empty() || !inside.iter().all(u8::is_ascii_digit) {
                        return None;
                    }
                    (identifier, Some(inside), rest)
                }
            }
            _ => return None,
        };
        let rest = rest.strip_prefix(b":")?;
        let message = match rest {
            [] => rest,
            [b' ', message @ ..] => message,
            _ => return None,
        };
        let (priority, message) = solaris(message);
        Some(Self {
            priority,
            host: None,
            identifier: Some(identifier),
            pid,
            message,
        })
    }

    fn entry(&self, time: Time, priority: Option<u8>) -> Entry {
        let values = [self.host, self.identifier, self.pid, Some(self.message)];
        let length: usize = values.into_iter().flatten().map(<[u8]>::len).sum();
        let mut entry = Entry::with_capacity(time, length + NAMES_LENGTH, values.len() + 2);
        if let Some(priority) = priority {
            entry.push(b"PRIORITY", (priority % 8).to_string().as_bytes());
            entry.push(b"SYSLOG_FACILITY", (priority / 8).to_string().as_bytes());
        }
        for (name, value) in [
            (&b"_HOSTNAME"[..], self.host),
            (b"SYSLOG_IDENTIFIER", self.identifier),
            (b"SYSLOG_PID", self.pid),
            (b"MESSAGE", Some(self.message)),
        ] {
            if let Some(value) = value {
                entry.push(name, value);
            }
        }
        entry
    }
}

/// Takes `<38>` off; facility times eight plus severity, at most 191.
fn priority(line: &[u8]) -> (Option<u8>, &[u8]) {
    let inside = line.strip_prefix(b"<").and_then(|rest| {
        let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
        let number: u8 = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        (number <= 191 && rest[0].is_ascii_digit()).then(|| (number, &rest[end + 1..]))
    });
    match inside {
        Some((number, rest)) => (Some(number), rest),
        None => (None, line),
    }
}

/// Takes `auth.info ` off.
fn level(text: &[u8]) -> (Option<u8>, &[u8]) {
    let named = word(text).and_then(|(word, rest)| Some((named::priority(word)?, rest)));
    match named {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, text),
    }
}

/// Takes `[ID 800047 auth.info] ` off, which Solaris puts before a message.
fn solaris(message: &[u8]) -> (Option<u8>, &[u8]) {
    let inside = message.strip_prefix(b"[ID ").and_then(|rest| {
        let (id, rest) = word(rest)?;
        let end = rest
            .iter()
            .take(WORD_LIMIT)
            .position(|byte| *byte == b']')?;
        let priority = named::priority(&rest[..end])?;
        let rest = rest[end..].strip_prefix(b"] ")?;
        id.iter()
            .all(u8::is_ascii_digit)
            .then_some((priority, rest))
    });
    match inside {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, message),
    }
}

/// What stands behind `<38>1 `.
fn rfc5424(text: &[u8], priority: u8, calendar: &Calendar) -> Option<Entry> {
    let (time, rest) = if let Some(rest) = text.strip_prefix(b"-") {
        (calendar.now, rest)
    } else {
        stamp::iso(text, calendar)?
    };
    let rest = rest.strip_prefix(b" ")?;
    let (host, rest) = word(rest)?;
    let (identifier, rest) = word(rest)?;
    let (pid, rest) = word(rest)?;
    let (_message_id, rest) = word(rest)?;
    let rest = structured_data(rest)?;
    let message = match rest {
        [] => rest,
        [b' ', message @ ..] => message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message),
        _ => return None,
    };
    let given = |value| Some(value).filter(|value| *value != b"-");
    let header = Header {
        priority: Some(priority),
        host: given(host),
        identifier: given(identifier),
        pid: given(pid),
        message,
    };
    Some(header.entry(time, Some(priority)))
}

/// Passes over `-` or `[id name="value"]…`, where a value may hold anything, `\"` included.
fn structured_data(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"-") {
        return Some(rest);
    }
    let mut rest = text;
    while let Some(element) = rest.strip_prefix(b"[") {
        let (mut quoted, mut escaped) = (false, false);
        let end = element.iter().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b']' if !quoted => return true,
                _ => {}
            }
            false
        })?;
        rest = &element[end + 1..];
    }
    (rest.len() < text.len()).then_some(rest)
}

/// A program names itself without quotes and lists; what has them is text of its own.
fn in_identifier(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b',' | b'=' | b';')
}

/// A name or an address; a level (`[error]`), a thread, or a client with its port is none.
fn is_host(word: &[u8]) -> bool {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let ipv6 = || std::str::from_utf8(word).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    word.iter().all(named) || ipv6()
}

/// A word and what stands behind the blank after it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text
        .iter()
        .take(WORD_LIMIT + 1)
        .position(|byte| *byte == b' ')?;
    let word = &text[..end];
    (end > 0 && word.iter().all(u8::is_ascii_graphic)).then(|| (word, &text[end + 1..]))
}

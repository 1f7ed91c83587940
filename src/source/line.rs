//! One line of a text log as an [`Entry`]: what the syslog daemon or the container engine put
//! before the message becomes fields, as journald would have them.
//!
//! A line is taken apart only if its whole header is as expected, from the first byte on; otherwise it
//! stays in one piece as `MESSAGE`. What stands behind the header is the message and never looked
//! at: that part is written by whoever attacks. Pure, linear, and for bytes of any kind.

use std::borrow::Cow;

use serde::Deserialize;

use super::stamp;
use crate::model::{Entry, Time};

pub use super::stamp::Calendar;

/// The longest host name (RFC 1035) and the longest program name that are taken for one.
const WORD_LIMIT: usize = 255;

/// Reads `line`, without its line end. It has the time that it says, or `calendar.now`.
#[must_use]
pub fn entry(line: &[u8], calendar: &Calendar) -> Entry {
    docker(line, calendar)
        .or_else(|| syslog(line, calendar))
        .unwrap_or_else(|| {
            let time = stamp::leading(line, calendar)
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

/// A line of Docker's json-file driver.
#[derive(Deserialize)]
struct Docker<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

fn docker(line: &[u8], calendar: &Calendar) -> Option<Entry> {
    if !line.starts_with(b"{\"log\":") {
        return None;
    }
    let docker: Docker = serde_json::from_slice(line).ok()?;
    let (time, rest) = stamp::iso(docker.time.as_bytes(), calendar)?;
    let text = docker.log.as_bytes();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    rest.is_empty().then(|| message(time, text))
}

/// The forms of RFC 5424 and RFC 3164, and the latter without its time.
fn syslog(line: &[u8], calendar: &Calendar) -> Option<Entry> {
    let (priority, rest) = priority(line);
    if let (Some(priority), Some(rest)) = (priority, rest.strip_prefix(b"1 ")) {
        return rfc5424(rest, priority, calendar);
    }
    let stamped = stamp::leading(rest, calendar).filter(|_| rest.first() != Some(&b'['));
    let (time, header) = match stamped {
        Some((time, rest)) => (time, Header::read(rest.strip_prefix(b" ")?)?),
        // Without a time it takes more to be believed: a host and a process id.
        None => (
            calendar.now,
            Header::read(rest).filter(|header| header.host.is_some() && header.pid.is_some())?,
        ),
    };
    Some(header.entry(time, priority))
}

/// What is said of a message.
struct Header<'a> {
    host: Option<&'a [u8]>,
    identifier: Option<&'a [u8]>,
    pid: Option<&'a [u8]>,
    message: &'a [u8],
}

impl<'a> Header<'a> {
    /// `ident[pid]: message`, `host ident[pid]: message`, both also without `[pid]`.
    fn read(text: &'a [u8]) -> Option<Self> {
        Self::tag(text).or_else(|| {
            let (host, rest) = word(text)?;
            let header = Self::tag(rest)?;
            Some(Self {
                host: Some(host),
                ..header
            })
        })
    }

    /// `ident[pid]: message`, `ident: message`, `[ident]: message`.
    fn tag(text: &'a [u8]) -> Option<Self> {
        let end = text.iter().take(WORD_LIMIT).position(|byte| {
            matches!(byte, b':' | b'[' | b']' | b' ') || !byte.is_ascii_graphic()
        })?;
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
                    if inside.is_empty() || !inside.iter().all(plain) {
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
        Some(Self {
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

/// A word and what stands behind the blank after it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text
        .iter()
        .take(WORD_LIMIT + 1)
        .position(|byte| *byte == b' ')?;
    let word = &text[..end];
    (end > 0 && word.iter().all(u8::is_ascii_graphic)).then(|| (word, &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn calendar() -> Calendar {
        // 2024-06-01 00:00 UTC
        Calendar {
            now: Time::from_secs(1_717_200_000),
            zone: TimeZone::UTC,
        }
    }

    fn read(line: &str) -> Vec<String> {
        let entry = entry(line.as_bytes(), &calendar());
        let time = (entry.time() != calendar().now).then(|| entry.time().to_string());
        let fields = entry.fields().map(|(name, value)| {
            let (name, value) = (
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value),
            );
            format!("{name}={value}")
        });
        time.into_iter().chain(fields).collect()
    }

    #[test]
    fn a_syslog_header_becomes_fields() {
        for (line, expected) in [
            (
                "Mar  7 18:53:20 srv sshd[31603]: Invalid user x from 192.0.2.1",
                "2024-03-07T18:53:20.000000Z|_HOSTNAME=srv|SYSLOG_IDENTIFIER=sshd|\
                 SYSLOG_PID=31603|MESSAGE=Invalid user x from 192.0.2.1",
            ),
            (
                "<38>Nov 23 21:50:19 sshd[8148]: a: b",
                "2023-11-23T21:50:19.000000Z|PRIORITY=6|SYSLOG_FACILITY=4|\
                 SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=8148|MESSAGE=a: b",
            ),
            (
                "Mar  3 00:17:22 [sshd]: a",
                "2024-03-03T00:17:22.000000Z|SYSLOG_IDENTIFIER=sshd|MESSAGE=a",
            ),
            (
                "Jun 14 2023 00:48:21 h dovecot: imap-login: a",
                "2023-06-14T00:48:21.000000Z|_HOSTNAME=h|SYSLOG_IDENTIFIER=dovecot|\
                 MESSAGE=imap-login: a",
            ),
            (
                "2015-04-16T18:02:50.321974+00:00 h postfix/smtpd[2716]: a",
                "2015-04-16T18:02:50.321974Z|_HOSTNAME=h|SYSLOG_IDENTIFIER=postfix/smtpd|\
                 SYSLOG_PID=2716|MESSAGE=a",
            ),
            (
                "srv sshd[31603]: kernel:[  970.699396]: a",
                "_HOSTNAME=srv|SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=31603|\
                 MESSAGE=kernel:[  970.699396]: a",
            ),
            (
                "<38>1 2019-07-08T17:40:17.954167-04:00 h sshd 55555 - \
                 [sd \"with [brackets]\"][x y=\"\\\"]\"] a",
                "2019-07-08T21:40:17.954167Z|PRIORITY=6|SYSLOG_FACILITY=4|_HOSTNAME=h|\
                 SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=55555|MESSAGE=a",
            ),
            (
                "<38>1 - - sshd - - -",
                "PRIORITY=6|SYSLOG_FACILITY=4|SYSLOG_IDENTIFIER=sshd|MESSAGE=",
            ),
        ] {
            assert_eq!(read(line).join("|"), expected, "{line}");
        }
    }

    #[test]
    fn a_container_engines_line_is_unpacked() {
        let line =
            r#"{"log":"a \"b\"\r\n","stream":"stderr","time":"2023-01-02T03:04:05.678901234Z"}"#;
        assert_eq!(
            read(line),
            ["2023-01-02T03:04:05.678901Z", "MESSAGE=a \"b\""]
        );
        let other = r#"{"log":{"level":"info"},"time":"2023-01-02T03:04:05Z"}"#;
        assert_eq!(read(other), [format!("MESSAGE={other}")]);
    }

    #[test]
    fn what_has_no_whole_header_stays_in_one_piece() {
        for line in [
            "",
            "sshd[1]: a",
            "srv sshd: a",
            "Invalid user x from 192.0.2.1",
            "<38>",
            "<999>Mar  7 18:53:20 srv sshd[1]: a",
            "srv sshd[x]: a",
            "srv sshd[1] a",
            "srv sshd[1]:a",
            "<38>1 x y z",
        ] {
            assert_eq!(read(line), [format!("MESSAGE={line}")], "{line}");
        }
        for (line, time) in [
            (
                "Mar  7 18:53:20 srv proftpd[1] localhost (x): a",
                "2024-03-07T18:53:20.000000Z",
            ),
            (
                "2013-06-12 03:57:58 login failed for (x) [192.0.2.1]: 535",
                "2013-06-12T03:57:58.000000Z",
            ),
            (
                "[Sat Jun 01 11:23:08 2013] [error] [client 192.0.2.1] a",
                "2013-06-01T11:23:08.000000Z",
            ),
            (
                "[2024-03-07 18:53:20] srv sshd[1]: a",
                "2024-03-07T18:53:20.000000Z",
            ),
            (
                r#"192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 5"#,
                "2000-10-10T20:55:36.000000Z",
            ),
        ] {
            assert_eq!(
                read(line),
                [time.to_owned(), format!("MESSAGE={line}")],
                "{line}"
            );
        }
    }

    #[test]
    fn a_message_that_looks_like_a_header_is_none() {
        let line = "Mar  7 18:53:20 srv sshd[1]: Mar  7 18:53:20 srv cron[2]: a";
        assert_eq!(read(line)[2..4], ["SYSLOG_IDENTIFIER=sshd", "SYSLOG_PID=1"]);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let entry = entry(&line, &calendar());
            let is_kept = line.ends_with(entry.message());
            prop_assert!(is_kept);
        }

        #[test]
        fn nor_are_broken_headers(
            start in "(<[0-9]{1,4}>)?1? ?((Mar|Feb) [ 0-9]?[0-9]|[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]|\\[|-|)[ 0-9:.,+Z]{0,16}",
            rest in "[-a-z\\[\\]:\"\\\\0-9 é]{0,40}",
        ) {
            let line = start + &rest;
            let entry = entry(line.as_bytes(), &calendar());
            prop_assert!(line.as_bytes().ends_with(entry.message()));
        }
    }
}

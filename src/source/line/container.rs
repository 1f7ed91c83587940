//! What container engines and the supervisors in containers put around a line of output: the
//! json-file driver of Docker; the form that Kubernetes asks of its engines, which Podman writes as well
//! (<https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>);
//! stamps; the name of a service.

use std::borrow::Cow;

use serde::Deserialize;

use jiff::tz::TimeZone;

use crate::model::{Entry, Time};
use crate::source::stamp::{self, Calendar};

/// A line of Docker's json-file driver.
#[derive(Deserialize)]
struct Docker<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

/// The container's own line, with the time at which the engine read it.
pub(super) fn unpack<'a>(line: &'a [u8], calendar: &Calendar) -> Option<(Time, Cow<'a, [u8]>)> {
    if line.starts_with(b"{\"log\":") {
        return docker(line, calendar);
    }
    let (time, rest) = stamp::iso(line, calendar)?;
    let stamp = &line[..line.len() - rest.len()];
    let output = cri(rest).or_else(|| behind_nanoseconds(stamp, rest))?;
    Some((time, output.into()))
}

/// What stands behind ` stderr F ` and the like; `P` is a part of a line.
fn cri(rest: &[u8]) -> Option<&[u8]> {
    [b" stdout F ", b" stderr F ", b" stdout P ", b" stderr P "]
        .iter()
        .find_map(|head| rest.strip_prefix(&head[..]))
}

/// What stands behind a stamp of nanoseconds, always in nine digits:
/// `2026-01-05T10:00:00.123456789Z line` is from `docker logs --timestamps`,
/// `2026-01-05 10:00:00.123456789  line` from s6-log(8).
fn behind_nanoseconds<'a>(stamp: &[u8], rest: &'a [u8]) -> Option<&'a [u8]> {
    let (separator, end) = (*stamp.get(10)?, *stamp.last()?);
    let (digits, blanks): (_, &[u8]) = match (separator, end) {
        (b'T', b'Z') => (&stamp[..stamp.len() - 1], b" "),
        (b' ', b'0'..=b'9') => (stamp, b"  "),
        _ => return None,
    };
    let whole = digits.len() == b"2026-01-05T10:00:00.123456789".len();
    rest.strip_prefix(blanks).filter(|_| whole)
}

fn docker<'a>(line: &'a [u8], calendar: &Calendar) -> Option<(Time, Cow<'a, [u8]>)> {
    let docker: Docker = serde_json::from_slice(line).ok()?;
    let (time, rest) = stamp::iso(docker.time.as_bytes(), calendar)?;
    if !rest.is_empty() {
        return None;
    }
    let end = docker.log.trim_end_matches(['\r', '\n']).len();
    let text = match docker.log {
        Cow::Borrowed(text) => text.as_bytes()[..end].into(),
        Cow::Owned(mut text) => {
            text.truncate(end);
            text.into_bytes().into()
        }
    };
    Some((time, text))
}

/// Takes the head off a line that a syslog daemon in a container wrote to the container's output, if
/// `entry` is of the journal and has it as its message. The process id in that head takes the place of
/// the engine's, which is the same for all that the container logs.
pub fn unpack_output(entry: &mut Entry) {
    if entry.get(b"CONTAINER_NAME").is_none() {
        return;
    }
    let calendar = Calendar {
        now: entry.time(),
        zone: TimeZone::UTC,
    };
    // What has no host is rather the program's own form ("TIME LEVEL: ", "LEVEL[thread]: "), which
    // its filter knows.
    let inner = super::syslog(entry.message(), &calendar);
    let Some(inner) = inner.filter(|inner| inner.get(b"_HOSTNAME").is_some()) else {
        return;
    };
    let taken = |name: &[u8]| matches!(name, b"MESSAGE" | b"SYSLOG_PID");
    let engine = |name: &[u8]| name == b"_PID" && inner.get(b"SYSLOG_PID").is_some();
    let mut unpacked = Entry::new(entry.time());
    unpacked.set_replayed(entry.replayed());
    for (name, value) in entry.fields() {
        if !taken(name) && !engine(name) {
            unpacked.push(name, value);
        }
    }
    for (name, value) in inner.fields().filter(|(name, _)| taken(name)) {
        unpacked.push(name, value);
    }
    *entry = unpacked;
}

/// Takes off what `docker compose logs` writes before each line: `vaultwarden-1  | `. Names of
/// services are in small letters.
pub(super) fn without_service(line: &[u8]) -> &[u8] {
    let in_name = |byte: &u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    let name = line.iter().take_while(|byte| in_name(byte)).count();
    let (name, rest) = line.split_at(name);
    let named = name.first().is_some_and(u8::is_ascii_lowercase);
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let behind = rest[blanks..].strip_prefix(b"| ");
    behind.filter(|_| named && blanks > 0).unwrap_or(line)
}

//! `ban --file` and `unban --file`: lists of addresses, a million of them in a few megabytes.
//!
//! A list is read to its end before anything is asked of the daemon, so that one with a mistake
//! does nothing. Then it goes there some thousand at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write, stderr};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cli::args::{Arguments, Ban, Unban};
use crate::cli::control::{ask, read};
use crate::cli::show;
use crate::control::protocol::{
    BanManyParameters, BannedMany, PREFIXES_LIMIT, Refused, UnbanManyParameters, UnbannedMany,
};
use crate::exit;
use crate::model::{Prefix, printable};

/// The longest line that can hold an address and a comment, in bytes.
const LINE_LIMIT: u64 = 4096;

/// The most lines with something in them; what is longer is no list of addresses.
const LIST_LIMIT: usize = 20_000_000;

/// How many wrong lines, or refused prefixes, are shown one by one.
const SHOWN: usize = 100;

/// What is wrong with a list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mistakes {
    /// The number of the line, from 1, and what is wrong in it; the first [`SHOWN`].
    shown: Vec<(usize, String)>,
    count: usize,
}

impl Mistakes {
    fn add(&mut self, line: usize, what: String) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push((line, what));
        }
    }
}

/// Reads a list: single addresses first, each prefix once.
fn list(mut from: impl BufRead) -> io::Result<Result<Vec<Prefix>, Mistakes>> {
    let mut prefixes = Vec::new();
    let mut mistakes = Mistakes::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if (&mut from).take(LINE_LIMIT).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == LINE_LIMIT && line.last() != Some(&b'\n') {
            mistakes.add(number, format!("is longer than {LINE_LIMIT} bytes"));
            from.skip_until(b'\n')?;
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.split('#').next().unwrap_or_default().trim();
        match text.parse::<Prefix>() {
            _ if text.is_empty() => {}
            Ok(_) if prefixes.len() == LIST_LIMIT => {
                mistakes.add(
                    number,
                    format!("there are more than {LIST_LIMIT} addresses"),
                );
                break;
            }
            Ok(prefix) => prefixes.push(prefix),
            Err(error) => mistakes.add(number, printable(&error.to_string())),
        }
    }
    if mistakes.count > 0 {
        return Ok(Err(mistakes));
    }
    prefixes.sort_unstable_by_key(|prefix| (!prefix.is_host(), *prefix));
    prefixes.dedup();
    Ok(Ok(prefixes))
}

/// The list in `file`; or its mistakes are told.
fn list_of(file: &Path) -> Result<Option<Vec<Prefix>>> {
    let name = file.display();
    let read = if file == Path::new("-") {
        list(io::stdin().lock())
    } else {
        File::open(file).and_then(|file| list(BufReader::new(file)))
    };
    let mistakes = match read.with_context(|| format!("reading {name}"))? {
        Ok(prefixes) => return Ok(Some(prefixes)),
        Err(mistakes) => mistakes,
    };
    let mut err = stderr().lock();
    for (line, what) in &mistakes.shown {
        writeln!(err, "{name}:{line}: {what}")?;
    }
    if let more @ 1.. = mistakes.count - mistakes.shown.len() {
        writeln!(err, "… and {more} more")?;
    }
    writeln!(
        err,
        "journalban: nothing was done: {} lines of {name} are wrong",
        mistakes.count
    )?;
    Ok(None)
}

/// Calls `method` for one part of the list after the other.
fn each_part(
    arguments: &Arguments,
    prefixes: &[Prefix],
    method: &str,
    parameters: impl Fn(Vec<Prefix>) -> Value,
    mut answered: impl FnMut(Value) -> Result<()>,
) -> Result<()> {
    let terminal = stderr().is_terminal() && prefixes.len() > PREFIXES_LIMIT;
    let mut done = 0;
    for part in prefixes.chunks(PREFIXES_LIMIT) {
        let answer = ask(arguments, method, &parameters(part.to_vec()))
            .with_context(|| format!("{done} of {} are done, and then", prefixes.len()))?;
        answered(answer)?;
        done += part.len();
        if terminal {
            // A terminal that does not take it is no reason to stop.
            let _ = write!(stderr(), "\r{done} of {}\x1b[K", prefixes.len());
        }
    }
    if terminal {
        let _ = write!(stderr(), "\r\x1b[K");
    }
    Ok(())
}

pub(super) fn ban(arguments: &Arguments, wanted: &Ban, file: &Path) -> Result<u8> {
    let Some(prefixes) = list_of(file)? else {
        return Ok(exit::USAGE);
    };
    let parameters = |prefixes| {
        json!(BanManyParameters {
            prefixes,
            jail: wanted.jail.clone(),
            bantime: wanted.bantime.map(|bantime| bantime.to_string()),
            reason: wanted.reason.clone(),
        })
    };
    let mut done = BannedMany::default();
    let mut refused = 0;
    each_part(arguments, &prefixes, "BanMany", parameters, |answer| {
        let part: BannedMany = read(answer)?;
        done.banned += part.banned;
        done.already += part.already;
        refused += part.refused.len();
        let room = SHOWN.saturating_sub(done.refused.len());
        done.refused.extend(part.refused.into_iter().take(room));
        Ok(())
    })?;
    if arguments.json {
        show::json(&json!({
            "banned": done.banned,
            "already": done.already,
            "refused": refused,
            "refused_first": done.refused,
        }))?;
    } else {
        show_banned(&mut io::stdout().lock(), &done, refused)?;
    }
    Ok(if refused > 0 { exit::NO } else { exit::OK })
}

fn show_banned(out: &mut impl Write, done: &BannedMany, refused: usize) -> io::Result<()> {
    writeln!(
        out,
        "{} banned, {} were already, {refused} refused",
        done.banned, done.already
    )?;
    for Refused { reason, .. } in &done.refused {
        writeln!(out, "  {reason}")?;
    }
    match refused - done.refused.len() {
        0 => Ok(()),
        more => writeln!(out, "  … and {more} more"),
    }
}

pub(super) fn unban(arguments: &Arguments, wanted: &Unban, file: &Path) -> Result<u8> {
    let Some(prefixes) = list_of(file)? else {
        return Ok(exit::USAGE);
    };
    let parameters = |prefixes| {
        json!(UnbanManyParameters {
            prefixes,
            jail: wanted.jail.clone(),
        })
    };
    let mut done = UnbannedMany::default();
    each_part(arguments, &prefixes, "UnbanMany", parameters, |answer| {
        let part: UnbannedMany = read(answer)?;
        done.lifted += part.lifted;
        done.missed += part.missed;
        Ok(())
    })?;
    if arguments.json {
        show::json(&done)?;
    } else {
        let (lifted, missed) = (done.lifted, done.missed);
        writeln!(
            io::stdout(),
            "{lifted} bans lifted; {missed} of the list were not banned"
        )?;
    }
    Ok(if done.lifted == 0 { exit::NO } else { exit::OK })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_list(text: &[u8]) -> Result<Vec<String>, Mistakes> {
        let read = list(text).expect("can be read");
        read.map(|prefixes| prefixes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_list_is_addresses_and_prefixes_with_comments() {
        let text = b"# a list\n\n 192.0.2.0/24 # a network\r\n2001:db8::1\n192.0.2.7\n192.0.2.7\n\
            ::ffff:192.0.2.7\n   \n192.0.2.1";
        let expected = ["192.0.2.1", "192.0.2.7", "2001:db8::1", "192.0.2.0/24"];
        assert_eq!(read_list(text).expect("is right"), expected);
        assert_eq!(read_list(b"").expect("is right"), [""; 0]);
    }

    #[test]
    fn all_mistakes_are_told_with_their_lines() {
        let mut text = b"192.0.2.1\nexample.com\n1.2.3.4 5.6.7.8\n\xff\x1b[2J\n".to_vec();
        text.extend(vec![b'1'; 10_000]);
        text.extend(b"\n192.0.2.2\nx");
        let mistakes = read_list(&text).expect_err("is wrong");
        let lines: Vec<usize> = mistakes.shown.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 7]);
        assert!(
            mistakes.shown[0]
                .1
                .contains("\"example.com\" is no address")
        );
        assert!(!mistakes.shown[2].1.contains('\u{1b}'));
        let many = read_list(&b"x\n".repeat(1000)).expect_err("is wrong");
        assert_eq!((many.count, many.shown.len()), (1000, SHOWN));
    }
}

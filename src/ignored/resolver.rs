//! Resolving names: what `journalban resolve` does for the daemon, in a unit of its own.
//!
//! The daemon's sandbox has no IP, so that nothing in it can talk to the network. So a socket unit
//! starts this program once more for the daemon's connection, in a sandbox that has IP and nothing
//! else. It is asked with a line of JSON, `{"names":["home.example.org"]}`, answers with one, and
//! waits for the next.
//!
//! Names are looked up with getaddrinfo(3), that is as nsswitch.conf(5) has it: /etc/hosts, DNS,
//! and whatever else this machine asks.

use std::io::{self, BufRead, Read, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::model::{HostName, canonical};

/// The most names in a question: so many are looked up side by side.
pub const NAMES_LIMIT: usize = 16;

/// The longest question, in bytes: it fits many times.
const QUESTION_LIMIT: u64 = 64 * 1024;

/// The longest answer that is read, in bytes: 64 addresses for each name fit.
pub(super) const ANSWER_LIMIT: u64 = 256 * 1024;

/// The most addresses that are taken for one name. Whoever answers for a name chooses how many.
pub const ADDRESSES_LIMIT: usize = 64;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub names: Vec<HostName>,
}

/// What is answered: to each name, in their order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub answers: Vec<Resolved>,
}

/// The answer to one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resolved {
    /// Its addresses.
    Addresses(Vec<IpAddr>),
    /// Why they could not be found.
    Error(String),
}

/// Answers the questions of `input` on `output` until there are no more.
pub fn answer(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if input.by_ref().take(QUESTION_LIMIT).read_line(&mut line)? == 0 {
            return Ok(());
        }
        let question: Question = serde_json::from_str(&line)?;
        let answer = Answer {
            answers: look_up(&question.names),
        };
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
}

/// Looks names up, the first [`NAMES_LIMIT`] of them, side by side. Takes as long as the slowest,
/// some ten seconds if no server answers (resolv.conf(5)).
pub(super) fn look_up(names: &[HostName]) -> Vec<Resolved> {
    thread::scope(|scope| {
        let asked = names.iter().take(NAMES_LIMIT);
        let waiting: Vec<_> = asked
            .map(|name| scope.spawn(move || addresses(name)))
            .collect();
        let answers = waiting.into_iter().map(|answer| match answer.join() {
            Ok(Ok(addresses)) => Resolved::Addresses(addresses),
            Ok(Err(error)) => Resolved::Error(error.to_string()),
            Err(_) => Resolved::Error("looking it up has crashed".to_owned()),
        });
        answers.collect()
    })
}

fn addresses(name: &HostName) -> io::Result<Vec<IpAddr>> {
    let found = (name.as_str(), 0).to_socket_addrs()?;
    Ok(sound(found.map(|address| address.ip())))
}

/// The addresses that a client can have, sorted, not more than [`ADDRESSES_LIMIT`]. Some resolvers
/// answer 0.0.0.0 for what they block.
pub(super) fn sound(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses
        .into_iter()
        .map(canonical)
        .filter(|address| !address.is_unspecified() && !address.is_multicast())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_LIMIT);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_in_its_order_and_then_the_next() {
        let questions = "{\"names\":[\"localhost\",\"nobody.invalid\"]}\n{\"names\":[]}\n";
        let mut output = Vec::new();
        answer(questions.as_bytes(), &mut output).expect("answers");
        let text = String::from_utf8(output).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        let first: Answer = serde_json::from_str(lines[0]).expect("an answer");
        let [Resolved::Addresses(local), Resolved::Error(error)] = &first.answers[..] else {
            panic!("{text}");
        };
        assert!(local.iter().all(IpAddr::is_loopback) && !local.is_empty());
        assert!(!error.is_empty());
        assert_eq!(lines[1], "{\"answers\":[]}");
    }

    #[test]
    fn what_is_no_name_is_not_looked_up() {
        for question in ["{\"names\":[\"192.0.2.1\"]}\n", "names\n"] {
            assert!(answer(question.as_bytes(), &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn only_so_many_addresses_are_taken_and_only_those_of_hosts() {
        let many = (0..=255).map(|last| IpAddr::from([192, 0, 2, last]));
        assert_eq!(sound(many).len(), ADDRESSES_LIMIT);
        let texts = [
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "::ffff:192.0.2.1",
            "192.0.2.1",
        ];
        let odd = texts.map(|text| text.parse::<IpAddr>().expect("an address"));
        assert_eq!(sound(odd), [IpAddr::from([192, 0, 2, 1])]);
    }
}

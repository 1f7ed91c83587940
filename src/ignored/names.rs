//! Names of hosts in `ignoreip`: asked for again and again, and what they last stood for holds
//! until there is another answer.
//!
//! Every minute, as getaddrinfo(3) does not tell how long an answer is good; the resolver that
//! this machine asks keeps it that long. A failure is tried again sooner.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::known::{Known, KnownFile};
use super::resolver::{
    ADDRESSES_LIMIT, ANSWER_LIMIT, Answer, NAMES_LIMIT, Question, Resolved, look_up, sound,
};
use super::{News, Places, Wanted, host_names};
use crate::model::{HostName, Prefix, printable};

/// How long until names are looked up again: what names of moving hosts are usually good for.
const REFRESH: Duration = Duration::from_mins(1);

/// How long after the first failure; then twice as long each time, up to [`REFRESH`].
const RETRY: Duration = Duration::from_secs(2);

/// How many failures in a row make a warning: while a machine boots, the first are nothing.
const FAILURES_TO_WARN: u32 = 3;

/// How long an answer may take: getaddrinfo(3) gives up well before.
const PATIENCE: Duration = Duration::from_secs(45);

/// All names that are looked up.
pub(super) struct Names {
    known: Known,
    file: KnownFile,
    /// How often in a row each could not be found.
    failures: BTreeMap<HostName, u32>,
    resolver: Resolver,
}

impl Names {
    /// Reads what the names stood for; logs if that fails.
    pub fn begin(places: &Places) -> (Self, Known) {
        let file = KnownFile::within(&places.state);
        let known = file.read().unwrap_or_else(|error| {
            warn!("{error:#}; what names in ignoreip last stood for is not known");
            Known::new()
        });
        let names = Self {
            known: known.clone(),
            file,
            failures: BTreeMap::new(),
            resolver: Resolver {
                socket: places.resolver.clone(),
                connection: None,
            },
        };
        (names, known)
    }

    /// Looks up whatever names are wanted, for as long as somebody listens.
    pub async fn run(mut self, mut wanted: watch::Receiver<Wanted>, tell: mpsc::Sender<News>) {
        let mut wait = RETRY;
        loop {
            let names = host_names(&wanted.borrow_and_update());
            let names: Vec<HostName> = names.into_iter().collect();
            for some in names.chunks(NAMES_LIMIT) {
                let answers = self.resolver.ask(some).await;
                for (name, resolved) in some.iter().zip(answers) {
                    if let Some(news) = self.take(name, resolved)
                        && tell.send(news).await.is_err()
                    {
                        return;
                    }
                }
            }
            self.forget_all_but(&names);
            if names.is_empty() {
                self.resolver.connection = None;
            }
            let all = self.failures.is_empty();
            let pause = if all { REFRESH } else { wait };
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() {
                    return;
                },
                () = tokio::time::sleep(pause), if !names.is_empty() => {}
            }
            wait = if all { RETRY } else { REFRESH.min(wait * 2) };
        }
    }

    /// Takes an answer, logs what is new in it, and tells what the name stands for if that is new.
    fn take(&mut self, name: &HostName, resolved: Resolved) -> Option<News> {
        let addresses = match resolved {
            Resolved::Addresses(addresses) => sound(addresses),
            Resolved::Error(error) => {
                self.failed(name, &error);
                return None;
            }
        };
        if addresses.is_empty() {
            // As some resolvers answer 0.0.0.0 for what they block: no reason to forget him.
            self.failed(
                name,
                "no address in the answer is one that a client can have",
            );
            return None;
        }
        let warned = self.failures.remove(name) >= Some(FAILURES_TO_WARN);
        if warned {
            info!("{name} can be resolved again");
        }
        let before = self.known.get(name);
        if before == Some(&addresses) {
            return None;
        }
        info!(
            "{name} in ignoreip is {} now; before: {}",
            listed(&addresses),
            before.map_or_else(|| "not known".to_owned(), |before| listed(before)),
        );
        if addresses.len() == ADDRESSES_LIMIT {
            warn!("{name} has too many addresses; only {ADDRESSES_LIMIT} of them are ignored");
        }
        let news = named(name, &addresses);
        self.known.insert(name.clone(), addresses);
        self.save();
        Some(news)
    }

    fn failed(&mut self, name: &HostName, error: &str) {
        let failures = self.failures.entry(name.clone()).or_default();
        *failures = failures.saturating_add(1);
        if *failures != FAILURES_TO_WARN {
            return;
        }
        let still = match self.known.get(name) {
            Some(addresses) => format!("it still stands for {}", listed(addresses)),
            None => "nobody is ignored for it until that works".to_owned(),
        };
        let error = printable(error);
        warn!("{name} in ignoreip cannot be resolved: {error}; {still}");
    }

    fn forget_all_but(&mut self, names: &[HostName]) {
        let before = self.known.len();
        self.known.retain(|name, _| names.contains(name));
        self.failures.retain(|name, _| names.contains(name));
        if self.known.len() < before {
            self.save();
        }
    }

    fn save(&self) {
        if let Err(error) = self.file.write(&self.known) {
            error!("{error:#}; after a restart, names in ignoreip are not known at once");
        }
    }
}

/// What a name stands for: its addresses themselves, whatever prefixes the jail bans.
pub(super) fn named(name: &HostName, addresses: &[IpAddr]) -> News {
    let prefixes = addresses.iter().copied().map(Prefix::host).collect();
    News::Named(name.as_str().into(), prefixes)
}

fn listed(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Whoever resolves for us: the unit behind the socket; or, where there is none (started by hand,
/// in a container), this process.
struct Resolver {
    socket: PathBuf,
    connection: Option<BufReader<UnixStream>>,
}

impl Resolver {
    /// The answer to each of `names`, of which there are at most [`NAMES_LIMIT`].
    async fn ask(&mut self, names: &[HostName]) -> Vec<Resolved> {
        let kept = self.connection.is_some();
        let mut answer = self.try_to_ask(names).await;
        if answer.is_err() && kept {
            // Whoever was at its other end may have been restarted since.
            answer = self.try_to_ask(names).await;
        }
        answer.unwrap_or_else(|error| {
            names
                .iter()
                .map(|_| Resolved::Error(format!("{error:#}")))
                .collect()
        })
    }

    async fn try_to_ask(&mut self, names: &[HostName]) -> Result<Vec<Resolved>> {
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => UnixStream::connect(&self.socket).await.map(BufReader::new),
        };
        let mut connection = match connection {
            Ok(connection) => connection,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                let names = names.to_vec();
                let looked_up = tokio::task::spawn_blocking(move || look_up(&names));
                let mut answers = looked_up.await.context("looking up names")?;
                for answer in &mut answers {
                    if let Resolved::Error(error) = answer {
                        // In the unit's sandbox that cannot work, and this is why.
                        *error = format!("{error} (there is no {})", self.socket.display());
                    }
                }
                return Ok(answers);
            }
            Err(error) => {
                let asking = || format!("connecting to {}", self.socket.display());
                return Err(error).with_context(asking);
            }
        };
        let answers = timeout(PATIENCE, converse(&mut connection, names))
            .await
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("asking {}", self.socket.display()))?;
        self.connection = Some(connection);
        Ok(answers)
    }
}

async fn converse(
    connection: &mut BufReader<UnixStream>,
    names: &[HostName],
) -> Result<Vec<Resolved>> {
    let question = Question {
        names: names.to_vec(),
    };
    let mut line = serde_json::to_vec(&question)?;
    line.push(b'\n');
    connection.write_all(&line).await?;
    line.clear();
    connection
        .take(ANSWER_LIMIT)
        .read_until(b'\n', &mut line)
        .await?;
    let answer: Answer = serde_json::from_slice(&line)?;
    ensure!(
        answer.answers.len() == names.len(),
        "{} answers to {} names",
        answer.answers.len(),
        names.len()
    );
    Ok(answer.answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(directory: &tempfile::TempDir) -> Places {
        Places {
            root: directory.path().to_owned(),
            resolver: directory.path().join("socket"),
            state: directory.path().to_owned(),
        }
    }

    #[test]
    fn what_a_name_stood_for_holds_until_there_is_a_better_answer() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut names, known) = Names::begin(&places(&directory));
        assert_eq!(known, Known::new());
        let name: HostName = "home.example.org".parse().expect("a name");
        let home = [IpAddr::from([192, 0, 2, 1])];
        let mut take = |resolved: Resolved| names.take(&name, resolved);
        let error = || Resolved::Error("Temporary failure in name resolution".to_owned());
        assert_eq!(take(error()), None);
        let first = take(Resolved::Addresses(home.to_vec()));
        assert_eq!(first, Some(named(&name, &home)));
        assert_eq!(take(Resolved::Addresses(home.to_vec())), None);
        for nothing in [vec![], vec![IpAddr::from([0, 0, 0, 0])]] {
            assert_eq!(take(Resolved::Addresses(nothing)), None);
        }
        for _ in 0..=FAILURES_TO_WARN {
            assert_eq!(take(error()), None);
        }
        assert_eq!(names.known[&name], home);

        let (mut after_restart, known) = Names::begin(&places(&directory));
        assert_eq!(known, Known::from([(name, home.to_vec())]));
        after_restart.forget_all_but(&[]);
        assert_eq!(Names::begin(&places(&directory)).1, Known::new());
    }

    #[tokio::test]
    async fn without_a_unit_that_does_it_this_process_looks_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut names, _) = Names::begin(&places(&directory));
        let asked = ["localhost", "nobody.invalid"].map(|name| name.parse().expect("a name"));
        let answers = names.resolver.ask(&asked).await;
        assert!(matches!(&answers[0], Resolved::Addresses(found) if !found.is_empty()));
        assert!(matches!(&answers[1], Resolved::Error(why) if why.contains("there is no /")));
    }
}

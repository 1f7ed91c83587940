//! The daemon's end of the control socket: one task a client, questions go to the loop.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::control::protocol::{Call, REQUEST_LIMIT, Reply, Request};

/// The most clients at a time; more wait to be accepted.
const CLIENT_LIMIT: usize = 32;

/// How long a client may be silent, or leave a reply unread.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many replies to one client may wait. Who streams many waits in a task or thread of its own;
/// the loop sends one, and never waits.
const REPLIES_WAITING: usize = 4;

/// A question to the loop, and where the answer goes.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub request: Request,
    /// Takes one reply, or several of which all but the last say that more follow.
    pub reply: mpsc::Sender<Reply>,
}

/// Listens on `path` and sends what is asked to `questions`, until the receiver is gone.
///
/// Who may talk to us is a matter of the socket's mode: owner and group (0660).
pub fn listen(path: &Path, questions: mpsc::Sender<Question>) -> Result<()> {
    let listener = bind(path).with_context(|| format!("listening on {}", path.display()))?;
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(CLIENT_LIMIT));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, most likely: others may close meanwhile.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let questions = questions.clone();
            tokio::spawn(async move {
                // A client that goes away in the middle is its own affair.
                let _ = serve(stream, questions).await;
                drop(place);
            });
        }
    });
    Ok(())
}

fn bind(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    // Left behind by a daemon that was killed; a living one would hold the state file's lock.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

async fn serve(stream: UnixStream, questions: mpsc::Sender<Question>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let limit = u64::try_from(REQUEST_LIMIT).unwrap_or(u64::MAX);
    loop {
        let mut message = Vec::new();
        timeout(
            PATIENCE,
            (&mut read).take(limit).read_until(0, &mut message),
        )
        .await??;
        if message.pop() != Some(0) {
            return Ok(());
        }
        let Ok(call) = Call::from_bytes(&message) else {
            return Ok(());
        };
        let oneway = call.oneway;
        let (reply, mut replies) = mpsc::channel(REPLIES_WAITING);
        match call.request() {
            Ok(request) => {
                if questions.send(Question { request, reply }).await.is_err() {
                    return Ok(());
                }
            }
            Err(at_once) => {
                let _ = reply.send(at_once).await;
                drop(reply);
            }
        }
        while let Some(reply) = replies.recv().await {
            if !oneway {
                timeout(PATIENCE, write.write_all(&reply.to_bytes())).await??;
            }
        }
    }
}

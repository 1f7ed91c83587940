//! The command line's end of the control socket: ask, wait, read.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::control::protocol::{Call, REPLY_LIMIT, Reply};

/// How long the daemon may take for an answer: a reload with many filters, a ban behind a busy log.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon answers at {}: {error}; is journalban.service running?", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The daemon hung up, or said something that is no reply.
    #[error("talking to the daemon: {0}")]
    Broken(String),
    /// The daemon answered with an error.
    #[error("{}", reason(.0))]
    Refused(Reply),
}

fn reason(reply: &Reply) -> String {
    let name = reply.error.as_deref().unwrap_or_default();
    match reply.parameters.get("reason").and_then(Value::as_str) {
        Some(reason) => reason.to_owned(),
        None => format!("the daemon answered {name} {}", reply.parameters),
    }
}

/// Calls a method and hands each reply's parameters to `each`, as they come.
pub fn call<E: From<ClientError>>(
    socket: &Path,
    call: &Call,
    mut each: impl FnMut(Value) -> Result<(), E>,
) -> Result<(), E> {
    let unreachable = |error| ClientError::Unreachable {
        path: socket.to_owned(),
        error,
    };
    let broken = |error: std::io::Error| ClientError::Broken(error.to_string());
    let mut stream = UnixStream::connect(socket).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(broken)?;
    stream.write_all(&call.to_bytes()).map_err(broken)?;
    let limit = u64::try_from(REPLY_LIMIT).unwrap_or(u64::MAX);
    let mut read = BufReader::new(stream);
    loop {
        let mut message = Vec::new();
        (&mut read)
            .take(limit)
            .read_until(0, &mut message)
            .map_err(broken)?;
        if message.pop() != Some(0) {
            let what = "it hung up before its answer was complete";
            return Err(ClientError::Broken(what.into()).into());
        }
        let reply: Reply = serde_json::from_slice(&message)
            .map_err(|error| ClientError::Broken(format!("its answer is no reply: {error}")))?;
        if reply.error.is_some() {
            return Err(ClientError::Refused(reply).into());
        }
        let continues = reply.continues;
        each(reply.parameters)?;
        if !continues {
            return Ok(());
        }
    }
}

/// Calls a method that answers once.
pub fn ask(socket: &Path, method: &str, parameters: Value) -> Result<Value, ClientError> {
    let mut answer = Value::Null;
    call(
        socket,
        &Call::new(method, parameters, false),
        |parameters| -> Result<(), ClientError> {
            answer = parameters;
            Ok(())
        },
    )?;
    Ok(answer)
}

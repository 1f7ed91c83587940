//! What clients ask of the state file: read beside the loop, which goes on meanwhile.
//!
//! Each question has a thread and a read-only connection while it is answered. Pages wait until the
//! client has taken the ones before, so that a million bans need no more memory than a thousand.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};

use crate::control::protocol::Reply;
use crate::store::Reader;

/// How many bans one reply holds.
const PAGE: usize = 500;

/// The most questions that are answered at a time; others wait.
const READERS_LIMIT: usize = 4;

static READERS: Semaphore = Semaphore::const_new(READERS_LIMIT);

/// Replies of a stream; the last of them has to say that it is the last.
pub(super) struct Pages<'a> {
    replies: &'a mpsc::Sender<Reply>,
    /// Whether the client takes several.
    more: bool,
    /// What may be the last one.
    held: Option<Reply>,
    refused: bool,
}

impl Pages<'_> {
    /// Sends a page; false if nobody wants more.
    pub fn send(&mut self, page: &impl Serialize) -> bool {
        let Some(before) = self.held.replace(Reply::of(page)) else {
            return true;
        };
        if !self.more {
            self.refused = true;
            return false;
        }
        let before = Reply {
            continues: true,
            ..before
        };
        self.replies.blocking_send(before).is_ok()
    }
}

/// Answers a question from the state file at `path`: `work` sends pages of at most so many bans as
/// it is told. `none` is the answer if there are none.
pub(super) fn answer_from_file<T: Serialize + Send + 'static>(
    path: PathBuf,
    replies: mpsc::Sender<Reply>,
    more: bool,
    none: T,
    work: impl FnOnce(&Reader, usize, &mut Pages<'_>) -> Result<()> + Send + 'static,
) {
    tokio::spawn(async move {
        // It is never closed.
        let Ok(place) = READERS.acquire().await else {
            return;
        };
        let reading = tokio::task::spawn_blocking(move || {
            let mut pages = Pages {
                replies: &replies,
                more,
                held: None,
                refused: false,
            };
            let read = Reader::open(&path).and_then(|reader| work(&reader, PAGE, &mut pages));
            let last = match read {
                Err(error) => Reply::error("Refused", &format!("{error:#}")),
                Ok(()) if pages.refused => Reply::expected_more(),
                Ok(()) => pages.held.take().unwrap_or_else(|| Reply::of(none)),
            };
            // Nobody minds if the client is gone.
            let _ = replies.blocking_send(last);
        });
        // A panic was reported where it happened.
        let _ = reading.await;
        drop(place);
    });
}

//! What container engines put around a line of a container's output: the json-file driver of
//! Docker, and the form that Kubernetes asks of its engines, which Podman writes as well
//! (<https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>).

use std::borrow::Cow;

use serde::Deserialize;

use crate::model::Time;
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
    let rest = [b" stdout F ", b" stderr F ", b" stdout P ", b" stderr P "]
        .iter()
        .find_map(|head| rest.strip_prefix(&head[..]))?;
    Some((time, rest.into()))
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

//! What names stood for when the daemon last ran: `ignored.json` in the state directory.
//!
//! A machine that boots without its network cannot resolve anything, and its administrator must
//! not be banned meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::model::HostName;

/// The addresses of each name.
pub(super) type Known = BTreeMap<HostName, Vec<IpAddr>>;

const NAME: &str = "ignored.json";

#[derive(Default, Serialize, Deserialize)]
struct Document {
    names: Known,
}

/// The file.
pub(super) struct KnownFile {
    path: PathBuf,
}

impl KnownFile {
    /// The one in the directory `state`, which need not be there yet.
    pub fn within(state: &Path) -> Self {
        Self {
            path: state.join(NAME),
        }
    }

    /// What is in it; nothing if it is not there.
    pub fn read(&self) -> Result<Known> {
        let reading = || format!("reading {}", self.path.display());
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Known::new()),
            Err(error) => return Err(error).with_context(reading),
        };
        let document: Document = serde_json::from_slice(&bytes).with_context(reading)?;
        Ok(document.names)
    }

    /// Replaces it as a whole.
    pub fn write(&self, known: &Known) -> Result<()> {
        let document = Document {
            names: known.clone(),
        };
        let new = self.path.with_extension("json.new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&new)?;
            serde_json::to_writer(&mut file, &document)?;
            file.write_all(b"\n")?;
            // Without it, a crash may leave an empty file under the name.
            file.sync_all()?;
            fs::rename(&new, &self.path)
        };
        write().with_context(|| format!("writing {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = KnownFile::within(directory.path());
        assert_eq!(file.read().expect("no file is no error"), Known::new());
        let addresses: Vec<IpAddr> = vec![[192, 0, 2, 1].into()];
        let known = Known::from([("a.example".parse().expect("a name"), addresses)]);
        file.write(&known).expect("writes");
        file.write(&known).expect("writes again");
        assert_eq!(file.read().expect("reads"), known);
        assert_eq!(fs::read_dir(directory.path()).expect("lists").count(), 1);
        fs::write(
            directory.path().join(NAME),
            "{\"names\":{\"192.0.2.1\":[]}}",
        )
        .expect("writes");
        assert!(file.read().is_err(), "an address is no name");
    }
}

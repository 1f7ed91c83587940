//! Where the daemon keeps things, and where the command line finds it.
//!
//! Below `--root` if one is given; else where systemd made directories for the unit
//! (`StateDirectory=`, `RuntimeDirectory=`, systemd.exec(5)); else the usual places.

use std::env;
use std::path::{Path, PathBuf};

use crate::control::SOCKET_NAME;

/// The root that everything is below by default.
pub const DEFAULT_ROOT: &str = "/";

/// Where the state file is.
#[must_use]
pub fn state_directory(root: &Path) -> PathBuf {
    directory(root, "STATE_DIRECTORY", "var/lib/journalban")
}

/// Where the control socket is.
#[must_use]
pub fn control_socket(root: &Path) -> PathBuf {
    directory(root, "RUNTIME_DIRECTORY", "run/journalban").join(SOCKET_NAME)
}

/// The socket of the unit that resolves names (`units/journalban-resolve.socket`). Not in the
/// daemon's own runtime directory, which systemd removes with the daemon.
#[must_use]
pub fn resolver_socket(root: &Path) -> PathBuf {
    root.join("run/journalban-resolve/socket")
}

/// Where hooks are called: the socket of journalban-hook.socket.
#[must_use]
pub fn hook_socket(root: &Path) -> PathBuf {
    root.join("run/journalban-hook/socket")
}

fn directory(root: &Path, variable: &str, below: &str) -> PathBuf {
    if root == Path::new(DEFAULT_ROOT)
        && let Some(given) = env::var_os(variable)
    {
        // Of several directories, separated by colons, the first is the unit's main one.
        let first = env::split_paths(&given).next();
        if let Some(first) = first.filter(|path| path.is_absolute()) {
            return first;
        }
    }
    root.join(below)
}

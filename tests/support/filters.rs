//! The filters that ship, read as the program reads them.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use journalban::config::{self, FilterFile};

/// All filters that ship, by name; or those in the folder `JOURNALBAN_FILTERS`.
pub fn all() -> Vec<(String, FilterFile)> {
    let root = tempfile::tempdir().expect("a directory");
    let vendor = root.path().join("usr/lib/journalban");
    std::fs::create_dir_all(&vendor).expect("makes directories");
    let shipped = std::env::var_os("JOURNALBAN_FILTERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("filters"),
        PathBuf::from,
    );
    symlink(shipped, vendor.join("filters")).expect("links");
    config::filters(root.path())
        .expect("filters without a problem")
        .into_iter()
        .map(|(name, file)| (name.to_string(), file))
        .collect()
}

/// The filter `name`.
pub fn named(name: &str) -> FilterFile {
    all()
        .into_iter()
        .find(|(known, _)| known == name)
        .expect("a filter that ships")
        .1
}

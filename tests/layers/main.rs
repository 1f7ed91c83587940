//! Holds the architecture: which module may use which, which one alone knows a library, and the
//! form of the files. Reads the sources as text.

mod rules;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use rules::violations;

/// All Rust files below `directory` of the package.
fn rust_files(directory: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("lists the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn every_file_keeps_to_its_layer() {
    let mut files = rust_files("src");
    assert!(files.len() > 10, "the sources are found");
    files.extend(rust_files("tests"));
    let mut found = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).expect("reads a source");
        let path = file
            .strip_prefix(env!("CARGO_MANIFEST_DIR"))
            .expect("below");
        let path = path.to_str().expect("UTF-8");
        found.extend(
            violations(path, &source)
                .into_iter()
                .map(|violation| format!("{path}: {violation}")),
        );
    }
    found.sort();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// What the test above would have to find, planted.
#[test]
fn planted_violations_are_found() {
    for (path, code, part) in [
        (
            "src/filter/a.rs",
            "use crate::engine::Policy;",
            "filter may not use engine",
        ),
        (
            "src/engine/mod.rs",
            "use crate::{model::Time, filter};",
            "engine may not use filter",
        ),
        (
            "src/model/a.rs",
            "fn f() { crate::clock::now(); }",
            "model may not use clock",
        ),
        (
            "src/model/a.rs",
            "use super::super::clock;",
            "model may not use clock",
        ),
        (
            "src/store.rs",
            "use super::{config, model::Time};",
            "store may not use config",
        ),
        (
            "src/new.rs",
            "use crate::model::Time;",
            "new is not in the table",
        ),
        (
            "src/main.rs",
            "use journalban::engine::Policy;",
            "main may not use engine",
        ),
        (
            "src/engine/a.rs",
            "fn f() -> toml::Table {}",
            "toml belongs into",
        ),
        (
            "src/filter/matcher.rs",
            "use regex::bytes::Regex;",
            "regex belongs into",
        ),
        (
            "src/source/file.rs",
            "use systemd::journal;",
            "systemd belongs into",
        ),
        (
            "src/backend/enforcer.rs",
            "use nftnl::Batch;",
            "nftnl belongs into",
        ),
        (
            "src/cli/list.rs",
            "use rusqlite as db;",
            "rusqlite belongs into",
        ),
        (
            "src/backend/nftables/netlink.rs",
            "unsafe { f() }",
            "unsafe belongs into",
        ),
        ("src/model/util.rs", "", "no name for a module"),
        ("src/model/common/mod.rs", "", "no name for a module"),
        ("src/model/a.rs", "pub struct BanManager;", "BanManager"),
        ("src/model/a.rs", "fn get_ban() {}", "get_ban"),
    ] {
        let found = violations(path, &format!("//! Planted.\n\n{code}\n"));
        assert_eq!(found.len(), 1, "{path}: {code}: {found:?}");
        assert!(found[0].contains(part), "{found:?} does not say {part}");
    }
    let silent = violations("src/model/a.rs", "use std::fmt;\n");
    assert_eq!(silent, ["does not open with what it is for (//!)"]);
    let long = format!("//! Long.\n{}", "\n".repeat(400));
    assert_eq!(
        violations("src/model/a.rs", &long),
        ["has 401 lines, more than 400"]
    );
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (path, code) in [
        (
            "src/config/document.rs",
            "use super::settings::A; use crate::filter::spec::FilterSpec;",
        ),
        ("src/config/mod.rs", "use toml::de::DeTable;"),
        (
            "src/filter/pattern.rs",
            "use regex::bytes::Regex; use regex_syntax::hir;",
        ),
        (
            "src/backend/nftables/message.rs",
            "fn f() { unsafe { nftnl_sys::f() } }",
        ),
        ("src/backend/nftables/plan.rs", "use super::super::Port;"),
        (
            "src/engine/a.rs",
            "// use crate::filter;\n/* crate::filter */ let s = \"crate::filter\";",
        ),
        (
            "src/engine/a.rs",
            "let c = '\"'; let s = r#\"\" crate::filter \"#; fn f<'a>(x: &'a str) {}",
        ),
        (
            "src/engine/a.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::filter::F;\n}",
        ),
        ("src/engine/a.rs", "let toml = 1; let regex = toml;"),
        ("src/main.rs", "use journalban::{cli, daemon};"),
        (
            "tests/config/main.rs",
            "use journalban::engine::Policy; use toml::Table;",
        ),
    ] {
        let found = violations(path, &format!("//! Allowed.\n\n{code}\n"));
        assert_eq!(found, [""; 0], "{path}: {code}");
    }
}

#[test]
fn the_table_has_no_circle() {
    let mut below: Vec<&str> = Vec::new();
    for (module, uses) in rules::MAY_USE {
        for used in *uses {
            assert!(below.contains(used), "{module} uses {used} from above");
        }
        below.push(module);
    }
}

//! The rules: who may use whom, who alone knows what, and how a file looks.

use std::collections::BTreeSet;

use crate::tokens::tokens;

/// Module → the modules that it may use, from the bottom up: each uses only what stands above its
/// line. What is not here is not a module of this program.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &["model"]),
    ("filter", &["model"]),
    ("engine", &["model"]),
    ("source", &["model", "clock"]),
    ("backend", &["model", "clock"]),
    ("store", &["model"]),
    // Time limits of the commands that it runs, in the process that is there for it.
    ("hook", &["model", "clock"]),
    // The option types of the parts.
    (
        "config",
        &["model", "filter", "engine", "source", "backend", "hook"],
    ),
    ("control", &["model", "engine", "config"]),
    ("exit", &[]),
    ("log", &[]),
    ("paths", &["control"]),
    ("own_addresses", &["model"]),
    // Tells what is to be spared in plain addresses; that the engine is told is the daemon's part.
    ("ignored", &["model"]),
    ("daemon", BELOW),
    ("cli", BELOW),
    // `journalban resolve` is neither the daemon nor a tool.
    ("main", &["cli", "daemon", "exit", "ignored", "log"]),
    ("lib", &[]),
];

const BELOW: &[&str] = &[
    "model",
    "clock",
    "filter",
    "engine",
    "source",
    "backend",
    "store",
    "hook",
    "config",
    "control",
    "exit",
    "paths",
    "own_addresses",
    "ignored",
];

/// A library (or a word of the language) → the path that alone may use it.
const ALONE: &[(&str, &str)] = &[
    ("toml", "src/config/"),
    ("aho_corasick", "src/filter/pattern"),
    ("regex", "src/filter/pattern"),
    ("regex_syntax", "src/filter/pattern"),
    ("regex_automata", "src/filter/pattern"),
    ("fancy_regex", "src/filter/pattern"),
    ("systemd", "src/source/journal"),
    ("nftnl", "src/backend/nftables"),
    ("nftnl_sys", "src/backend/nftables"),
    ("netlink_sys", "src/backend/"),
    ("netlink_packet_core", "src/backend/"),
    ("rusqlite", "src/store"),
    ("unsafe", "src/backend/nftables/message.rs"),
];

const MODULE_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];

const TYPE_ENDINGS: &[&str] = &[
    "Manager", "Handler", "Helper", "Util", "Utils", "Info", "Data",
];

const LINES_LIMIT: usize = 400;

/// What the file `path` (from the package's root) does against the rules.
pub fn violations(path: &str, source: &str) -> Vec<String> {
    let mut found = form(path, source);
    if !path.starts_with("src/") {
        return found;
    }
    let tokens = tokens(source);
    let module = module_path(path);
    found.extend(directions(&module, &tokens));
    found.extend(libraries(path, &tokens));
    found.extend(names(&tokens));
    found
}

fn form(path: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !source.starts_with("//!") {
        found.push("does not open with what it is for (//!)".to_owned());
    }
    let lines = source.lines().count();
    if lines > LINES_LIMIT {
        found.push(format!("has {lines} lines, more than {LINES_LIMIT}"));
    }
    let mut parts = path.trim_end_matches(".rs").split('/');
    if let Some(name) = parts.find(|part| MODULE_NAMES.contains(part)) {
        found.push(format!("{name} is no name for a module: say what is in it"));
    }
    found
}

/// `src/config/mod.rs` is `config`, `src/config/files.rs` is `config::files`.
fn module_path(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    path.trim_end_matches("/mod").split('/').collect()
}

fn directions(module: &[&str], tokens: &[String]) -> Vec<String> {
    let top = module[0];
    let used = used_modules(module.len(), tokens);
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == top) else {
        return vec![format!("{top} is not in the table of who may use whom")];
    };
    used.iter()
        .filter(|used| **used != top && !allowed.contains(used))
        .map(|used| format!("{top} may not use {used}"))
        .collect()
}

/// The top modules that are named behind the crate's root: `crate::a`, `crate::{a, b::c}`,
/// `journalban::a`, or so many `super::` that the root is reached from `depth` modules below.
fn used_modules(depth: usize, tokens: &[String]) -> BTreeSet<&str> {
    let mut used = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut supers = 0;
        while tokens[at] == "super" && is(tokens, at + 1, "::") && is(tokens, at + 2, "super") {
            supers += 1;
            at += 2;
        }
        supers += usize::from(tokens[at] == "super");
        let root = matches!(tokens[at].as_str(), "crate" | "journalban") || supers >= depth;
        if root && is(tokens, at + 1, "::") {
            used.extend(first_segments(&tokens[at + 2..]));
        }
        at += 1;
    }
    used
}

fn is(tokens: &[String], at: usize, token: &str) -> bool {
    tokens.get(at).is_some_and(|found| found == token)
}

/// The first segment of a path, or of each path between braces. What begins with a capital (or is
/// the end of `crate::*`) is no module.
fn first_segments(tokens: &[String]) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut depth = 0;
    let mut expected = true;
    for token in tokens {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expected = true,
            word if expected && depth <= 1 => {
                segments.push(word);
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    segments.retain(|segment| segment.starts_with(|c: char| c.is_lowercase()));
    segments
}

fn libraries(path: &str, tokens: &[String]) -> Vec<String> {
    let uses = |name: &str| {
        tokens.iter().enumerate().any(|(at, token)| {
            let after_path = at > 0 && tokens[at - 1] == "::";
            let used = at > 0 && tokens[at - 1] == "use";
            token == name && !after_path && (name == "unsafe" || used || is(tokens, at + 1, "::"))
        })
    };
    ALONE
        .iter()
        .filter(|(name, home)| !path.starts_with(home) && uses(name))
        .map(|(name, home)| format!("{name} belongs into {home} alone"))
        .collect()
}

fn names(tokens: &[String]) -> Vec<String> {
    let named = tokens.windows(2).filter(|pair| match pair[0].as_str() {
        "struct" | "enum" | "trait" | "type" => {
            TYPE_ENDINGS.iter().any(|ending| pair[1].ends_with(ending))
        }
        "fn" => pair[1].starts_with("get_"),
        _ => false,
    });
    named
        .map(|pair| format!("{} {}: say what it is or does", pair[0], pair[1]))
        .collect()
}

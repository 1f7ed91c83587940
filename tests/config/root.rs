//! A root directory with configuration in it, and what the tests ask of it.

use std::fs;
use std::path::Path;

use journalban::config::{self, JailSettings, Loaded};
use journalban::model::Prefix;

pub struct Root(tempfile::TempDir);

impl Root {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let root = Self(tempfile::tempdir().expect("a directory"));
        for (path, content) in files {
            root.write(path, content);
        }
        root
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes directories");
        fs::write(path, content).expect("writes");
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn load(&self) -> Loaded {
        config::load(self.path())
    }

    /// The problems, with paths below the root.
    pub fn problems(&self) -> Vec<String> {
        let root = format!("{}/", self.path().display());
        let shown = |problem: &config::Problem| problem.to_string().replacen(&root, "", 1);
        self.load().problems.iter().map(shown).collect()
    }

    /// The settings of a jail, when nothing is wrong.
    pub fn jail(&self, name: &str) -> JailSettings {
        let loaded = self.load();
        assert_eq!(loaded.problems, []);
        let mut jails = loaded.settings.jails.into_iter();
        jails
            .find(|jail| jail.name.as_str() == name)
            .expect("the jail runs")
    }
}

/// The jails that run.
pub fn names(loaded: &Loaded) -> Vec<&str> {
    let jails = loaded.settings.jails.iter();
    jails.map(|jail| jail.name.as_str()).collect()
}

pub fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    texts
        .iter()
        .map(|text| text.parse().expect("a prefix"))
        .collect()
}

/// Asserts that each problem begins as it should.
pub fn assert_beginnings(problems: &[String], beginnings: &[String]) {
    assert_eq!(problems.len(), beginnings.len(), "{problems:#?}");
    for (problem, beginning) in problems.iter().zip(beginnings) {
        assert!(
            problem.starts_with(beginning),
            "{problem}\n  does not begin with\n{beginning}"
        );
    }
}

pub const FILTER: &str = r"
journalmatch = '_SYSTEMD_UNIT=a.service'
[[rule]]
failregex = '^Failed from <ADDR>$'
";

pub const VENDOR_FILTER: (&str, &str) = ("usr/lib/journalban/filters/a.toml", FILTER);

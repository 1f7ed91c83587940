//! What the package ships is right by itself.

use std::fs;
use std::path::Path;

use journalban::config;

use crate::root::{Root, names};

#[test]
fn every_shipped_file_is_right() {
    let root = Root::new(&[]);
    let mut shipped = Vec::new();
    for directory in ["filters", "jails"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        for entry in fs::read_dir(&source).expect("the directory is there") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str());
            let file = format!("{directory}/{}", name.expect("a name"));
            let content = fs::read(&path).expect("reads");
            root.write(&format!("usr/lib/journalban/{file}"), content);
            shipped.push(file);
        }
    }
    for file in [
        "filters/sshd.toml",
        "filters/fmd-server.toml",
        "jails/sshd.toml",
        "jails/fmd-server.toml",
    ] {
        let there = shipped.iter().any(|shipped| shipped == file);
        assert!(there, "{file} is shipped");
    }

    let loaded = config::check(root.path());
    assert_eq!(loaded.problems, []);
    assert_eq!(names(&loaded), ["sshd"], "what runs by default");
    assert_eq!(loaded.warnings, [], "and cannot be forged");
    for file in shipped
        .iter()
        .filter_map(|file| file.strip_prefix("jails/"))
    {
        let name = file.trim_end_matches(".toml");
        let jail = config::jail(root.path(), name)
            .expect("right")
            .expect("a jail of the file's name");
        let picks = jail.filter.is_none() || !jail.journalmatch.is_any();
        assert!(picks, "{name} picks its entries");
        assert!(!jail.description.is_empty(), "{name} is described");
    }
}

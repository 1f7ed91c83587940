//! No file, whatever is in it, makes the reading panic.

use std::fs;

use journalban::config;
use proptest::prelude::*;

use crate::root::Root;

const KEYS: &str = "enabled filter journalmatch ports findtime bantime ignoreip maxretry namespace \
     journal_directory json.a field._COMM host line lines by idle failregex backend table x";

const VALUES: &[&str] = &[
    "true -1 9999999999999999999999 1.5 inf [] [[]] {} 1979-05-27 [\"+\"] 'json.' '\\'",
    "\"\" \"+\" \"a\\u0000b\" \"10m\" \"9999999999y\" \"1-\" \"::/0\" \"🦀/udp\" \"=\" {a.b=[1]}",
];

const HEADERS: &str = "[a] [a.b] [[rule]] [[a]] [session] [modes] [[sample]] [default] [nftables] \
     [rule] [ [🦀] [[";

fn one_of(words: &'static str) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words.split(' ').collect::<Vec<_>>())
}

/// A piece of TOML, right or wrong, that reaches further into the readers than plain bytes do.
fn toml_like() -> impl Strategy<Value = String> {
    let value = prop_oneof![one_of(VALUES[0]), one_of(VALUES[1])];
    let line = prop_oneof![
        4 => (one_of(KEYS), value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        2 => one_of(HEADERS).prop_map(|header| format!("{header}\n")),
        1 => "\\PC{0,12}\n",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        main in toml_like(),
        jail in toml_like(),
        filter in toml_like(),
    ) {
        let root = Root::new(&[]);
        root.write("usr/lib/journalban/jails/bytes.toml", &bytes);
        root.write("usr/lib/journalban/filters/bytes.toml", &bytes);
        root.write("etc/journalban/journalban.toml", &main);
        root.write("etc/journalban/jail.d/a.toml", &jail);
        root.write("etc/journalban/filter.d/a.toml", &filter);
        for problem in config::check(root.path()).problems {
            prop_assert!(problem.line >= 1 && problem.column >= 1, "{problem}");
            prop_assert!(!problem.to_string().contains('\n'), "{problem:?}");
        }
        // Without a main file that is most likely wrong, jails meet their filters.
        fs::remove_file(root.path().join("etc/journalban/journalban.toml")).expect("removes");
        let _ = config::jail(root.path(), "a");
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let root = Root::new(&[]);
        root.write("etc/journalban/journalban.toml", &bytes);
        let loaded = config::load(root.path());
        prop_assert_eq!(loaded.fatal(), !loaded.problems.is_empty());
    }
}

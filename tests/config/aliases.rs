//! Other names of filters: they mean one filter, or nobody guesses which.

use journalban::config;

use crate::root::{FILTER, Root, assert_beginnings};

fn aliased(alias: &str) -> String {
    format!("aliases = ['{alias}']\n{FILTER}")
}

#[test]
fn a_jail_and_a_question_may_use_the_other_name() {
    let root = Root::new(&[(
        "etc/journalban/jail.d/x.toml",
        "[x]\nenabled = true\nfilter = 'old'\n[old]\nenabled = true\n",
    )]);
    root.write("usr/lib/journalban/filters/a.toml", aliased("old"));
    for jail in ["x", "old"] {
        assert_eq!(root.jail(jail).filter_name, "a");
    }
    let filter = config::filter(root.path(), "old").expect("reads");
    assert!(filter.is_some_and(|file| file.spec.aliases[0].as_str() == "old"));
    assert!(config::filter(root.path(), "new").expect("reads").is_none());
}

#[test]
fn a_name_that_two_filters_claim_means_neither() {
    let root = Root::new(&[(
        "etc/journalban/jail.d/x.toml",
        "[x]\nenabled = true\nfilter = 'old'\n",
    )]);
    for (name, alias) in [("a", "old"), ("b", "old"), ("c", "a"), ("d", "d")] {
        root.write(
            &format!("usr/lib/journalban/filters/{name}.toml"),
            aliased(alias),
        );
    }
    let file = |name| format!("usr/lib/journalban/filters/{name}.toml:1:12: aliases: the filter ");
    assert_beginnings(
        &root.problems(),
        &[
            "etc/journalban/jail.d/x.toml:3:10: there is no filter \"old\"".to_owned(),
            file("b") + "a has the name \"old\" already",
            file("c") + "a has the name \"a\" already",
            file("d") + "d has the name \"d\" already",
        ],
    );
}

#[test]
fn the_administrator_names_before_the_package() {
    let root = Root::new(&[
        ("etc/journalban/filter.d/b.toml", FILTER),
        (
            "etc/journalban/jail.d/x.toml",
            "[x]\nenabled = true\nfilter = 'old'\n[b]\nenabled = true\n",
        ),
    ]);
    root.write("usr/lib/journalban/filters/a.toml", aliased("b"));
    root.write("usr/lib/journalban/filters/c.toml", aliased("old"));
    root.write("etc/journalban/filter.d/d.toml", aliased("old"));
    assert_eq!(root.jail("x").filter_name, "d");
    assert_eq!(root.jail("b").filter_name, "b");
}

//! The manual pages agree with the program: whatever can be typed is in them, and nothing else.

use std::collections::BTreeSet;

use clap::CommandFactory;
use journalban::cli::args::Arguments;

const PAGE: &str = include_str!("../man/journalban.8");
const CONFIGURATION_PAGE: &str = include_str!("../man/journalban.toml.5");

/// Every `--option` that is typed with `Fl -option` in the page.
fn documented_options() -> BTreeSet<&'static str> {
    let words: Vec<&str> = PAGE.split_whitespace().collect();
    let after = |flag: &str| -> Vec<&'static str> {
        let pairs = words.windows(2).filter(|pair| pair[0].ends_with(flag));
        pairs.filter_map(|pair| pair[1].strip_prefix('-')).collect()
    };
    after("Fl").into_iter().collect()
}

/// Every subcommand that is described with `.It Cm NAME`.
fn documented_commands() -> BTreeSet<&'static str> {
    let items = PAGE.lines().filter_map(|line| line.strip_prefix(".It Cm "));
    items
        .filter_map(|item| item.split_whitespace().next())
        .collect()
}

#[test]
fn every_subcommand_and_option_is_in_the_manual_and_no_other() {
    let command = Arguments::command();
    let commands: BTreeSet<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(documented_commands(), commands);
    let everywhere = command.get_arguments();
    let each = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let options: BTreeSet<&str> = everywhere
        .chain(each)
        .filter_map(clap::Arg::get_long)
        .filter(|name| !matches!(*name, "help" | "version"))
        .collect();
    assert_eq!(documented_options(), options);
}

#[test]
fn every_exit_code_is_in_the_manual() {
    use journalban::exit;
    let (_, table) = PAGE.split_once(".Sh EXIT STATUS").expect("the section");
    for code in [
        exit::OK,
        exit::NO,
        exit::USAGE,
        exit::UNAVAILABLE,
        exit::CONFIGURATION,
    ] {
        assert!(table.contains(&format!("\n.It {code}\n")), "{code}");
    }
}

/// The keys that a table may have, as the program tells whoever writes one that it has not.
fn known_keys(file: &str, text: &str) -> BTreeSet<String> {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("etc/journalban").join(file);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("makes directories");
    std::fs::write(path, text).expect("writes");
    let loaded = journalban::config::load(root.path());
    let [problem] = &loaded.problems[..] else {
        panic!("{:?}", loaded.problems);
    };
    let (_, known) = problem.message.split_once("known are ").expect("a list");
    known.split(", ").map(str::to_owned).collect()
}

/// What `.It Cm a , b` describes in the page's part with the heading `part`.
fn described(part: &str) -> BTreeSet<String> {
    let (_, part) = CONFIGURATION_PAGE
        .split_once(&format!("\n.Ss {part}\n"))
        .expect("the part");
    let ends = ["\n.Ss ", "\n.Sh "].map(|heading| part.find(heading));
    let end = ends.into_iter().flatten().min();
    part[..end.expect("another part follows")]
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .flat_map(|keys| keys.split(" , "))
        .map(|key| key.trim_matches(['[', ']']).to_owned())
        .collect()
}

/// What comes behind `before` in what the program says of a filter with `text`.
fn said_of_filter(text: &str, before: &str) -> BTreeSet<String> {
    let root = tempfile::tempdir().expect("a directory");
    let filters = root.path().join("etc/journalban/filter.d");
    std::fs::create_dir_all(&filters).expect("makes directories");
    std::fs::write(filters.join("a.toml"), text).expect("writes");
    let problems = journalban::config::filters(root.path()).expect_err("it is wrong");
    let (_, list) = problems
        .iter()
        .find_map(|problem| problem.message.split_once(before))
        .unwrap_or_else(|| panic!("{problems:?}"));
    list.split([',', ' ', '"'])
        .filter(|word| !word.is_empty() && *word != "or")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_key_of_a_filter_is_in_the_manual_and_no_other() {
    for (part, header) in [
        ("Filters", ""),
        ("Rules", "[[rule]]"),
        ("Samples", "[[sample]]"),
    ] {
        let text = format!("{header}\nqqqqqqqqqq = 1\n");
        assert_eq!(
            described(part),
            said_of_filter(&text, "known are "),
            "{part}"
        );
    }
    let kinds = said_of_filter("[[rule]]\nkind = \"qqqqqqqqqq\"\n", "is none of ");
    let described = CONFIGURATION_PAGE.lines();
    let described = described.filter_map(|line| line.strip_prefix(".It Ql "));
    assert_eq!(described.map(str::to_owned).collect::<BTreeSet<_>>(), kinds);
}

#[test]
fn every_key_of_the_configuration_is_in_the_manual_and_no_other() {
    let jail = known_keys("jail.d/a.toml", "[a]\nqqqqqqqqqq = 1\n");
    assert_eq!(described("Jails"), jail);
    let mut main = known_keys("journalban.toml", "qqqqqqqqqq = 1\n");
    let nftables = known_keys("journalban.toml", "[nftables]\nqqqqqqqqqq = 1\n");
    main.remove("nftables");
    main.extend(nftables.into_iter().map(|key| format!("nftables.{key}")));
    assert_eq!(described("journalban.toml"), main);
}

//! Hooks in the configuration: which jail has which, with which parameters, and what is told of a
//! description that is wrong.

use std::fs;
use std::path::Path;
use std::time::Duration;

use journalban::config::{self, JailSettings};
use journalban::hook::HookUse;
use journalban::model::JailName;

use crate::root::{Root, VENDOR_FILTER, assert_beginnings};

const TELL: (&str, &str) = (
    "usr/lib/journalban/hooks/tell.toml",
    "description = 'tells'\ncommand = ['tell', '--to={to}', '{address}']\nrequired = 'to'\n\
     [parameters]\nwhen = 'now'\ncount = 3\n",
);

/// The parameters of a jail's hooks, as `HOOK NAME=VALUE ...`.
fn parameters(hooks: &[HookUse]) -> Vec<String> {
    let one = |used: &HookUse| {
        let set = used.parameters.iter();
        let set: Vec<String> = set
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        format!("{}{}", used.hook.name, set.concat())
    };
    hooks.iter().map(one).collect()
}

fn jail(root: &Root, name: &str) -> JailSettings {
    root.jail(name)
}

#[test]
fn a_jail_names_its_hooks_and_their_parameters_come_from_the_nearest_place() {
    let root = Root::new(&[
        VENDOR_FILTER,
        TELL,
        ("etc/journalban/hook.d/mine.toml", "command = ['mine']\n"),
        (
            "etc/journalban/journalban.toml",
            "[hook.tell]\nto = 'all'\nwhen = 'later'\n[default]\nhooks = ['tell', 'mine', 'tell']\n\
             [default.hook.tell]\ncount = 4\n",
        ),
        (
            "etc/journalban/jail.d/a.toml",
            "[a]\nenabled = true\n[b]\nenabled = true\nfilter = 'a'\nhooks = 'tell'\n\
             [b.hook.tell]\nto = 'b'\n[c]\nenabled = true\nfilter = 'a'\nhooks = []\n",
        ),
    ]);
    assert_eq!(
        parameters(&jail(&root, "a").hooks),
        ["tell count=4 to=all when=later", "mine"]
    );
    assert_eq!(
        parameters(&jail(&root, "b").hooks),
        ["tell count=4 to=b when=later"]
    );
    assert!(jail(&root, "c").hooks.is_empty());
    let by_hand = root.load().settings.hooks;
    assert_eq!(
        parameters(&by_hand),
        ["tell count=4 to=all when=later", "mine"]
    );
}

#[test]
fn the_administrators_hook_comes_before_the_packages_and_masks_mask() {
    let root = Root::new(&[TELL]);
    let hook = || config::hook(root.path(), &name("tell"), &name("any"));
    assert_eq!(hook().expect_err("to is missing").len(), 1);
    root.write("etc/journalban/journalban.toml", "[hook.tell]\nto = 'x'\n");
    assert_eq!(hook().expect("right").hook.description, "tells");
    root.write(
        "etc/journalban/hook.d/tell.toml",
        "description = 'mine'\ncommand = ['true']\ntimeout = '2m'\non = 'unban'\n",
    );
    let mine = hook().expect("right").hook;
    assert_eq!(mine.description, "mine");
    assert_eq!(mine.timeout, Duration::from_mins(2));
    assert!(mine.ban.is_none() && mine.unban.is_some());
    root.write("etc/journalban/hook.d/tell.toml", "");
    assert!(hook().is_err());
}

fn name(name: &str) -> JailName {
    JailName::new(name).expect("a name")
}

#[test]
fn what_is_wrong_with_a_jails_hooks_is_told_at_its_place() {
    let root = Root::new(&[
        VENDOR_FILTER,
        TELL,
        (
            "etc/journalban/jail.d/a.toml",
            "[a]\nenabled = true\nhooks = ['tel']\n[b]\nenabled = true\nfilter = 'a'\nhooks = ['tell']\n\
             [b.hook.tell]\nwhne = 1\n[b.hook.mail]\nto = ['x']\n\
             [c]\nenabled = true\nfilter = 'a'\nhooks = ['tell']\n[c.hook.tell]\nto = 'x'\n\
             [d]\nenabled = true\nfilter = 'a'\n[d.hook.mail]\nto = 'x'\n\
             [e]\nenabled = true\nfilter = 'a'\nhooks = ['tell']\n",
        ),
        ("etc/journalban/journalban.toml", "[hook.tlel]\nto = 'x'\n"),
    ]);
    assert_beginnings(
        &root.problems(),
        &[
            "etc/journalban/jail.d/a.toml:3:9: there is no hook \"tel\", a file hook.d/tel.toml; did you mean \"tell\"?",
            "etc/journalban/jail.d/a.toml:11:6: hook: expected a text without line breaks, a number",
            "etc/journalban/jail.d/a.toml:21:1: there is no hook \"mail\"",
            "etc/journalban/jail.d/a.toml:26:9: hook \"tell\" needs to: write to = \"…\" below [hook.tell]",
            "etc/journalban/journalban.toml:1:1: there is no hook \"tlel\"",
        ]
        .map(str::to_owned),
    );
    let loaded = root.load();
    let left_out: Vec<&str> = loaded.left_out.iter().map(JailName::as_str).collect();
    assert_eq!(left_out, ["a", "b", "d", "e"]);
    assert!(
        loaded.problems[..4]
            .iter()
            .all(|problem| problem.jail.is_some())
    );

    root.write(
        "etc/journalban/jail.d/a.toml",
        "[b]\nenabled = true\nfilter = 'a'\nhooks = ['tell']\n[b.hook.tell]\nwhne = 1\n",
    );
    root.write(
        "etc/journalban/journalban.toml",
        "[default]\nhooks = 'nobody'\n",
    );
    assert_beginnings(
        &root.problems(),
        &[
            "etc/journalban/jail.d/a.toml:4:9: hook \"tell\" needs to",
            "etc/journalban/jail.d/a.toml:6:8: hook \"tell\" has no parameter \"whne\"; did you mean \"when\"?",
            "etc/journalban/journalban.toml:2:9: there is no hook \"nobody\"",
        ]
        .map(str::to_owned),
    );
}

#[test]
fn what_other_programs_call_for_is_told_where_it_is_now() {
    let root = Root::new(&[
        VENDOR_FILTER,
        (
            "etc/journalban/jail.d/a.toml",
            "[a]\nenabled = true\naction = '%(action_mwl)s'\n[b]\naction = 'cloudflare[x=1]'\n\
             [c]\naction = 'iptables-multiport'\n[d]\naction = 'dorp'\n[e]\ndestemail = 'root'\n",
        ),
    ]);
    assert_beginnings(
        &root.problems(),
        &[
            "3:10: action: mail is a hook: write hooks = [\"mail-whois-lines\"]",
            "5:10: action: that is a hook: write hooks = [\"cloudflare\"]",
            "7:10: action: leave it out: nftables bans",
            "9:10: action: \"dorp\" is none of \"reject\", \"drop\"; did you mean",
            "11:1: unknown key \"destemail\": mail is a hook: write hooks = [\"mail\"]",
        ]
        .map(|problem| format!("etc/journalban/jail.d/a.toml:{problem}")),
    );
}

#[test]
fn all_that_is_wrong_in_a_description_is_told_at_once() {
    let file = "etc/journalban/hook.d/h.toml";
    let root = Root::new(&[(
        file,
        "comand = ['x']\ncommand = [\n  '{address}',\n  '{adress}',\n  '{reason}',\n  'x{lines}',\n\
         \x20 '{credential:a}',\n  '{credential-file:a}',\n  '{own}',\n  '{json:reason}',\n\
         \x20 '{url:reason}',\n  '{ip',\n]\nstdin = 'a {nothing} {credential:a}'\ntimeout = '6m'\n\
         on = 'bam'\n[[first]]\nname = 'own'\ncommand = ['{program}', '{later}']\njson = 'a'\n\
         need = 'x'\n[[first]]\nname = 'later'\ncommand = 'x'\n[parameters]\nprogram = 'x'\njail = 'x'\n",
    )]);
    assert_beginnings(
        &root.problems(),
        &[
            "1:1: unknown key \"comand\"; did you mean \"command\"?",
            "12:3: command: \"{ip\" is not closed",
            "15:11: timeout: expected a duration from 1s to 5m",
            "16:6: on: \"bam\" is none of \"ban\", \"unban\"; did you mean \"ban\"?",
            "20:8: json: expected a JSON pointer",
            "21:8: need: \"x\" is none of",
            "24:11: command: expected a list",
        ]
        .map(|problem| format!("{file}:{problem}"))
        .into_iter()
        .fold(
            vec![format!(
                "{file}:1:1: \"jail\" cannot be the name of a value"
            )],
            |mut all, one| {
                all.push(one);
                all
            },
        ),
    );

    // With the slips of the pen mended, what is meant is looked at.
    root.write(
        file,
        "command = [\n  '{address}',\n  '{adress}',\n  '{reason}',\n  'x{lines}',\n\
         \x20 '{credential:a}',\n  '{credential-file:a}',\n  '{own}',\n  '{json:reason}',\n\
         \x20 '{url:reason}',\n]\nstdin = 'a {nothing} {credential:a}'\n\
         [[first]]\nname = 'own'\ncommand = ['{program}', '{later}']\n\
         [[first]]\nname = 'later'\ncommand = ['x']\n[[first]]\nname = 'own'\ncommand = ['x']\n\
         [choice.word]\nby = 'knid'\n[parameters]\nprogram = 'x'\n",
    );
    assert_beginnings(
        &root.problems(),
        &[
            "1:1: choice.word: by: there is no value \"{knid}\"; did you mean \"kind\"?",
            "2:3: command: the program is a text or a parameter",
            "3:3: command: there is no value \"{adress}\"; did you mean \"address\"?",
            "4:3: command: an argument that begins with {reason} could be taken for an option",
            "6:3: command: a secret in an argument is seen by everybody",
            "8:3: command: an argument that begins with {own}",
            "10:3: command: an argument that begins with {reason}",
            "12:9: stdin: there is no value \"{nothing}\"; known are action, jail, ",
            "15:25: command: there is no value \"{later}\"",
            "20:8: name: \"own\" is another value's name already",
        ]
        .map(|problem| format!("{file}:{problem}")),
    );

    for (text, beginning) in [
        ("", None),
        (
            "description = 'x'\n",
            Some("1:1: command is missing: write command = [\"PROGRAM\""),
        ),
        (
            "command = []\n",
            Some("1:11: command: expected a list, the program and its arguments"),
        ),
        (
            "on = []\ncommand = ['x']\n",
            Some("1:1: the hook does nothing"),
        ),
        (
            "command = ['x']\n[ban]\ncommand = ['x']\n",
            Some("1:1: unknown key \"command\": write it below [ban] and below [unban]"),
        ),
        (
            "actionban = 'x'\ncommand = ['x']\n",
            Some("1:1: unknown key \"actionban\": write command"),
        ),
    ] {
        root.write(file, text);
        let expected = beginning.map(|beginning| format!("{file}:{beginning}"));
        assert_beginnings(&root.problems(), expected.as_slice());
    }
}

#[test]
fn every_shipped_hook_is_right() {
    let root = Root::new(&[]);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("units/hooks");
    let mut names = Vec::new();
    for entry in fs::read_dir(source).expect("the directory is there") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        root.write(
            &format!("usr/lib/journalban/hooks/{name}"),
            fs::read(&path).expect("reads"),
        );
        names.push(name.trim_end_matches(".toml").to_owned());
    }
    let loaded = config::check(root.path());
    assert_eq!(loaded.problems, []);
    assert!(names.len() >= 6);
    for hook_name in names {
        root.write(
            "etc/journalban/journalban.toml",
            format!("[hook.{hook_name}]\nurl = 'x'\nscope = 'x'\n"),
        );
        let hook = config::hook(root.path(), &name(&hook_name), &name("any"));
        let hook = hook.expect("right").hook;
        assert!(!hook.description.is_empty(), "{hook_name} is described");
    }
}

#[test]
fn the_example_in_the_manual_is_right() {
    let page = include_str!("../../man/journalban-hook.5");
    let (_, example) = page
        .split_once("hook.d/logger.toml\n")
        .expect("the example");
    let (example, _) = example.split_once("\n.Ed").expect("its end");
    let root = Root::new(&[("etc/journalban/hook.d/logger.toml", example)]);
    assert_eq!(root.problems(), [""; 0]);
}

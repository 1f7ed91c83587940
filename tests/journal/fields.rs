//! What comes out of an entry, and which entries never do; journals that are only files.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use journalban::model::{FIELD_LIMIT, JournalMatch};
use journalban::source::journal::{self, Reader};
use journalban::source::{Event, SourceSpec, Start, Wanted};
use tokio::sync::mpsc::channel;

use crate::reading::{Reading, messages, namespace, wanted};
use crate::support::journald::Journald;
use crate::support::skip::skip;

#[test]
fn fields_are_bytes_several_and_limited() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let mut reading = Reading::start(
        &namespace(&journald),
        &Wanted {
            matches: vec![JournalMatch::parse("TAG=x").expect("a match")],
            fields: ["MESSAGE", "MANY", "LONG"].map(str::to_owned).into(),
        },
        Start::default(),
    );
    // Values that compress well, and a name that is as long as a wanted one.
    let long = vec![b'l'; FIELD_LIMIT + 1];
    journald.send(&[
        ("MESSAGE", b"a\n\0\xff="),
        ("MANY", b"1"),
        ("MANY", b""),
        ("LOST", b"not asked for"),
        ("MANY", b"3"),
        ("LONG", &long),
        ("TAG", b"w"),
        ("TAG", b"x"),
    ]);
    let batch = loop {
        let batch = reading.batch();
        if !batch.entries.is_empty() {
            break batch;
        }
    };
    reading.stop();
    let [entry] = &batch.entries[..] else {
        panic!("{batch:?}")
    };
    let mut fields: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in entry.fields() {
        fields.entry(name).or_default().push(value);
    }
    for values in fields.values_mut() {
        values.sort_unstable();
    }
    assert_eq!(fields.len(), 4, "{:?}", fields.keys());
    assert_eq!(fields[&b"MESSAGE"[..]], [b"a\n\0\xff="]);
    assert_eq!(fields[&b"MANY"[..]], [&b""[..], b"1", b"3"]);
    assert_eq!(fields[&b"TAG"[..]], [b"w", b"x"]);
    assert!(fields[&b"LONG"[..]] == [&long[..FIELD_LIMIT]]);
    assert_eq!(batch.truncated, 1);
}

/// Writes a journal file with any fields, as only systemd-journal-remote(8) lets one.
pub fn write_file(path: &Path, entries: &[&[(&str, &str)]]) -> bool {
    const PROGRAM: &str = "/lib/systemd/systemd-journal-remote";
    if !Path::new(PROGRAM).exists() {
        skip(&format!("{PROGRAM} is not installed"));
        return false;
    }
    let mut text = Vec::new();
    for (n, fields) in (1_u64..).zip(entries) {
        let realtime = 1_700_000_000_000_000 + n;
        writeln!(
            text,
            "__REALTIME_TIMESTAMP={realtime}\n__MONOTONIC_TIMESTAMP={n}"
        )
        .expect("fits");
        text.extend(b"_BOOT_ID=0123456789abcdef0123456789abcdef\n");
        for (name, value) in *fields {
            writeln!(text, "{name}={value}").expect("fits");
        }
        text.push(b'\n');
    }
    let mut child = Command::new(PROGRAM)
        .args(["--split-mode=none", "-o"])
        .args([path, Path::new("-")])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts systemd-journal-remote");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(&text).expect("writes");
    drop(input);
    assert!(child.wait().expect("ends").success());
    true
}

#[test]
fn the_syslog_head_of_a_container_is_cut_off() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let fields = ["MESSAGE", "_PID", "SYSLOG_PID"].map(str::to_owned);
    let wanted = Wanted {
        matches: vec![JournalMatch::parse("CONTAINER_NAME=mail").expect("a match")],
        fields: fields.into(),
    };
    let mut reading = Reading::start(&namespace(&journald), &wanted, Start::default());
    let own = [
        "c: d",
        "NOTICE[2210]: e",
        "2024/05/01 10:00:00 /api/login: f",
    ];
    for message in ["Mar  7 18:53:20 mail dovecot[42]: a: b"]
        .into_iter()
        .chain(own)
    {
        journald.send(&[("CONTAINER_NAME", b"mail"), ("MESSAGE", message.as_bytes())]);
    }
    let (entries, _) = reading.entries(4);
    reading.stop();
    assert_eq!(messages(&entries)[0], "a: b");
    assert_eq!(messages(&entries)[1..], own);
    assert_eq!(entries[0].get(b"SYSLOG_PID"), Some(&b"42"[..]));
    let pids = entries.iter().map(|entry| entry.get(b"_PID").is_some());
    assert_eq!(pids.collect::<Vec<_>>(), [false, true, true, true]);
}

#[test]
fn our_own_unit_is_never_a_source() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("a.journal");
    let own = [
        ("_SYSTEMD_UNIT", journal::OWN_UNIT),
        ("MESSAGE", "own"),
        ("_UID", "0"),
    ];
    let other = [
        ("_SYSTEMD_UNIT", "ssh.service"),
        ("MESSAGE", "other"),
        ("_UID", "0"),
    ];
    if !write_file(&file, &[&other, &own, &other, &own]) {
        return;
    }
    for spec in [
        SourceSpec::Directory(directory.path().to_owned()),
        SourceSpec::Files(vec![file.clone()]),
    ] {
        journal::self_test(&spec).expect("readable");
        for wanted in [wanted("_UID=0"), Wanted::default()] {
            let mut reading = Reading::start(&spec, &wanted, Start::default());
            let (entries, _) = reading.caught_up();
            reading.stop();
            assert_eq!(messages(&entries), ["other", "other"], "{spec}");
            let mut read = Vec::new();
            let count = journal::read(&spec, &wanted, None, |entry| {
                read.push(entry);
                std::ops::ControlFlow::Continue(())
            });
            assert_eq!(messages(&read), ["other", "other"], "{spec}");
            assert_eq!(count.expect("reads").entries, 2);
        }
    }
}

#[test]
fn a_journal_that_shows_nothing_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let spec = SourceSpec::Directory(directory.path().to_owned());
    let error = journal::self_test(&spec).expect_err("nothing to see");
    assert!(error.to_string().contains("shows no entry"), "{error:#}");
    let gone = SourceSpec::Directory(directory.path().join("gone"));
    let (sender, _events) = channel(1);
    let error = Reader::spawn(gone, Wanted::default(), Start::default(), sender)
        .expect_err("there is no such directory");
    assert!(
        format!("{error:#}").contains("opening the journal directory"),
        "{error:#}"
    );
}

#[test]
fn a_damaged_file_holds_up_nobody() {
    const COUNT: usize = 2000;
    let directory = tempfile::tempdir().expect("a directory");
    let (damaged, sound) = (
        directory.path().join("a.journal"),
        directory.path().join("b.journal"),
    );
    let texts: Vec<String> = (0..COUNT).map(|n| n.to_string()).collect();
    let fields: Vec<[(&str, &str); 1]> =
        texts.iter().map(|text| [("MESSAGE", &text[..])]).collect();
    let entries: Vec<&[(&str, &str)]> = fields.iter().map(|fields| &fields[..]).collect();
    if !write_file(&damaged, &entries) || !write_file(&sound, &[&[("MESSAGE", "sound")]]) {
        return;
    }
    let mut bytes = std::fs::read(&damaged).expect("reads");
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .expect("is not empty");
    // The entries are at the end, behind the hash tables.
    bytes[used - 100_000..used - 96_000].fill(0xff);
    std::fs::write(&damaged, bytes).expect("writes");
    let spec = SourceSpec::Directory(directory.path().to_owned());
    let mut reading = Reading::start(&spec, &Wanted::default(), Start::default());
    let (mut seen, mut told) = (Vec::new(), Vec::new());
    loop {
        match reading.event() {
            Event::Entries(batch) => seen.extend(messages(&batch.entries)),
            Event::Gap(sentence) | Event::Failed(sentence) => told.push(sentence),
            Event::CaughtUp => break,
        }
    }
    reading.stop();
    assert!(seen.iter().any(|message| message == "sound"));
    // libsystemd passes over what it cannot make out, and goes on behind it.
    assert!(
        seen.len() > COUNT / 2 && seen.len() <= COUNT,
        "{} entries",
        seen.len()
    );
    assert_eq!(seen.last().map(String::as_str), Some(&texts[COUNT - 1][..]));
    assert!(told.len() <= 2, "{told:?}");
}

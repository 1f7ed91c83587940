//! The filters that ship against lines: their own samples, and the shared folder of real ones.

mod corpus;
mod disputed;
#[path = "../support/filters.rs"]
mod filters;
#[path = "../support/jails.rs"]
mod jails;
mod together;

use journalban::filter::{Filter, check_samples, untried_rules};
use journalban::model::{Entry, Time};

#[test]
fn every_filter_sees_what_its_samples_say() {
    for (name, file) in filters::all() {
        let spec = file.spec;
        assert_eq!(check_samples(&spec), Vec::<String>::new(), "{name}");
        assert_eq!(
            untried_rules(&spec),
            Vec::<usize>::new(),
            "{name}: rules without a sample"
        );
    }
}

#[test]
fn every_mode_compiles_and_asks_for_its_fields() {
    for (name, file) in filters::all() {
        let spec = file.spec;
        for mode in spec.modes.keys() {
            let filter = Filter::compile(&spec, mode).expect(&name);
            assert!(filter.fields().contains("MESSAGE"));
        }
        assert!(Filter::compile(&spec, "no such mode").is_err());
        assert!(
            !spec.journalmatch.is_any(),
            "{name}: would look at every entry"
        );
    }
}

#[test]
fn sshd_is_read_by_trusted_fields_only() {
    let spec = filters::named("sshd").spec;
    for (fields, expected) in [
        (&[("_SYSTEMD_UNIT", "ssh.service"), ("_UID", "0")][..], true),
        (
            &[
                ("_SYSTEMD_UNIT", "ssh@3-192.0.2.1:22-192.0.2.2:5.service"),
                ("_SYSTEMD_SLICE", "system-ssh.slice"),
                ("_UID", "0"),
            ],
            true,
        ),
        (
            &[
                ("_TRANSPORT", "syslog"),
                ("SYSLOG_IDENTIFIER", "sshd-session"),
                ("_UID", "0"),
            ],
            true,
        ),
        (
            &[
                ("_TRANSPORT", "syslog"),
                ("SYSLOG_IDENTIFIER", "sshd"),
                ("_UID", "1000"),
            ],
            false,
        ),
        (&[("_COMM", "sshd"), ("_UID", "1000")], false),
        (
            &[
                ("_SYSTEMD_UNIT", "user@1000.service"),
                ("SYSLOG_IDENTIFIER", "sshd"),
                ("_UID", "1000"),
            ],
            false,
        ),
        (&[("_SYSTEMD_UNIT", "ssh.service")], false),
    ] {
        let mut entry = Entry::new(Time::EPOCH);
        for (name, value) in fields {
            entry.push(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(spec.journalmatch.matches(&entry), expected, "{fields:?}");
    }
}

#[test]
fn no_pattern_lets_a_client_choose_the_address() {
    let all = filters::all();
    let doubts: Vec<String> = all
        .iter()
        .flat_map(|(name, file)| {
            let doubts = file.lint();
            doubts
                .into_iter()
                .map(move |doubt| format!("{name}:{}: {}", doubt.line, doubt.message))
        })
        .collect();
    assert!(doubts.is_empty(), "\n{}\n", doubts.join("\n"));
}

/// The shared folder of real lines, if it is there.
#[test]
fn nearly_every_real_line_is_judged_right() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let filters = filters::all();
    let mut disputed = disputed::Disputed::read();
    let mut short = Vec::new();
    for part in ["classic", "modern"] {
        let mut sum = corpus::Figures::default();
        for (service, lines) in corpus::services(&folder.join(part)) {
            let lines = disputed.without(&format!("{part}/{service}"), lines);
            let figures = corpus::judge(&filters, &service, &lines);
            println!("{part}/{service}: {figures}");
            for miss in &figures.misses {
                println!("  {miss}");
            }
            sum.add(&figures);
        }
        println!("{part}: {sum}\n");
        if !sum.good_enough() {
            short.push(format!("{part}: {sum}"));
        }
    }
    assert_eq!(disputed.unused(), Vec::<String>::new(), "in no sample");
    assert_eq!(short, Vec::<String>::new(), "not good enough");
}

//! Lines of text logs as entries.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn calendar() -> Calendar {
    // 2024-06-01 00:00 UTC
    Calendar {
        now: Time::from_secs(1_717_200_000),
        zone: TimeZone::UTC,
    }
}

fn read(line: &str) -> Vec<String> {
    let entry = entry(line.as_bytes(), &calendar());
    let time = (entry.time() != calendar().now).then(|| entry.time().to_string());
    let fields = entry.fields().map(|(name, value)| {
        let (name, value) = (
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(value),
        );
        format!("{name}={value}")
    });
    time.into_iter().chain(fields).collect()
}

#[test]
fn a_syslog_header_becomes_fields() {
    for (line, expected) in [
        (
            "Mar  7 18:53:20 srv sshd[31603]: Invalid user x from 192.0.2.1",
            "2024-03-07T18:53:20.000000Z|_HOSTNAME=srv|SYSLOG_IDENTIFIER=sshd|\
             SYSLOG_PID=31603|MESSAGE=Invalid user x from 192.0.2.1",
        ),
        (
            "<38>Nov 23 21:50:19 sshd[8148]: a: b",
            "2023-11-23T21:50:19.000000Z|PRIORITY=6|SYSLOG_FACILITY=4|\
             SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=8148|MESSAGE=a: b",
        ),
        (
            "Mar  3 00:17:22 [sshd]: a",
            "2024-03-03T00:17:22.000000Z|SYSLOG_IDENTIFIER=sshd|MESSAGE=a",
        ),
        (
            "Jun 14 2023 00:48:21 h dovecot: imap-login: a",
            "2023-06-14T00:48:21.000000Z|_HOSTNAME=h|SYSLOG_IDENTIFIER=dovecot|\
             MESSAGE=imap-login: a",
        ),
        (
            "2015-04-16T18:02:50.321974+00:00 h postfix/smtpd[2716]: a",
            "2015-04-16T18:02:50.321974Z|_HOSTNAME=h|SYSLOG_IDENTIFIER=postfix/smtpd|\
             SYSLOG_PID=2716|MESSAGE=a",
        ),
        (
            "srv sshd[31603]: kernel:[  970.699396]: a",
            "_HOSTNAME=srv|SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=31603|\
             MESSAGE=kernel:[  970.699396]: a",
        ),
        (
            "<38>1 2019-07-08T17:40:17.954167-04:00 h sshd 55555 - \
             [sd \"with [brackets]\"][x y=\"\\\"]\"] a",
            "2019-07-08T21:40:17.954167Z|PRIORITY=6|SYSLOG_FACILITY=4|_HOSTNAME=h|\
             SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=55555|MESSAGE=a",
        ),
        (
            "Mar  7 18:53:20 srv auth.info sshd[1]: a",
            "2024-03-07T18:53:20.000000Z|PRIORITY=6|SYSLOG_FACILITY=4|_HOSTNAME=srv|\
             SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "Mar  7 18:53:20 <authpriv.warning> srv sshd: a",
            "2024-03-07T18:53:20.000000Z|PRIORITY=4|SYSLOG_FACILITY=10|_HOSTNAME=srv|\
             SYSLOG_IDENTIFIER=sshd|MESSAGE=a",
        ),
        (
            "Thu Mar  7 18:53:20 2024 authpriv.warn dropbear[1]: a",
            "2024-03-07T18:53:20.000000Z|PRIORITY=4|SYSLOG_FACILITY=10|\
             SYSLOG_IDENTIFIER=dropbear|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "Mar  7 18:53:20 <4.6> srv sshd[1]: [ID 800047 auth.info] a",
            "2024-03-07T18:53:20.000000Z|PRIORITY=6|SYSLOG_FACILITY=4|_HOSTNAME=srv|\
             SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "Thu 2024-03-07 18:53:20 UTC srv sshd[1]: a",
            "2024-03-07T18:53:20.000000Z|_HOSTNAME=srv|SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "1709837600.123456 srv sshd[1]: a",
            "2024-03-07T18:53:20.123456Z|_HOSTNAME=srv|SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "Mär 07 18:53:20 srv sshd[1]: a",
            "_HOSTNAME=srv|SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "sshd[1]: a",
            "SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "<13> 2024-03-07T18:53:20Z srv sshd[1]: a",
            "2024-03-07T18:53:20.000000Z|PRIORITY=5|SYSLOG_FACILITY=1|_HOSTNAME=srv|\
             SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a",
        ),
        (
            "<38>1 - - sshd - - -",
            "PRIORITY=6|SYSLOG_FACILITY=4|SYSLOG_IDENTIFIER=sshd|MESSAGE=",
        ),
    ] {
        assert_eq!(read(line).join("|"), expected, "{line}");
    }
}

#[test]
fn a_container_engines_line_is_unpacked() {
    let line = r#"{"log":"a \"b\"\r\n","stream":"stderr","time":"2023-01-02T03:04:05.678901234Z"}"#;
    assert_eq!(
        read(line),
        ["2023-01-02T03:04:05.678901Z", "MESSAGE=a \"b\""]
    );
    for line in [
        r#"{"log":"Mar  7 18:53:20 h sshd[1]: a\n","stream":"stdout","time":"2023-01-02T03:04:05Z"}"#,
        "2023-01-02T03:04:05Z stderr F Mar  7 18:53:20 h sshd[1]: a",
    ] {
        let expected =
            "2023-01-02T03:04:05.000000Z|_HOSTNAME=h|SYSLOG_IDENTIFIER=sshd|SYSLOG_PID=1|MESSAGE=a";
        assert_eq!(read(line).join("|"), expected);
    }
    for (line, expected) in [
        (
            "2024-03-07T18:53:20.123456789Z a",
            "2024-03-07T18:53:20.123456Z|MESSAGE=a",
        ),
        (
            "2024-03-07 18:53:20.123456789  a",
            "2024-03-07T18:53:20.123456Z|MESSAGE=a",
        ),
        (
            "2024-03-07 18:53:20.123456  a",
            "2024-03-07T18:53:20.123456Z|MESSAGE=2024-03-07 18:53:20.123456  a",
        ),
        (
            "gitea-1  | 2024/03/07 18:53:20 a",
            "2024-03-07T18:53:20.000000Z|MESSAGE=2024/03/07 18:53:20 a",
        ),
        ("POST | 401 | a", "MESSAGE=POST | 401 | a"),
    ] {
        assert_eq!(read(line).join("|"), expected);
    }
    let other = r#"{"log":{"level":"info"},"time":"2023-01-02T03:04:05Z"}"#;
    assert_eq!(read(other), [format!("MESSAGE={other}")]);
}

#[test]
fn a_level_a_thread_or_a_client_is_no_host() {
    for line in [
        "2012/04/09 11:53:29 [error] 2865#0: *1 no user",
        "2023-01-02T03:04:05Z auth(bob,192.0.2.1)<x>: Info: a",
        "2024-12-15 14:14:22 192.0.2.1:54321 OpenSSL: error",
        "2024-12-15 14:14:22 Connection \"CID-72\": a",
        "2024-12-15 14:14:22 UTC [4711]: a",
        "Sun Dec 15 14:14:22 2024 vsftpd: a",
    ] {
        assert_eq!(read(line)[1..], [format!("MESSAGE={line}")]);
    }
}

#[test]
fn what_has_no_whole_header_stays_in_one_piece() {
    for line in [
        "",
        "sshd: a",
        "srv sshd: a",
        "Mär 07 18:53:20 srv sshd: a",
        "1709837600.123456 a",
        "Invalid user x from 192.0.2.1",
        "<38>",
        "<2305843009213693952.6> srv sshd: a",
        "<999>Mar  7 18:53:20 srv sshd[1]: a",
        "srv sshd[x]: a",
        "srv sshd[1] a",
        "srv sshd[1]:a",
        "<38>1 x y z",
    ] {
        assert_eq!(read(line), [format!("MESSAGE={line}")], "{line}");
    }
    for (line, time) in [
        (
            "Mar  7 18:53:20 srv proftpd[1] localhost (x): a",
            "2024-03-07T18:53:20.000000Z",
        ),
        (
            "2013-06-12 03:57:58 login failed for (x) [192.0.2.1]: 535",
            "2013-06-12T03:57:58.000000Z",
        ),
        (
            "[Sat Jun 01 11:23:08 2013] [error] [client 192.0.2.1] a",
            "2013-06-01T11:23:08.000000Z",
        ),
        (
            "[2024-03-07 18:53:20] srv sshd[1]: a",
            "2024-03-07T18:53:20.000000Z",
        ),
        (
            r#"192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "GET /" 200 5"#,
            "2000-10-10T20:55:36.000000Z",
        ),
    ] {
        assert_eq!(
            read(line),
            [time.to_owned(), format!("MESSAGE={line}")],
            "{line}"
        );
    }
}

#[test]
fn a_message_that_looks_like_a_header_is_none() {
    let line = "Mar  7 18:53:20 srv sshd[1]: Mar  7 18:53:20 srv cron[2]: a";
    assert_eq!(read(line)[2..4], ["SYSLOG_IDENTIFIER=sshd", "SYSLOG_PID=1"]);
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let entry = entry(&line, &calendar());
        let is_kept = line.ends_with(entry.message());
        prop_assert!(is_kept);
    }

    #[test]
    fn nor_are_broken_headers(
        start in "(<[0-9]{1,4}>)?1? ?((Mar|Feb) [ 0-9]?[0-9]|[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]|\\[|-|)[ 0-9:.,+Z]{0,16}",
        rest in "[-a-z\\[\\]:\"\\\\0-9 é]{0,40}",
    ) {
        let line = start + &rest;
        let entry = entry(line.as_bytes(), &calendar());
        prop_assert!(line.as_bytes().ends_with(entry.message()));
    }
}

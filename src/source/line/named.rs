//! Facility and severity as busybox (`auth.info`), logread (`authpriv.warn`), Solaris and `FreeBSD`'s
//! `syslogd -vv` (`<auth.info>`; with one `-v` `<4.6>`) write them.

/// The facilities by their numbers (RFC 5424, table 1, in the words of syslog.conf(5)).
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
/// The severities by their numbers, each with the other name that it has.
const SEVERITIES: [[&str; 2]; 8] = [
    ["emerg", "panic"],
    ["alert", "alert"],
    ["crit", "crit"],
    ["err", "error"],
    ["warning", "warn"],
    ["notice", "notice"],
    ["info", "info"],
    ["debug", "debug"],
];

/// The priority that `word` names: facility times eight plus severity.
pub(super) fn priority(word: &[u8]) -> Option<u8> {
    // Asked of two words of every line: most have no dot.
    if !word.contains(&b'.') {
        return None;
    }
    let word = std::str::from_utf8(word).ok()?;
    let bare = word
        .strip_prefix('<')
        .and_then(|word| word.strip_suffix('>'));
    let (facility, severity) = bare.unwrap_or(word).split_once('.')?;
    // A number may also be part of an address or a version.
    let number = |text: &str| bare.and(text.parse::<u8>().ok()).map(usize::from);
    let facility = FACILITIES
        .iter()
        .position(|name| *name == facility)
        .or_else(|| number(facility))?;
    let severity = SEVERITIES
        .iter()
        .position(|names| names.contains(&severity))
        .or_else(|| number(severity))?;
    let known = facility < FACILITIES.len() && severity < SEVERITIES.len();
    u8::try_from(facility * 8 + severity).ok().filter(|_| known)
}

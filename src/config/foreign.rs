//! Keys that people bring along from other programs' jails and filters: what to write instead.
//!
//! Only keys, not meanings: translating a whole configuration is the importer's work.

/// What to write instead of `key` in the table of a jail.
pub(super) fn jail_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "port" => "write ports = [\"ssh\"], a list of names, numbers and ranges",
        "protocol" => "write it behind the port, as in ports = [\"53/udp\"]",
        "logencoding" | "logtimezone" | "skip_if_nologs" => {
            "leave it out: log files are not read yet, only the journal is"
        }
        "banaction" | "banaction_allports" | "blocktype" | "chain" => {
            "nftables bans on all hooks; write action = \"reject\" or \"drop\", and ports"
        }
        "journalflags" => "write namespace = \"NAME\" or journal_directory = \"/PATH\"",
        "failregex" | "ignoreregex" => "patterns go into a filter, as in filter.d/NAME.toml",
        "maxlines" => "lines are brought together by [session] in the filter",
        "datepattern" => "leave it out: a journal entry has its time",
        "usedns" => "leave it out: names in logs are never resolved",
        "ignorecommand" | "ignorecache" => {
            "commands are never run; write addresses, names of hosts, or file:/PATH into ignoreip"
        }
        "maxmatches" | "matches" => "leave it out: each ban keeps the line that decided it",
        "destemail" | "sender" | "sendername" | "mta" => {
            "mail is a hook: write hooks = [\"mail\"], and to = \"…\" below [hook.mail] in journalban.toml"
        }
        "dbpurgeage" => "write purgeage = \"30d\" into journalban.toml",
        "dbfile" | "loglevel" | "logtarget" => {
            "leave it out: journalban keeps its state itself and logs to the journal"
        }
        _ => return None,
    })
}

/// What to say of a `backend` that names a way to read logs, as in other programs.
pub(super) fn backend(word: &str) -> Option<&'static str> {
    matches!(word, "systemd" | "auto" | "polling" | "pyinotify" | "gamin").then_some(
        "leave it out: the journal is always the source; backend says what enforces bans",
    )
}

/// What to write instead of `key` in a filter.
pub(super) fn filter_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "failregex" | "kind" | "layer" | "host" | "user" | "json" | "logfmt" | "field" => {
            "it belongs to a rule: write it below [[rule]]"
        }
        "line" | "lines" | "verdict" => "it belongs to a sample: write it below [[sample]]",
        "Definition" | "Init" | "INCLUDES" | "DEFAULT" => {
            "there are no such sections: keys stand at the top, patterns below [[rule]]"
        }
        "prefregex" => {
            "leave it out: each pattern stands for itself, and the journal has no prefix"
        }
        "maxlines" => "lines are brought together by [session]",
        "datepattern" => "leave it out: a journal entry has its time",
        "before" | "after" => "a filter is one file, nothing is included",
        "mode" => "the jail chooses the mode; what a mode adds is written below [modes]",
        _ => return None,
    })
}

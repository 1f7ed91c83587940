//! journalban: a systemd-journal-native banning service.
//!
//! # Map
//!
//! ```text
//!            Entry            Failure            Decision           (kernel)
//!  source ─────────▶ filter ──────────▶ engine ──────────▶ enforcer ──────▶ backend
//!                                         │  └──▶ store (decision + position), log
//!                          control ── requests ┘
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | the words everything is written in: time, prefix, entry, failure, ban, name (pure) |
//! | [`filter`] | from an entry to failures: patterns, conditions, connections, dispatch (pure) |
//! | [`engine`] | who is banned and for how long: windows, ledger, what is ignored (pure) |
//! | [`config`] | configuration files, as written and as meant |
//! | [`source`] | where entries come from: the journal; text logs for `test` |
//! | [`backend`] | what keeps bans in force: nftables or routes over netlink, or nothing (dry run) |
//! | [`store`] | what survives a restart: bans, their history, totals, positions, in SQLite |
//! | [`hook`] | commands that are called for bans, in a process that systemd starts for each call |
//! | [`control`] | how an administrator talks to the daemon: Varlink on a Unix socket |
//! | [`daemon`] | starts the parts and runs the loop that owns all state: **start reading here** |
//! | [`ignored`] | whom not to ban, as it changes: names, files, sessions; `journalban resolve` |
//! | [`cli`] | the subcommands; [`exit`] has their codes |
//! | [`paths`], [`log`], [`clock`], [`own_addresses`] | where things are, our own log, the clock, the machine's addresses |
//!
//! Which module may use which is held by `tests/layers`.
//!
//! # Invariants
//!
//! - A decision is persisted, then applied; a position is stored in the same transaction as the
//!   decisions and totals of the entries before it, never ahead of them (`store`, `daemon::core`;
//!   held by `tests/system/losses.rs` and `tests/crash`, with kills at random).
//! - An engine that is rebuilt from the state file and the replayed log knows what one that never
//!   stopped knows (`tests/state.rs`).
//! - Every entry is handled once, or again marked as replayed; failures up to a prefix's last ban
//!   or unban are settled and do not count again (`engine::tests`, `tests/journal`).
//! - Time is an argument; only [`clock`] reads it (clippy's `disallowed-methods`).
//! - Only `config` sees TOML, only `filter::pattern` a regex crate, only `source::journal`
//!   libsystemd, only `backend` netlink, only `store` SQLite (`tests/layers`).
//! - No unsafe code (`forbid` in Cargo.toml).
//! - Whatever an outsider can make grow has a limit and a counter: field and line length, tracked
//!   prefixes, bans, connections, clients, requests, waiting decisions. `status` tells what they cost.
//! - The daemon executes nothing: a hook is called over a socket, delays no ban, and takes from the
//!   daemon what happened, not what to run (`tests/hooks`, `tests/system/hooks.rs`).
//! - A tick comes round however busy the log is: the loop looks at it before it looks at the log.
//!
//! # Where this differs from the first design, and why
//!
//! - nftables messages are written by a small encoder of our own and not by libnftnl: it is safe
//!   Rust, needs no C library, and writes 100 000 elements in 2.5 ms where libnftnl took 55 to
//!   92 ms (see `backend::nftables::message`).
//! - Every restore replaces the whole table in one transaction instead of changing the difference:
//!   there is no moment without protection in it either, and no leftover survives.
//! - Each jail has sets and a chain of its own. An address that two jails hold is in both sets, so
//!   it stays out until both let go without anybody counting holders, and `nft list` shows which
//!   jail bans whom.
//! - Required literals are looked for in one pass for all jails that may look at the same entries,
//!   not pattern by pattern: thirty jails look at a web server's line (`filter::shared`). The engines
//!   behind the patterns are chosen for lines of a hundred bytes and tables that went cold in the
//!   processor's cache, and not left to the regex crate (`filter::pattern`).
//! - A line may take longer than a millisecond, if somebody makes it 64 KiB long: 2.6 ms with all jails
//!   (benches/matcher; 0.35 ms at 8 KiB, 0.05 ms as services write them). It is read in full, since what
//!   decides may stand behind a client's text, and groups in it are found by backtracking, which is
//!   what the regex crate has for them.
//! - A cold reader polls every 250 ms instead of waiting for inotify alone: 4 wake-ups a second
//!   (0.02 % of a processor) keep the first failure after a quiet time below half a second, which
//!   journald's late inotify does not.
//! - A prefix that has an ignored address (or one of the machine's own) in it is banned all the
//!   same, but for that address: an attacker must not hide in his neighbour's network. What stays
//!   open is part of the decision, and follows what is ignored as it changes.
//! - `recidive` is a jail that counts the bans of other jails, and aggregation and escalation are
//!   rebuilt from the history of bans: there is no second truth of who has done what.
//! - Names in `ignoreip` are looked up every minute with getaddrinfo(3), and not by their TTL: it is
//!   what knows nsswitch.conf, /etc/hosts and the machine's own cache, but it tells no TTL. A resolver
//!   library that does adds 57 crates to our 138, and would have to be asked besides it.
//! - Files and sessions are looked at every second with stat(2) instead of being watched with inotify,
//!   which misses what changes behind links and on other machines, and loses a file that is replaced.
//! - logind's session files are read although they are its own: libsystemd reads them too, but its
//!   binding cannot ask for the state of a session, and one that is closing must spare nobody.
//! - The state file has no index of the bans in force: with a million of them it was most of what a
//!   ban cost. A table in memory (8 bytes a ban) says in which row each is (`store::places`).
//! - Whether the state file is damaged is looked at after a crash, not at every start; a file that
//!   was lost is made good by what the kernel still holds (`daemon::adopting`).
//! - A daemon whose jails are all broken does not start (exit 78) instead of running without any.

pub mod backend;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod engine;
pub mod exit;
pub mod filter;
pub mod hook;
pub mod ignored;
pub mod log;
pub mod model;
pub mod own_addresses;
pub mod paths;
pub mod source;
pub mod store;

//! journalban in a booted systemd, with Debian's sshd, a real kernel and a real journal.
//!
//! Needs root; each test boots a container of its own (see `container`) and prints what it measured
//! (`cargo test --test system -- --nocapture`).

#![expect(clippy::disallowed_methods, reason = "these tests measure real time")]

mod ban_ssh;
mod container;
mod forgiving;
mod hooks;
mod ignoring;
mod losses;
mod name_server;
mod network;
mod reload;
mod routes;
mod sessions;
mod setup;
mod survival;
mod unit;

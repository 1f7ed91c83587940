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
//! Start reading at [`model`] for the words, then at `daemon` for how the parts run together.

pub mod backend;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod engine;
pub mod exit;
pub mod filter;
pub mod log;
pub mod model;
pub mod own_addresses;
pub mod paths;
pub mod source;
pub mod store;

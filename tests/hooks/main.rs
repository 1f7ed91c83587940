//! Hooks as `journalban hook` runs them: the shipped ones against stand-ins of the far end only (a
//! web server on loopback, programs that store what they got), and what a hook may not do.
//!
//! The sandbox around it is systemd's, and is tested in tests/system.

mod call;
mod limits;
mod server;
mod shipped;
mod trying;

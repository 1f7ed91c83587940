//! Configuration from files to settings: what is merged with what, and what is told when it is
//! wrong. Each test writes a root of its own.

mod aliases;
mod arbitrary;
mod hooks;
mod keys;
mod merging;
mod problems;
mod root;
mod shipped;

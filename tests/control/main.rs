//! What an administrator asks of a running daemon: lists, history, blocklists, explanations; and what
//! the daemon does with them when there are many, or when its disk is full.

mod bulk;
mod history;
#[path = "../support/program.rs"]
mod program;

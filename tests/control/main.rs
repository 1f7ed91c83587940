//! What an administrator asks of a running daemon: lists, history, blocklists, explanations; and what
//! the daemon does with them when there are many, or when its disk is full.

mod bulk;
mod disk;
mod explaining;
mod history;
#[path = "../support/program.rs"]
mod program;
#[path = "../support"]
mod support {
    #[expect(dead_code, reason = "the benchmarks measure more")]
    pub mod daemon;
    #[expect(dead_code, reason = "the kernel's tests lay cables")]
    pub mod namespace;
    mod skip;
    pub use skip::skip;
}

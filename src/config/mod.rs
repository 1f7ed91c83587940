//! Configuration: files are found and read, then taken as written, then as meant.
//!
//! Only this module sees TOML. All problems are reported at once, each with file, line, column and
//! what would be right.

mod settings;

pub use settings::{BackendKind, JailSettings, Settings};

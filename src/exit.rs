//! Exit codes: sysexits.h where one fits, so that `systemctl status` prints a name for them.

/// Done.
pub const OK: u8 = 0;
/// Nothing matched, nothing was lifted, or the daemon refused.
pub const NO: u8 = 1;
/// Wrong usage (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// The daemon does not answer (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// The configuration has problems (`EX_CONFIG`); the unit does not restart on it.
pub const CONFIGURATION: u8 = 78;

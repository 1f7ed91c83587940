//! From an entry to failures: which jails look at it, what their rules make of it.
//!
//! Pure: no I/O, no clock. [`spec`] says what a filter file may hold, [`Filter`] is one compiled
//! for a mode, [`Matcher`] runs all jails of one source over its entries.

pub mod spec;

//! Who is banned, and for how long.
//!
//! Pure: failures and requests in, decisions out, time is an argument.

mod policy;

pub use policy::Policy;

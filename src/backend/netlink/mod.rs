//! Netlink: how the kernel's nftables, routes and connections are talked to (netlink(7)).
//!
//! `attribute` writes messages, `reading` reads them, `socket` sends and receives them. What they
//! say is known to the backends alone.

pub mod attribute;
pub mod reading;
mod socket;

pub use socket::{Failure, Notices, Socket};

//! The journal source against a real journald.

mod fields;
mod following;
mod reading;
mod restarting;
mod speed;
mod suggesting;

#[path = "../support"]
mod support {
    pub mod journald;
    pub mod skip;
}

//! How an administrator talks to the daemon: Varlink on a Unix socket.
//!
//! [`protocol`] says what can be said (pure), [`server`] carries it to the daemon's loop, and
//! [`client`] is what the command line uses; `varlinkctl` works as well.

mod bulk;
pub mod client;
mod explained;
pub mod protocol;
pub mod server;

/// The socket below the runtime directory; Varlink's convention names it after the interface.
pub const SOCKET_NAME: &str = "io.journalban";

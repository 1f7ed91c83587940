//! Hooks: commands that are called for bans and unbans, far away from the daemon.
//!
//! ```text
//!  daemon ──call (JSON)──▶ journalban-hook.socket ──systemd──▶ journalban-hook@.service
//!     ▲                                                          `journalban hook`
//!     └───────────────────────report (JSON)───────────────────────────┘
//! ```
//!
//! The daemon executes nothing: it writes a [`Call`] to a socket, and a sandboxed process of its own,
//! without any capability, finds the [`Hook`]'s description, runs its commands ([`run`]) and answers
//! with a [`Report`]. A hook's commands are started without a shell; what a log says reaches them
//! inside of single arguments, on standard input or in the environment, and never as an option, a
//! program or a path.
//!
//! `facts`, `template`, `description`, `queue` and `complaints` are pure; `values`, `command` and
//! `run` read secrets and start processes, and do so only in `journalban hook`.

mod call;
mod command;
mod complaints;
mod description;
mod facts;
mod queue;
mod run;
mod template;
mod values;

pub use call::{CALL_LIMIT, Call, Outcome, REPORT_LIMIT, Report, Step, Stream};
pub use complaints::Complaints;
pub use description::{Choice, First, Hook, HookUse, Need, Steps};
pub use facts::{Facts, On, is_untrusted, known};
pub use queue::Queue;
pub use run::{failure, run};
pub use template::{Form, Source, Template};

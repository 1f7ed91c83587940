//! Arguments → command line or daemon → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    journalban::cli::main()
}

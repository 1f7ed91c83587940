//! Arguments → command line or daemon → exit code.

fn main() {}

//! What the program is built from: every dependency's licence must fit GPL-2.0-or-later.

use std::process::Command;

use serde_json::Value;

/// Licences of which one is enough, by their SPDX names. All can be part of a work under
/// GPL-2.0-or-later (Apache-2.0 by its "or later": GPL-3.0).
const FIT: [&str; 10] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unlicense",
    "Unicode-3.0",
    "Zlib",
    "GPL-2.0-or-later",
    "LGPL-2.1-or-later",
];

/// Whether an SPDX expression can be met with [`FIT`]. `WITH` only ever adds permissions.
fn fits(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression.split(" AND ").all(|needed| {
        needed.split(" OR ").any(|choice| {
            let name = choice.split(" WITH ").next().unwrap_or_default().trim();
            FIT.contains(&name)
        })
    })
}

#[test]
fn every_licence_fits_ours() {
    // What is not for Linux is not built, and need not have been fetched.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    let metadata: Value = serde_json::from_slice(&output.stdout).expect(&errors);
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 50, "{} packages", packages.len());
    let unfit: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(fits))
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    assert!(unfit.is_empty(), "{unfit:#?}");
}

#[test]
fn an_expression_is_met_by_one_choice_of_each_part() {
    for (expression, expected) in [
        ("MIT OR Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("LGPL-2.1-or-later WITH GCC-exception-2.0", true),
        ("MIT/Apache-2.0", true),
        ("Proprietary", false),
        ("MIT AND Proprietary", false),
        ("", false),
    ] {
        assert_eq!(fits(expression), expected, "{expression}");
    }
}

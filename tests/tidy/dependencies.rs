//! Arrows between packages, crates that are banned, licences that are allowed: read from cargo itself, offline.

use crate::{none, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

const ALLOWED_LICENCES: [&str; 14] = [
    "Apache-2.0",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "CC0-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "OpenSSL",
];
/// One TLS stack and one crypto library; nothing that brings a second.
const BANNED: [&str; 6] = [
    "ring",
    "openssl",
    "openssl-sys",
    "native-tls",
    "rustls-pemfile",
    "serde_yaml",
];

/// What is built here: crates for other platforms need not even be downloaded.
fn metadata() -> Value {
    let about = Command::new("rustc").arg("-vV").output().expect("rustc");
    let about = String::from_utf8(about.stdout).expect("UTF-8");
    let host = about
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("host");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--offline",
            "--locked",
            "--format-version",
            "1",
            "--filter-platform",
            host,
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("metadata")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Names of the workspace packages one of them depends on, without tests' own needs.
fn arrows(metadata: &Value, package: &str) -> BTreeSet<String> {
    let own = metadata["packages"].as_array().expect("packages").iter();
    let own = own.filter(|one| text(one, "name") == package && one["source"].is_null());
    own.flat_map(|one| one["dependencies"].as_array().expect("dependencies"))
        .filter(|one| !one["path"].is_null() && text(one, "kind") != "dev")
        .map(|one| text(one, "name").to_owned())
        .collect()
}

#[test]
fn arrows_point_one_way() {
    let metadata = metadata();
    let expect = |package: &str, allowed: &[&str]| {
        let found = arrows(&metadata, package);
        let extra: Vec<_> = found
            .iter()
            .filter(|name| !allowed.contains(&name.as_str()))
            .cloned()
            .collect();
        none(&format!("{package} depends on"), &extra);
    };
    expect("policy", &[]);
    expect("adapters", &[]);
    expect("gateway", &["policy", "adapters"]);
    expect("tests", &["policy", "adapters", "gateway"]);
    assert!(
        arrows(&metadata, "gateway").contains("policy"),
        "the test sees no arrows at all"
    );
}

/// The arrows as the linker sees them, through every feature and dependency.
#[test]
fn policy_pulls_in_no_io() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "policy",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tree");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    let banned = [
        "tokio", "hyper", "http", "mio", "socket2", "rustls", "adapters", "gateway",
    ];
    let found = |line: &&str| banned.contains(&line.split(' ').next().unwrap_or_default());
    none(
        "below policy",
        &tree
            .lines()
            .filter(found)
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    );
    assert!(tree.starts_with("policy "), "{tree}");
}

#[test]
fn no_banned_crate_is_built() {
    let metadata = metadata();
    let built = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let names: BTreeSet<_> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|one| text(one, "name"))
        .collect();
    assert!(
        names.contains("aws-lc-rs") && built.len() > 50,
        "the test sees no packages"
    );
    // A crate may stand in the lock file for a platform or feature nobody builds: ask what is really linked.
    let linked = |name: &str| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "--workspace", "-i", name])
            .current_dir(root())
            .output()
            .expect("cargo tree");
        String::from_utf8_lossy(&output.stdout).starts_with(&format!("{name} v"))
    };
    let found: Vec<_> = BANNED
        .into_iter()
        .filter(|name| names.contains(name) && linked(name))
        .map(str::to_owned)
        .collect();
    none("banned", &found);
}

/// A licence expression is fine when some way through it is allowed.
fn fine(expression: &str) -> bool {
    let allowed = |name: &str| {
        let name = name.trim().trim_matches(['(', ')']);
        let name = name.split(" WITH ").next().unwrap_or_default().trim();
        ALLOWED_LICENCES.contains(&name)
    };
    // `A/B` is how old manifests write `A OR B`. An AND of ORs is checked part by part, which is stricter than need be.
    let every = |one: &str| {
        one.split(" AND ")
            .all(|part| part.split(" OR ").any(&allowed))
    };
    let expression = expression.replace('/', " OR ");
    every(&expression)
        || expression
            .split(" OR ")
            .any(|one| one.split(" AND ").all(&allowed))
}

#[test]
fn licences_and_sources_are_known() {
    let metadata = metadata();
    let mut offences = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = text(package, "name");
        if !fine(text(package, "license")) {
            offences.push(format!("{name}: {:?}", text(package, "license")));
        }
        let source = text(package, "source");
        if !package["source"].is_null() && !source.starts_with("registry+") {
            offences.push(format!("{name} comes from {source}"));
        }
    }
    none("licence or source", &offences);
    assert!(
        !fine("GPL-3.0-only")
            && !fine("MIT AND GPL-2.0")
            && fine("Apache-2.0 WITH LLVM-exception OR MIT")
    );
}

/// The fuzz corpus is replayed by ordinary tests: every target has seeds.
#[test]
fn every_fuzz_target_has_a_corpus() {
    let mut offences = Vec::new();
    let mut targets = 0;
    for package in ["adapters", "policy"] {
        let fuzz = root().join(package).join("fuzz");
        for entry in std::fs::read_dir(fuzz.join("fuzz_targets"))
            .expect("fuzz targets")
            .flatten()
        {
            let name = entry
                .path()
                .file_stem()
                .expect("name")
                .to_string_lossy()
                .into_owned();
            targets += 1;
            if std::fs::read_dir(fuzz.join("corpus").join(&name)).map_or(0, Iterator::count) == 0 {
                offences.push(format!("{package}: {name}"));
            }
        }
    }
    none("no corpus", &offences);
    assert!(targets >= 5, "{targets} targets");
}

//! Rust files: short, headed, named by what they are, and free of what the house has banned.

use crate::{none, read, with_ending};

const LONGEST: usize = 400;
const BANNED_MODULES: [&str; 6] = ["utils", "util", "common", "helpers", "helper", "misc"];

#[test]
fn no_file_is_longer_than_400_lines() {
    let long = |file: &std::path::PathBuf| {
        let lines = read(file).lines().count();
        (lines > LONGEST).then(|| format!("{} has {lines} lines", file.display()))
    };
    none(
        "too long",
        &with_ending(".rs")
            .iter()
            .filter_map(long)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |file: &std::path::PathBuf| {
        let text = read(file);
        let first = text.lines().next().unwrap_or_default();
        let said = first.starts_with("//! ") && first.len() > "//! ".len() + 8;
        (!said).then(|| format!("{}: {first:?}", file.display()))
    };
    none(
        "no `//!` in the first line",
        &with_ending(".rs")
            .iter()
            .filter_map(silent)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn modules_are_named_by_nouns() {
    let mut offences = Vec::new();
    for file in with_ending(".rs") {
        for part in file.iter().map(|part| part.to_string_lossy()) {
            let name = part.trim_end_matches(".rs");
            if BANNED_MODULES.contains(&name) {
                offences.push(file.display().to_string());
            }
        }
        for line in read(&file).lines() {
            let name = line.trim().trim_start_matches("pub ").strip_prefix("mod ");
            let name = name.and_then(|rest| rest.split([' ', ';', '{']).next());
            if name.is_some_and(|name| BANNED_MODULES.contains(&name)) {
                offences.push(format!("{}: {line}", file.display()));
            }
        }
    }
    none("a name that says nothing", &offences);
}

/// `expect` with a reason is the only way round a lint; `todo` is none at all.
#[test]
fn lints_are_not_switched_off() {
    // Written in two parts so that this file is not its own offence.
    let banned = [
        concat!("#[allow", "("),
        concat!("#![allow", "("),
        concat!("todo!", "("),
        concat!("unimplemented!", "("),
    ];
    let mut offences = Vec::new();
    for file in with_ending(".rs") {
        for (number, line) in read(&file).lines().enumerate() {
            if banned.iter().any(|word| line.contains(word)) {
                offences.push(format!(
                    "{}:{}: {}",
                    file.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    none("a lint switched off, or work left out", &offences);
}

/// Policy is pure: it has no clock, no I/O, no async and no HTTP, by name as well as by lint.
#[test]
fn policy_touches_nothing() {
    let banned = [
        "std::fs",
        "std::net",
        "std::time::SystemTime",
        "std::env",
        "std::process",
        "tokio",
        "async fn",
        "http::",
    ];
    let mut offences = Vec::new();
    for file in with_ending(".rs")
        .iter()
        .filter(|file| file.starts_with("policy/src"))
    {
        let text = read(file);
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|line| banned.iter().any(|word| line.contains(word))) {
            offences.push(format!("{}: {}", file.display(), line.trim()));
        }
    }
    none("policy reaches outside", &offences);
}

/// Only `assemble.rs` builds upstreams; nobody else in the gateway knows how.
#[test]
fn only_assemble_builds_adapters() {
    let mut offences = Vec::new();
    for file in with_ending(".rs")
        .iter()
        .filter(|file| file.starts_with("gateway/src"))
    {
        let own = file.ends_with("assemble.rs") || file.to_string_lossy().contains("/assemble/");
        let text = read(file);
        for word in ["HttpUpstream::new(", "NotesServer::new(", "Notes::new("] {
            if !own && text.contains(&format!("adapters::upstream::{word}")) {
                offences.push(format!("{} builds {word}", file.display()));
            }
        }
    }
    none("built outside assemble", &offences);
}

/// What a stage proves can only be made by that stage: every product's fields are private to its module.
#[test]
fn every_stage_product_has_a_private_field() {
    let products = [
        "Identified",
        "Bound",
        "Authorized",
        "Admitted",
        "Credentialed",
        "Recorded",
        "Forwarded",
    ];
    let mut found = Vec::new();
    let mut offences = Vec::new();
    for file in with_ending(".rs")
        .iter()
        .filter(|file| file.starts_with("gateway/src"))
    {
        let text = read(file);
        for product in products {
            for line in [
                format!("pub struct {product}"),
                format!("pub(crate) struct {product}"),
                format!("pub(super) struct {product}"),
            ] {
                let Some(at) = text
                    .find(&format!("{line} {{"))
                    .or_else(|| text.find(&format!("{line}<")))
                else {
                    continue;
                };
                found.push(product);
                let body = text[at..].split_once('{').map_or("", |(_, rest)| rest);
                let body = body.split("\n}").next().unwrap_or_default();
                let fields = body
                    .lines()
                    .map(str::trim)
                    .filter(|line| line.contains(": ") && !line.starts_with("//"));
                if !fields.clone().any(|line| !line.starts_with("pub")) {
                    offences.push(format!(
                        "{product} in {} can be made by anybody",
                        file.display()
                    ));
                }
            }
        }
    }
    for product in products.iter().filter(|product| !found.contains(product)) {
        offences.push(format!("{product} is nowhere"));
    }
    none("a proof that can be forged", &offences);
}

//! What people read: true to the code, free of line numbers that rot and of one machine's paths.

use crate::{files, none, read, root, with_ending};
use std::path::Path;

#[test]
fn documents_name_symbols_and_never_line_numbers() {
    let mut offences = Vec::new();
    for file in with_ending(".md") {
        for line in read(&file).lines() {
            let words = line.split(|c: char| c.is_whitespace() || "()`[]<>,".contains(c));
            for word in words {
                let reference = word.split_once(".rs:").map(|(_, rest)| rest);
                if reference.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                    offences.push(format!("{}: {word}", file.display()));
                }
            }
        }
    }
    none("a line number", &offences);
}

/// Paths and names that are true on one machine only.
#[test]
fn nothing_knows_the_machine_it_was_written_on() {
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/home/", "u"),
        concat!("C:", "\\Users"),
    ];
    let mut offences = Vec::new();
    for file in files() {
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
            continue;
        };
        for line in text
            .lines()
            .filter(|line| banned.iter().any(|word| line.contains(word)))
        {
            offences.push(format!("{}: {}", file.display(), line.trim()));
        }
    }
    none("a machine's path", &offences);
}

#[test]
fn the_readme_shows_how_to_begin() {
    let text = read(Path::new("README.md"));
    for command in [
        "cargo run --release -- demo",
        "cargo run --release -- serve --config config.example.toml",
        "./tests/run",
    ] {
        assert!(
            text.contains(command),
            "README.md does not show `{command}`"
        );
    }
    let at = |word: &str| text.find(word).unwrap_or(usize::MAX);
    assert!(at("-- demo") < 3000, "the first command comes late");
}

#[test]
fn the_documents_that_must_be_there_are_there() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "config.example.toml",
        "deny.toml",
        "docker/Dockerfile",
        "docker/compose.yaml",
        "docs/configuration.md",
        "docs/errors.md",
        "docs/performance.md",
        ".ci/run",
    ] {
        let file = root().join(name);
        assert!(file.is_file(), "{name} is missing");
        assert!(
            std::fs::metadata(&file).is_ok_and(|about| about.len() > 100),
            "{name} is empty"
        );
    }
    let architecture = read(Path::new("ARCHITECTURE.md"));
    assert!(
        architecture.lines().count() <= 150,
        "ARCHITECTURE.md is longer than 150 lines"
    );
    for heading in ["nvariants", "ode map"] {
        assert!(
            architecture.contains(heading),
            "ARCHITECTURE.md has no {heading}"
        );
    }
}

/// Relative links lead somewhere.
#[test]
fn links_are_not_dead() {
    let mut offences = Vec::new();
    for file in with_ending(".md") {
        let text = read(&file);
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let folder = root().join(&file).parent().expect("folder").to_owned();
            if !folder.join(target).exists() {
                offences.push(format!("{}: {target}", file.display()));
            }
        }
    }
    none("a dead link", &offences);
}

/// The example runs as it is: every table in it is TOML, and it names its schema first.
#[test]
fn the_example_is_toml_and_names_its_schema() {
    let text = read(Path::new("config.example.toml"));
    let table: toml::Table =
        toml::from_str(&text).unwrap_or_else(|error| panic!("config.example.toml: {error}"));
    assert!(table.contains_key("gateway") && table.contains_key("servers"));
    let first = text.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("#:schema "),
        "the first line is {first:?}"
    );
}

/// Every kind of refusal is explained to users.
#[test]
fn every_refusal_is_documented() {
    let errors = read(Path::new("docs/errors.md"));
    let mut variants = Vec::new();
    for file in with_ending(".rs")
        .iter()
        .filter(|file| file.starts_with("gateway/src/pipeline"))
    {
        let text = read(file);
        let Some(at) = text
            .find("pub enum Refusal {")
            .or_else(|| text.find("pub(crate) enum Refusal {"))
        else {
            continue;
        };
        let body = text[at..]
            .split_once('{')
            .expect("a body")
            .1
            .split("\n}")
            .next()
            .unwrap_or_default();
        for line in body
            .lines()
            .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
        {
            let name: String = line
                .trim()
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            if name.starts_with(|c: char| c.is_ascii_uppercase()) {
                variants.push(name);
            }
        }
    }
    assert!(
        variants.len() > 5,
        "no `enum Refusal` in the pipeline: {variants:?}"
    );
    let missing: Vec<_> = variants
        .into_iter()
        .filter(|name| !errors.contains(name.as_str()))
        .collect();
    none("not in docs/errors.md", &missing);
}

//! Patterns against an obvious matcher, and what is no pattern.

use super::Pattern;
use crate::model::Target;

/// `*` any run without `/`, `**` any run; slow and plain.
fn obvious(pattern: &[u8], text: &[u8]) -> bool {
    if let Some(rest) = pattern.strip_prefix(b"**") {
        return (0..=text.len()).any(|skip| obvious(rest, &text[skip..]));
    }
    if let Some(rest) = pattern.strip_prefix(b"*") {
        let run = text
            .iter()
            .position(|byte| *byte == b'/')
            .unwrap_or(text.len());
        return (0..=run).any(|skip| obvious(rest, &text[skip..]));
    }
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((want, pattern)), Some((have, text))) => want == have && obvious(pattern, text),
        _ => false,
    }
}

#[test]
fn patterns_match_as_the_obvious_matcher_says() {
    let mut seed = 7_u64;
    let mut next = |most: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    let mut matched = 0;
    for _ in 0..20_000 {
        let pattern: String = (0..=next(6))
            .map(|_| ["a", "b", "*", "_"][next(4) as usize])
            .collect();
        let name: String = (0..=next(6))
            .map(|_| ["a", "b", "_"][next(3) as usize])
            .collect();
        let Ok(compiled) = Pattern::new(&format!("s/{pattern}")) else {
            continue;
        };
        let expected = obvious(pattern.as_bytes(), name.as_bytes());
        assert_eq!(
            compiled.matches("s", Target::Tool(&name)),
            expected,
            "{pattern} {name}"
        );
        assert!(
            !compiled.matches("t", Target::Tool(&name)),
            "{pattern} on another server"
        );
        matched += u32::from(expected);
    }
    assert!(
        matched > 1_000,
        "the test matches too little to mean anything: {matched}"
    );
}

#[test]
fn a_pattern_speaks_of_its_kind_only() {
    let targets = [
        Target::Tool("x"),
        Target::Resource("note:///x"),
        Target::Prompt("x"),
        Target::Client("sampling"),
    ];
    let check = |pattern: &str, expected: [bool; 4]| {
        let pattern = Pattern::new(pattern).unwrap();
        assert_eq!(targets.map(|target| pattern.matches("s", target)), expected);
    };
    check("s/*", [true, false, false, false]);
    check("s/x", [true, false, false, false]);
    check("s/resource:note:///*", [false, true, false, false]);
    check("s/resource:**", [false, true, false, false]);
    check("s/resource:*", [false, false, false, false]);
    check("s/prompt:x", [false, false, true, false]);
    check("s/client:*", [false, false, false, true]);
    check("s/**", [true; 4]);
    check("**", [true; 4]);
}

#[test]
fn what_is_no_pattern_says_so() {
    for text in ["", " ", "s", "s/", "/x", "s/x\n"] {
        assert!(Pattern::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn many_stars_take_no_time() {
    let pattern = Pattern::new(&format!("s/{}b", "*a".repeat(50))).unwrap();
    let name = "a".repeat(5_000);
    assert!(!pattern.matches("s", Target::Tool(&name)));
}

#[test]
fn what_covers_matches_all_that_the_other_matches() {
    let all = [
        "**",
        "*/**",
        "s/**",
        "s/*",
        "s/get_*",
        "s/*_x",
        "s/get_x",
        "s/g*t_*",
        "s/resource:**",
        "s/resource:a/*",
        "s/resource:a/b",
        "s/prompt:*",
        "t/*",
        "*/get_*",
        "t/get_x",
        "s/a/b",
    ];
    let names = ["get_x", "get_", "a_x", "got_y", "a/b", "x", "a/b/c", ""];
    let mut covered = 0;
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        let (one, other) = (Pattern::new(a).unwrap(), Pattern::new(b).unwrap());
        if !one.covers(&other) {
            continue;
        }
        covered += 1;
        for (server, name) in ["s", "t"].iter().flat_map(|s| names.map(|name| (s, name))) {
            for target in [
                Target::Tool(name),
                Target::Resource(name),
                Target::Prompt(name),
            ] {
                let slips = other.matches(server, target) && !one.matches(server, target);
                assert!(!slips, "{a} does not cover {b} at {server} {target:?}");
            }
        }
    }
    assert!(covered > 40, "{covered}");
    for (a, b) in [
        ("**", "s/resource:**"),
        ("s/**", "s/prompt:a"),
        ("s/*", "s/get_*"),
        ("s/g*t_*", "s/get_*"),
        ("*/get_*", "t/get_x"),
        ("s/resource:**", "s/resource:a/*"),
    ] {
        assert!(
            Pattern::new(a).unwrap().covers(&Pattern::new(b).unwrap()),
            "{a} {b}"
        );
    }
    for (a, b) in [
        ("s/*", "s/**"),
        ("s/*", "s/a/b"),
        ("s/get_*", "s/*"),
        ("s/*", "s/prompt:*"),
    ] {
        assert!(
            !Pattern::new(a).unwrap().covers(&Pattern::new(b).unwrap()),
            "{a} {b}"
        );
    }
}

//! Texts made to cost: each is answered soon, without a stack that overflows, and what is refused says why.
#![expect(
    clippy::disallowed_methods,
    reason = "how long it takes is what is asked"
)]

use policy::{Document, Source};
use std::time::{Duration, Instant};

/// Far more than any of them takes, even on a busy machine and without optimisation; far less than what grows with
/// the square of its text would take.
const SOON: Duration = Duration::from_secs(20);

/// Reads, compiles and lints; how many mistakes there are.
fn mistakes(text: &str) -> usize {
    let began = Instant::now();
    let (document, found) = Document::read(vec![Source::new("bomb", text)]);
    let mut count = found.len();
    if let Some(document) = document {
        let (policy, found) = policy::compile(&document);
        count += found.len();
        count += policy::lint::lint(&document, &policy, policy::Now(1_800_000_000)).len();
    }
    let took = began.elapsed();
    assert!(
        took < SOON,
        "{took:?}: {}",
        text.chars().take(80).collect::<String>()
    );
    count
}

/// A megabyte of depth in every form that has any.
#[test]
fn depth_is_a_mistake_and_no_crash() {
    const DEEP: usize = 100_000;
    let closed = |open: &str, inner: &str, close: &str| {
        format!("x = {}{inner}{}", open.repeat(DEEP), close.repeat(DEEP))
    };
    for text in [
        closed("[", "", "]"),
        closed("[", "", ""),
        closed("{a=", "1", "}"),
        closed("{a=", "", ""),
        closed("[{a=", "1", "}]"),
        format!("{}a = 1", "a.".repeat(DEEP)),
        format!("x = {{ {}a = 1 }}", "a.".repeat(DEEP)),
        format!("[{}a]\nx = 1", "a.".repeat(DEEP)),
        format!("[[{}a]]\nx = 1", "a.".repeat(DEEP)),
        format!("[agents.{}a]\nx = 1", "a.".repeat(DEEP)),
        "[".repeat(DEEP),
        "]".repeat(DEEP),
        format!("x = {}", "{".repeat(DEEP)),
        format!("x = {}", "\"".repeat(DEEP)),
    ] {
        assert!(
            mistakes(&text) > 0,
            "{}",
            text.chars().take(40).collect::<String>()
        );
    }
}

/// Many keys given twice, each in several forms.
#[test]
fn duplicates_are_found_without_comparing_each_with_each() {
    let many = |one: &dyn Fn(usize) -> String| (0..10_000).map(one).collect::<String>();
    for text in [
        many(&|_| "a = 1\n".to_owned()),
        many(&|number| format!("k{number} = 1\n")).repeat(2),
        many(&|_| "[a]\n".to_owned()),
        many(&|number| format!("[agents.a{number}]\n")).repeat(2),
        many(&|number| format!("[t]\nk{number} = 1\n")),
    ] {
        assert!(mistakes(&text) >= 9_999);
    }
}

#[test]
fn many_keys_are_only_many() {
    let numbers = || 0..100_000;
    for text in [
        numbers()
            .map(|number| format!("k{number} = {number}\n"))
            .collect::<String>(),
        numbers()
            .map(|number| format!("a.k{number}.b = 1\n"))
            .collect(),
        format!("x = [{}]", "1,".repeat(1_000_000)),
        numbers().map(|number| format!("[t{number}]\n")).collect(),
        "[[x]]\n".repeat(100_000),
        format!("x = \"{}\"", "a".repeat(8 << 20)),
        format!("# {}", "a".repeat(8 << 20)),
        "\n".repeat(8 << 20),
    ] {
        assert_eq!(mistakes(&text), 0);
    }
}

/// Names of agents that nobody may be, rules that all say the same, identities that all differ.
#[test]
fn many_agents_and_rules_are_only_many() {
    let numbers = || 0..2_000;
    let agents: String = numbers()
        .map(|number| format!("[agents.a{number}]\nowner = 'o'\nexpires = 2099-01-01\nidentity = 'corp:s{number}'\nenvelope = {{ tools = ['s/*'] }}\n"))
        .collect();
    let rules: String = numbers()
        .map(|number| format!("[[rules]]\nname = 'r{number}'\nagents = 'a{number}'\ntools = 's/t{number}'\nallow = true\n"))
        .collect();
    assert_eq!(
        mistakes(&format!(
            "[servers.s.tools]\n'*' = {{ effect = 'read' }}\n{agents}{rules}"
        )),
        0
    );
    let same = "[[rules]]\nname = 'r'\ndeny = 'no'\n".repeat(2_000);
    assert!(mistakes(&same) >= 1_999);
    let unknown: String = numbers()
        .map(|number| format!("[[rules]]\nname = 'r{number}'\nagents = 'b{number}'\ndeny = 'no'\n"))
        .collect();
    assert!(mistakes(&format!("[servers.s]\n{agents}{unknown}")) >= 2_000);
}

/// A group that holds another twice, which holds a third twice: as short to write as it is long to open.
#[test]
fn groups_are_opened_once() {
    let doubling: String = (0..200)
        .map(|at| format!("[groups.g{at}]\ntools = ['@g{}', '@g{}']\n", at + 1, at + 1))
        .collect();
    let last = "[groups.g200]\ntools = ['s/x']\n[servers.s]\n";
    let rule = "[[rules]]\nname = 'r'\ntools = '@g0'\ndeny = 'no'\n";
    assert_eq!(mistakes(&format!("{doubling}{last}{rule}")), 0);
    let chain: String = (0..50_000)
        .map(|at| format!("[groups.g{at}]\ntools = '@g{}'\n", at + 1))
        .collect();
    let last = "[groups.g50000]\ntools = 's/x'\n[servers.s]\n";
    assert_eq!(mistakes(&format!("{chain}{last}{rule}")), 0);
}

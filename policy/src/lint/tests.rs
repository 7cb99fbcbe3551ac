//! Every lint warns of what it is for, and of nothing else.

use super::{LINTS, lint};
use crate::{Document, Source, compile};

fn warnings(text: &str) -> Vec<&'static str> {
    let (document, found) = Document::read(vec![Source::new("p", text)]);
    assert!(found.is_empty(), "{found:?}");
    let document = document.unwrap();
    let (policy, found) = compile(&document);
    assert!(found.is_empty(), "{found:?}");
    lint(&document, &policy)
        .iter()
        .map(|one| one.code.name())
        .collect()
}

const AGENT: &str = "[servers.s]\n[servers.t]\n[agents.ada]\nowner = \"o\"\nexpires = 2099-01-01\nenvelope = { tools = [\"s/*\"] }\n";

#[test]
fn a_careful_policy_has_no_warnings() {
    let rule = "[[rules]]\nname = \"r\"\ntools = [\"s/*\"]\nallow = true\n";
    assert!(warnings(&format!("{AGENT}{rule}")).is_empty());
}

#[test]
fn each_lint_speaks() {
    assert_eq!(
        warnings(&AGENT.replace("owner = \"o\"\n", "")),
        ["no-owner"]
    );
    assert_eq!(
        warnings(&AGENT.replace("expires = 2099-01-01\n", "")),
        ["no-expiry"]
    );
    let outside = "[[rules]]\nname = \"r\"\ntools = [\"t/*\"]\nallow = true\n";
    assert_eq!(warnings(&format!("{AGENT}{outside}")), ["unreachable"]);
    let everything = "[[rules]]\nname = \"r\"\ntools = [\"**\"]\nallow = true\n";
    assert_eq!(
        warnings(&format!("{AGENT}{everything}")),
        ["allows-everything"]
    );
}

#[test]
fn every_lint_is_documented() {
    for lint in LINTS {
        assert!(lint.docs.len() > 40, "{}", lint.name);
    }
}

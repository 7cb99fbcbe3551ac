//! Reads every case file: what must be refused, and for what, and what must be admitted as every parser reads it.
//!
//! A line is a case. `@value`, `@params` and `@body` say what the cases after them stand for: an argument of a tool
//! call, its parameters, or a whole body. In a file of refusals a case begins with the kind of flaw. `\xHH` is a byte.
#![expect(clippy::unwrap_used, reason = "a test may stop")]

use adapters::wire::read;
use adapters::wire::scan::Bounds;
use std::path::Path;

const BOUNDS: Bounds = Bounds {
    depth: 64,
    members: 10_000,
    number: 64,
};

struct Case {
    /// File and line.
    place: String,
    body: Vec<u8>,
    kind: String,
}

fn cases(folder: &str, has_kinds: bool) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(folder);
    let mut cases = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let mut stands_for = String::new();
        for (number, line) in std::fs::read_to_string(&path)
            .unwrap()
            .split('\n')
            .enumerate()
        {
            if let Some(place) = line.strip_prefix('@') {
                stands_for = place.to_owned();
            } else if !line.is_empty() && !line.starts_with("# ") {
                let (kind, text) = if has_kinds {
                    line.split_once(' ').unwrap()
                } else {
                    ("", line)
                };
                cases.push(Case {
                    place: format!("{}:{}", path.display(), number + 1),
                    body: body(&stands_for, &bytes(text)),
                    kind: kind.to_owned(),
                });
            }
        }
    }
    cases
}

fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

fn body(stands_for: &str, text: &[u8]) -> Vec<u8> {
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"#.as_slice();
    match stands_for {
        "value" => [call, br#"{"name":"t","arguments":{"v":"#, text, b"}}}"].concat(),
        "params" => [call, text, b"}"].concat(),
        other => {
            assert_eq!(other, "body");
            text.to_vec()
        }
    }
}

#[test]
fn what_must_be_refused_is_and_for_that_reason() {
    let cases = cases("refused", true);
    assert!(cases.len() > 800, "{} cases", cases.len());
    for case in cases {
        let flaw = read(&case.body, &BOUNDS).err();
        let kind = flaw
            .map(|flaw| format!("{:?}", flaw.kind()))
            .unwrap_or_default();
        let kind = kind.split('(').next().unwrap();
        assert_eq!(kind, case.kind, "{}", case.place);
        let text = flaw.unwrap().to_string();
        assert!(text.is_ascii() && text.len() < 80, "{text}");
    }
}

#[test]
fn what_must_be_admitted_is() {
    let cases = cases("accepted", false);
    assert!(cases.len() > 100, "{} cases", cases.len());
    for case in cases {
        assert_eq!(read(&case.body, &BOUNDS).err(), None, "{}", case.place);
    }
}

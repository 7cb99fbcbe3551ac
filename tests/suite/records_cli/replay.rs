//! What would change is told, and nothing else.

use super::{Folder, MAIN, ask, folder, id, json};

fn against(folder: &Folder, from: &str, to: &str) {
    assert!(MAIN.contains(from), "{from}");
    std::fs::write(folder.0.join("next.toml"), MAIN.replace(from, to)).unwrap();
}

#[test]
fn the_same_configuration_changes_nothing() {
    let folder = folder();
    let (code, out, error) = ask(&folder, &["replay", "--against", "hopgate.toml"]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert_eq!(
        out,
        "7 decisions from 2026-11-21T16:32:01.000001Z to 2026-11-21T16:32:07.000001Z: 0 would change, 6 would not\n\
         1 could not be judged: their arguments were not recorded, and they depend on them, by `small refunds`\n"
    );
    assert_eq!(error, "");
    let (code, said) = json(
        &folder,
        &[
            "replay",
            "--records",
            "data/audit",
            "--against",
            "hopgate.toml",
        ],
    );
    assert_eq!(code, Some(0));
    let counts = [&said["decisions"], &said["changed"], &said["same"]];
    assert_eq!(counts, [7, 0, 6], "{said}");
    assert_eq!(
        said["unjudged"],
        json!({ "arguments": 1, "unclear": 0,
        "rules": [{ "rule": "small refunds", "count": 1 }] })
    );
    assert_eq!(said["changes"], json!([]));
    assert_eq!(said["records"]["damage"]["lines"], 0);
}

#[test]
fn what_would_change_is_told_call_by_call() {
    let folder = folder();
    against(&folder, "args = { amount = { max = 100 } }\n", "");
    let (code, out, _) = ask(&folder, &["replay", "--against", "next.toml"]);
    assert_eq!(code, Some(3), "{out}");
    let first = format!(
        "2026-11-21T16:32:03.000001Z  {}  clerk  ledger/refund  deny  ->  allow by `small refunds`\n",
        id(3)
    );
    assert!(out.starts_with(&first), "{out}");
    assert!(
        out.contains("1 would change (1 deny -> allow), 6 would not"),
        "{out}"
    );
    // The agent is not let in any more: everything it did would be refused, and its records say so as data.
    against(
        &folder,
        "owner = \"o\"",
        "owner = \"o\"\nstate = \"suspended\"",
    );
    let (code, said) = json(&folder, &["replay", "--against", "next.toml"]);
    assert_eq!(code, Some(3), "{said}");
    assert_eq!(
        said["kinds"],
        json!([{ "before": "allow", "after": "deny", "count": 5 }])
    );
    let change = &said["changes"][0];
    assert_eq!(change["call"], id(1));
    assert_eq!(change["before"]["rules"], json!(["small refunds"]));
    assert_eq!(change["after"]["decision"], "deny");
    assert_eq!(
        change["after"]["reason"],
        "deny: agent `clerk` is suspended"
    );
    assert_eq!(said["changes"].as_array().map(Vec::len), Some(5));
    // Names callers chose do not move a terminal.
    against(
        &folder,
        "[[rules]]\nname = \"the clerk reads\"\ntools = [\"ledger/get_*\"]",
        "[[rules]]\nname = \"all\"",
    );
    std::fs::write(
        folder.0.join("next.toml"),
        std::fs::read_to_string(folder.0.join("next.toml"))
            .unwrap()
            .replace(
                "[\"read\", \"write\"]",
                "[\"read\", \"write\", \"destroy\"]",
            ),
    )
    .unwrap();
    let (code, out, _) = ask(&folder, &["replay", "--against", "next.toml"]);
    assert!(
        code == Some(3) && out.contains("drop\\u{1b}[2J") && !out.contains('\u{1b}'),
        "{out}"
    );
}

#[test]
fn damage_is_told_and_the_rest_is_read() {
    let folder = folder();
    let file = folder.0.join("data/audit/decisions/00000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = "{\"at\":\"20";
    std::fs::write(&file, lines.join("\n") + "\n{\"at\":\"2026-11-2").unwrap();
    let (code, out, error) = ask(&folder, &["replay", "--against", "hopgate.toml"]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(
        out.starts_with("6 decisions") && out.contains("5 would not"),
        "{out}"
    );
    assert!(
        error.contains("decisions/00000001.jsonl:3: no record") && error.lines().count() == 1,
        "{error}"
    );
    // Of a decision without its call nobody knows who asked.
    std::fs::write(folder.0.join("data/audit/calls/00000001.jsonl"), "").unwrap();
    let (_, out, _) = ask(&folder, &["replay", "--against", "hopgate.toml"]);
    assert!(
        out.contains("6 could not be judged: the records do not say"),
        "{out}"
    );
}

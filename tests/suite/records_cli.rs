//! `replay`, `explain --call` and `access --records`: an operator asks what was, and what would be.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use tests::gateway::run;
use tests::setup::Place;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

const MAIN: &str = r#"[gateway]
listen = "127.0.0.1:3000"
admin = "127.0.0.1:15000"
public_url = "http://127.0.0.1:3000"
data_dir = "data"
[identities.corp]
kind = "oidc"
issuer = "https://idp.example.com"
[agents.clerk]
owner = "o"
expires = 2099-01-01
identity = ["corp:clerk"]
envelope = { tools = ["ledger/**"], effects = ["read", "write"] }
[servers.ledger]
url = "https://ledger.example.com/mcp"
[servers.ledger.tools]
"get_*" = { effect = "read" }
refund = { effect = "write" }
[[rules]]
name = "the clerk reads"
tools = ["ledger/get_*"]
allow = true
[[rules]]
name = "small refunds"
tools = ["ledger/refund"]
args = { amount = { max = 100 } }
allow = true
[[rules]]
name = "notes are open"
tools = ["ledger/resource:**"]
allow = true
"#;

/// One recorded call and its decision, by the number of the second it was made in.
struct Call {
    second: u32,
    method: &'static str,
    target: &'static str,
    arguments: Option<Value>,
    decision: &'static str,
    rules: &'static [&'static str],
}

fn id(second: u32) -> String {
    format!("0190000000007000800000000000{second:04}")
}

fn line(second: u32, kind: &str, members: Value) -> String {
    let mut text = format!("{{\"at\":\"2026-11-21T16:32:{second:02}.000001Z\",\"kind\":\"{kind}\"");
    for (name, value) in members.as_object().expect("members") {
        write!(text, ",\"{name}\":{value}").expect("text");
    }
    text + ",\"seq\":1,\"hash\":\"00\"}\n"
}

impl Call {
    fn lines(&self) -> [String; 2] {
        let mut who = json!({ "call": id(self.second), "snapshot": "old", "identity": "corp", "agent": "clerk",
            "subject": "clerk", "chain": ["clerk"], "server": "ledger", "method": self.method, "target": self.target });
        if let Some(arguments) = &self.arguments {
            who["arguments"] = arguments.clone();
        }
        let outcome = json!({ "call": id(self.second), "ending": "answered" });
        let kind = if self.decision == "allow" {
            "intent"
        } else {
            "outcome"
        };
        let mut calls = line(self.second, kind, who);
        if kind == "intent" {
            calls += &line(self.second, "outcome", outcome);
        }
        let decided = json!({ "call": id(self.second), "snapshot": "old", "event": "call", "decision": self.decision,
            "why": "because", "rules": self.rules });
        [calls, line(self.second, "decision", decided)]
    }
}

/// Refunds of 20 with the arguments, of which only the digest was kept, and of 500; two reads, and one nobody may do.
fn calls() -> Vec<Call> {
    let call = |second, target, arguments, decision, rules| Call {
        second,
        method: "tools/call",
        target,
        arguments,
        decision,
        rules,
    };
    let digest = "ddccc0f8c09563212aae6802bc6f095158e222bf5564d12ad36947b5d13936b0";
    vec![
        call(
            1,
            "refund",
            Some(json!({ "full": { "amount": 20 } })),
            "allow",
            &["small refunds"],
        ),
        call(
            2,
            "refund",
            Some(json!({ "sha256": digest, "bytes": 13 })),
            "allow",
            &["small refunds"],
        ),
        call(
            3,
            "refund",
            Some(json!({ "full": { "amount": 500 } })),
            "deny",
            &[],
        ),
        call(4, "get_a", None, "allow", &["the clerk reads"]),
        call(
            5,
            "get_b",
            Some(json!({ "sha256": digest, "bytes": 13 })),
            "allow",
            &["the clerk reads"],
        ),
        call(6, "drop\u{1b}[2J", None, "deny", &[]),
        Call {
            second: 7,
            method: "tools/list",
            target: "",
            arguments: None,
            decision: "allow",
            rules: &["small refunds"],
        },
    ]
}

fn folder() -> Folder {
    let folder = Place::free().folder;
    let audit = folder.join("data/audit");
    for log in ["calls", "decisions"] {
        std::fs::create_dir_all(audit.join(log)).unwrap();
    }
    let (mut first, mut second) = (String::new(), String::new());
    for call in calls() {
        let [calls, decisions] = call.lines();
        first += &calls;
        second += &decisions;
    }
    std::fs::write(audit.join("calls/00000001.jsonl"), first).unwrap();
    std::fs::write(audit.join("decisions/00000001.jsonl"), second).unwrap();
    std::fs::write(folder.join("hopgate.toml"), MAIN).unwrap();
    Folder(folder)
}

/// Exit code, standard output and standard error of a command.
fn ask(folder: &Folder, args: &[&str]) -> (Option<i32>, String, String) {
    let output = run(&folder.0, args);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (out, error) = (text(output.stdout), text(output.stderr));
    assert!(!error.contains("panicked at"), "{error}");
    (output.status.code(), out, error)
}

fn json(folder: &Folder, args: &[&str]) -> (Option<i32>, Value) {
    let (code, out, error) = ask(folder, &[&["--format", "json"], args].concat());
    let value = serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{error}"));
    (code, value)
}

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

#[test]
fn a_recorded_call_is_explained() {
    let folder = folder();
    let (code, out, error) = ask(&folder, &["explain", "--call", &id(1)]);
    assert_eq!(code, Some(0), "{out}{error}");
    for word in [
        "2026-11-21T16:32:01.000001Z  clerk  ledger/refund: was allow by `small refunds`, under another configuration: snapshot old, now ",
        "\nallow: rule `small refunds` allows it\n",
    ] {
        assert!(out.contains(word), "{word}\n{out}");
    }
    let (code, said) = json(&folder, &["explain", "--call", &id(3)]);
    assert_eq!(code, Some(4));
    assert_eq!(said["decision"], "deny");
    assert_eq!(said["recorded"]["decision"], "deny");
    assert_eq!(said["recorded"]["same_snapshot"], false);
    let silent = said["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["name"] == "small refunds");
    assert_eq!(silent.unwrap()["silent"]["key"], "args.amount");
    // Only the digest was kept: what depends on the arguments needs them, what does not does not.
    let (code, _, error) = ask(&folder, &["explain", "--call", &id(2)]);
    assert!(
        code == Some(2) && error.contains("`small refunds`: give them with `--args JSON`"),
        "{error}"
    );
    let (code, out, _) = ask(
        &folder,
        &["explain", "--call", &id(2), "--args", "{\"amount\":20}"],
    );
    assert!(code == Some(0) && !out.contains("note:"), "{out}");
    let (code, out, _) = ask(
        &folder,
        &["explain", "--call", &id(2), "--args", "{\"amount\":500}"],
    );
    assert!(
        code == Some(4) && out.contains("note: the arguments given are not, byte for byte"),
        "{out}"
    );
    let (code, out, _) = ask(&folder, &["explain", "--call", &id(5)]);
    assert!(
        code == Some(0) && out.contains("the outcome is the same with any"),
        "{out}"
    );
    // With dashes, as other tools write ids, it is the same call.
    let dashed = format!("01900000-0000-7000-8000-0000000{}", &id(4)[27..]);
    let (code, out, error) = ask(
        &folder,
        &["explain", "--call", &dashed, "--records", "data/audit"],
    );
    assert!(
        code == Some(0) && out.contains("ledger/get_a"),
        "{out}{error}"
    );
}

#[test]
fn the_snapshot_of_the_record_is_compared() {
    let folder = folder();
    let (_, said) = json(&folder, &["replay", "--against", "hopgate.toml"]);
    let digest = said["against"]["snapshot"].as_str().unwrap();
    let file = folder.0.join("data/audit/decisions/00000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"old\"", &format!("\"{digest}\""))).unwrap();
    let (_, out, _) = ask(&folder, &["explain", "--call", &id(1)]);
    assert!(
        out.contains("by `small refunds`, under this configuration\n"),
        "{out}"
    );
}

#[test]
fn grants_that_nobody_used_are_found() {
    let folder = folder();
    let (code, out, _) = ask(&folder, &["access", "--records", "data/audit"]);
    assert_eq!(code, Some(0), "{out}");
    for word in [
        "used 2 times since 2026-11-21T16:32:01.000001Z, last 2026-11-21T16:32:05.000001Z: ledger/get_a, ledger/get_b\n",
        "used 2 times since 2026-11-21T16:32:01.000001Z, last 2026-11-21T16:32:02.000001Z: ledger/refund\n",
        "unused since 2026-11-21T16:32:01.000001Z, where the records begin\n",
    ] {
        assert!(out.contains(word), "{word}\n{out}");
    }
    let (_, said) = json(&folder, &["access", "--records", "data/audit", "--unused"]);
    let ways = said["access"].as_array().unwrap();
    assert_eq!(ways.len(), 1, "{said}");
    assert_eq!(ways[0]["rule"]["name"], "notes are open");
    assert_eq!(ways[0]["used"]["calls"], 0);
    assert_eq!(said["records"]["since"], "2026-11-21T16:32:01.000001Z");
    let (_, out, _) = ask(
        &folder,
        &[
            "access",
            "--records",
            "data/audit",
            "--tool",
            "ledger/get_b",
        ],
    );
    assert!(
        out.contains("used 1 times") && !out.contains("get_a"),
        "{out}"
    );
    let (_, out, _) = ask(
        &folder,
        &[
            "access",
            "--records",
            "data/audit",
            "--tool",
            "ledger/refund",
            "--unused",
        ],
    );
    assert_eq!(out, "nothing is unused\n");
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = folder();
    let first = id(1);
    for (args, code, word) in [
        (
            &[
                "replay",
                "--records",
                "nowhere",
                "--against",
                "hopgate.toml",
            ][..],
            1,
            "`nowhere/calls`",
        ),
        (&["replay"], 2, "--against"),
        (&["replay", "--against", "nothing.toml"], 1, "nothing.toml"),
        (&["access", "--records", "nowhere"], 1, "`nowhere/calls`"),
        (&["access", "--unused"], 2, "--records"),
        (&["explain", "--call", "x"], 2, "no id of a call"),
        (
            &["explain", "--call", "01900000000070008000000000009999"],
            2,
            "no record speaks of call",
        ),
        (
            &["explain", "--call", &first, "--records", "nowhere"],
            1,
            "`nowhere/calls`",
        ),
        (
            &["explain", "--call", &first, "--args", "{}"],
            2,
            "were recorded",
        ),
        (
            &["explain", "--call", &first, "--agent", "clerk"],
            2,
            "--agent",
        ),
    ] {
        let (got, out, error) = ask(&folder, args);
        assert_eq!(got, Some(code), "{args:?}\n{out}{error}");
        assert!(error.contains(word), "{args:?}: {word}\n{error}");
    }
}

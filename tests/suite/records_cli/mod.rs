//! `replay`, `explain --call` and `access --records`: an operator asks what was, and what would be.

mod past;
mod replay;

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

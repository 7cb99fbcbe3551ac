//! `explain`, `test` and `access`: an operator asks the policy, and nothing is called.

use serde_json::Value;
use std::path::PathBuf;
use tests::gateway::run;
use tests::setup::Place;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

const MAIN: &str = r#"include = ["policy.d/*.toml"]
[gateway]
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
envelope = { tools = ["ledger/*"], effects = ["read", "write"] }
[agents.gone]
owner = "o"
state = "retired"
envelope = { tools = ["ledger/*"] }
[servers.ledger]
url = "https://ledger.example.com/mcp"
[servers.ledger.tools]
"get_*" = { effect = "read" }
refund = { effect = "write" }
[servers.other]
url = "https://other.example.com/mcp"
[[rules]]
name = "the clerk works"
agents = "clerk"
tools = ["ledger/get_*", "ledger/refund"]
allow = true
[[tests]]
name = "reading passes"
call = { agent = "clerk", tool = "ledger/get_x" }
expect = { allow = "the clerk works" }
"#;

const MORE: &str = r#"[[rules]]
name = "large refunds need a person"
tools = "ledger/refund"
args = { amount = { min = 500, present = true } }
ask = { approvers = "leads" }

[[rules]]
name = "nothing after hearsay"
after = { untrusted = true }
deny = "start a new task"
"#;

fn folder() -> Folder {
    let folder = Place::free().folder;
    std::fs::create_dir_all(folder.join("policy.d")).unwrap();
    std::fs::write(folder.join("hopgate.toml"), MAIN).unwrap();
    std::fs::write(folder.join("policy.d/more.toml"), MORE).unwrap();
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

#[test]
fn explain_says_what_and_why_with_file_and_line() {
    let folder = folder();
    let call = ["explain", "--agent", "clerk", "--tool"];
    for (more, code, words) in [
        (
            &["ledger/get_x"][..],
            0,
            &["allow: rule `the clerk works`", "the server's answer"][..],
        ),
        (
            &["ledger/refund", "--args", r#"{"amount": 499.99}"#],
            0,
            &[
                "is silent: `args.amount` does not hold  (",
                "policy.d/more.toml:2)",
            ],
        ),
        (
            &["ledger/refund", "--args", r#"{"amount": 500}"#],
            3,
            &[
                "ask: ",
                "`large refunds need a person` speaks",
                "a tool error",
            ],
        ),
        (
            &["ledger/get_x", "--label", "untrusted"],
            4,
            &[
                "deny: rule `nothing after hearsay`",
                "a tool error: start a new task",
            ],
        ),
        (
            &["ledger/drop"],
            4,
            &["envelope of `clerk`", "Unknown tool: drop"],
        ),
        (&["other/x"], 4, &["404 Not found"]),
        (
            &["ledger/get_x", "--at", "2100-01-01"],
            4,
            &["has expired", "403"],
        ),
        (&["ledger/get_x", "--chain", "gone"], 4, &["is retired"]),
    ] {
        let (got, out, error) = ask(&folder, &[&call, more].concat());
        assert_eq!(got, Some(code), "{more:?}\n{out}{error}");
        for word in words {
            assert!(out.contains(word), "{more:?}: {word} is missing\n{out}");
        }
    }
}

#[test]
fn explain_is_data_too() {
    let folder = folder();
    let (code, said) = json(
        &folder,
        &[
            "explain",
            "--agent",
            "clerk",
            "--tool",
            "ledger/refund",
            "--args",
            "{}",
        ],
    );
    assert_eq!(code, Some(0));
    assert_eq!(said["decision"], "allow");
    assert_eq!(said["rule"], "the clerk works");
    assert!(said["lease"]["scope"].is_null() && said["lease"].is_object());
    let rules = said["rules"].as_array().unwrap();
    let ask = rules.iter().find(|rule| rule["says"] == "ask").unwrap();
    assert_eq!(ask["speaks"], false);
    assert_eq!(ask["silent"]["key"], "args.amount");
    assert_eq!(ask["line"], 2);
    assert!(ask["file"].as_str().unwrap().ends_with("more.toml"));
}

#[test]
fn what_cannot_be_understood_is_said_and_not_guessed() {
    let folder = folder();
    let agent = ["explain", "--agent", "clerk", "--tool", "ledger/refund"];
    for (args, word) in [
        (
            &["explain", "--agent", "clark", "--tool", "ledger/x"][..],
            "did you mean `clerk`?",
        ),
        (
            &["explain", "--agent", "clerk", "--tool", "ledgre/x"],
            "did you mean `ledger`?",
        ),
        (
            &["explain", "--agent", "clerk", "--tool", "ledger/*"],
            "not one tool",
        ),
        (&["explain", "--agent", "clerk"], "--tool"),
        (&[&agent[..], &["--args", "[1]"]].concat(), "a JSON object"),
        (
            &[&agent[..], &["--args", r#"{"a":1,"a":2}"#]].concat(),
            "--args",
        ),
        (&[&agent[..], &["--at", "soon"]].concat(), "no instant"),
        (
            &[&agent[..], &["--user", "corb:al"]].concat(),
            "did you mean `corp`?",
        ),
        (&[&agent[..], &["--label", "secret"]].concat(), "secret"),
        (&["access", "--agent", "clark"], "did you mean `clerk`?"),
        (&["access", "--server", "nowhere"], "no server"),
    ] {
        let (code, out, error) = ask(&folder, args);
        assert_eq!(code, Some(2), "{args:?}\n{out}{error}");
        assert!(error.contains(word), "{args:?}: {word}\n{error}");
    }
    std::fs::write(folder.0.join("policy.d/more.toml"), "[[rules]]\n").unwrap();
    for args in [&agent[..], &["test"], &["access"]] {
        let (code, _, error) = ask(&folder, args);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(error.contains("more.toml:1"), "{args:?}\n{error}");
    }
}

#[test]
fn tests_are_run_and_what_differs_is_shown() {
    let folder = folder();
    let (code, out, _) = ask(&folder, &["test"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains("ok    reading passes") && out.contains("1 test, 0 failed"),
        "{out}"
    );
    let cases = "[[tests]]\nname = \"refunds pass\"\n\
        call = { agent = \"clerk\", tool = \"ledger/refund\", args = { amount = 1_000 } }\nexpect = \"allow\"\n\
        [[tests]]\nname = \"hearsay\"\n\
        call = { agent = \"clerk\", tool = \"ledger/get_x\", labels = \"untrusted\" }\n\
        expect = { deny = \"nothing after hearsay\" }\n";
    std::fs::write(folder.0.join("cases.toml"), cases).unwrap();
    let (code, out, _) = ask(&folder, &["test", "cases.toml"]);
    assert_eq!(code, Some(1), "{out}");
    for word in [
        "FAIL  refunds pass  (cases.toml:2)",
        "- expected allow",
        "+ got      ask by `large refunds need a person`",
        "more.toml:2)",
        "3 tests, 1 failed",
    ] {
        assert!(out.contains(word), "{word} is missing\n{out}");
    }
    let (code, said) = json(&folder, &["test", "cases.toml"]);
    assert_eq!(
        (code, &said["tests"], &said["failed"]),
        (Some(1), &3.into(), &1.into())
    );
    let failed = said["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["passed"] == false);
    let failed = failed.unwrap();
    assert_eq!(failed["got"]["rule"], "large refunds need a person");
    assert_eq!(failed["explanation"]["decision"], "ask");
    // A file that is no case file, and one that is not there.
    std::fs::write(folder.0.join("cases.toml"), "[agents.x]\n").unwrap();
    let (code, _, error) = ask(&folder, &["test", "cases.toml"]);
    assert!(code == Some(1) && error.contains("unknown-key"), "{error}");
    let (code, _, error) = ask(&folder, &["test", "nothing.toml"]);
    assert!(code == Some(1) && error.contains("nothing.toml"), "{error}");
}

#[test]
fn access_says_who_reaches_what() {
    let folder = folder();
    let (code, out, _) = ask(&folder, &["access"]);
    assert_eq!(code, Some(0), "{out}");
    for word in [
        "clerk\n",
        "ledger/refund  write  by `the clerk works` (hopgate.toml:27)",
        "asks, by `large refunds need a person`",
        "unless denied by `nothing after hearsay`",
    ] {
        assert!(out.contains(word), "{word} is missing\n{out}");
    }
    let (_, out, _) = ask(&folder, &["access", "--agent", "gone"]);
    assert!(out.contains("not let in: it is retired"), "{out}");
    let (_, out, _) = ask(&folder, &["access", "--tool", "ledger/drop"]);
    assert_eq!(out, "nobody\n");
    let (_, said) = json(&folder, &["access", "--tool", "ledger/get_x"]);
    let ways = said["access"].as_array().unwrap();
    assert_eq!(ways.len(), 1, "{said}");
    assert_eq!(ways[0]["tools"][0], "ledger/get_*");
    assert_eq!(ways[0]["effects"][0], "read");
    assert_eq!(ways[0]["denies"][0]["name"], "nothing after hearsay");
}

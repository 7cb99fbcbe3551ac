//! The command line: mistakes all at once with file, line and underline, exit codes, and nothing that panics.

use std::path::PathBuf;
use std::process::Output;
use tests::gateway::{binary, run};
use tests::setup::Place;

pub(crate) struct Folder(pub(crate) PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn folder(config: &str) -> Folder {
    let folder = Place::free().folder;
    std::fs::write(folder.join("hopgate.toml"), config).unwrap();
    Folder(folder)
}

pub(crate) fn check(config: &str) -> (Option<i32>, String) {
    let folder = folder(config);
    let output = run(&folder.0, &["check"]);
    (output.status.code(), both(&output))
}

pub(crate) fn both(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    assert!(!text.contains("panicked at"), "{text}");
    text
}

pub(crate) const GOOD: &str = r#"
[gateway]
listen = "127.0.0.1:3000"
admin = "127.0.0.1:15000"
public_url = "http://127.0.0.1:3000"
data_dir = "data"
[identities.here]
kind = "local"
[agents.tester]
owner = "a@example.com"
purpose = "p"
expires = 2099-01-01
identity = ["local"]
envelope = { tools = ["notes/**"], effects = ["read", "write", "persist", "destroy"] }
[servers.notes]
builtin = "notes"
[[rules]]
name = "notes"
agents = ["tester"]
tools = ["notes/**"]
allow = true
"#;

#[test]
fn a_good_file_passes() {
    let (code, text) = check(GOOD);
    assert_eq!(code, Some(0), "{text}");
}

/// The example of the repository runs as it is, and its first line is what editors look for.
#[test]
fn the_example_passes_without_a_warning() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../config.example.toml");
    let (code, text) = check(&std::fs::read_to_string(example).unwrap());
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("0 errors") && text.contains("0 warnings"),
        "{text}"
    );
}

#[test]
fn every_mistake_is_named_at_once() {
    let config = GOOD.replace("kind = \"local\"", "kind = \"lokal\"")
        + "[servers.bad]\nurl = \"ftp://x/\"\n[servers.worse]\nurl = \"https://user:pw@example.org/mcp\"\n\
           [[rules]]\nname = \"notes\"\ntools = [\"nope/x\"]\nallow = true\n[nonsense]\na = 1\n";
    let (code, text) = check(&config);
    assert_eq!(code, Some(1), "{text}");
    for word in [
        "lokal",
        "ftp",
        "password",
        "nope",
        "nonsense",
        "hopgate.toml",
    ] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
    // Underlined where it stands.
    let line = config
        .lines()
        .position(|line| line.contains("ftp"))
        .unwrap()
        + 1;
    assert!(
        text.contains(&format!("hopgate.toml:{line}:")),
        "line {line}:\n{text}"
    );
    assert!(text.contains('^'), "{text}");
    assert!(!text.contains("user:pw"), "a password is shown:\n{text}");
}

#[test]
fn single_mistakes() {
    let cases = [
        ("a typo is mended", "listen = ", "lissten = ", "listen"),
        (
            "a later issue's key",
            "builtin = \"notes\"",
            "builtin = \"notes\"\nsession_credential = \"bound\"",
            "not in this version",
        ),
        (
            "a later issue's server",
            "builtin = \"notes\"",
            "command = [\"npx\"]",
            "not in this version",
        ),
        (
            "a literal secret",
            "data_dir = \"data\"",
            "data_dir = \"data\"\nadmin_token = \"s3cret\"",
            "file",
        ),
        (
            "a missing file",
            "data_dir = \"data\"",
            "data_dir = \"data\"\ntls = { cert = \"no.pem\", key = { file = \"no.key\" } }",
            "no.pem",
        ),
        (
            "local behind a public address",
            "listen = \"127.0.0.1:3000\"",
            "listen = \"0.0.0.0:3000\"",
            "loopback",
        ),
        (
            "an unknown agent",
            "agents = [\"tester\"]",
            "agents = [\"ghost\"]",
            "ghost",
        ),
        (
            "an unknown credential",
            "allow = true",
            "allow = true\ncredential = \"gh\"",
            "no credential is named `gh`",
        ),
        ("a rule that says nothing", "allow = true", "", "allow"),
        (
            "a bad duration",
            "data_dir = \"data\"",
            "data_dir = \"data\"\ndeadlines = { call = \"soon\" }",
            "soon",
        ),
        (
            "a path in public_url",
            "public_url = \"http://127.0.0.1:3000\"",
            "public_url = \"http://127.0.0.1:3000/x\"",
            "public_url",
        ),
        (
            "a syntax mistake",
            "[servers.notes]",
            "[servers.notes",
            "hopgate.toml",
        ),
    ];
    for case in cases {
        mistaken(case);
    }
}

#[test]
fn mistakes_of_telemetry() {
    let cases = [
        (
            "a literal header",
            "kind = \"local\"",
            "kind = \"local\"\n[telemetry]\notlp = { endpoint = \"http://127.0.0.1:4317\", headers = { x-key = \"s3cret\" } }",
            "a secret is written into the file",
        ),
        (
            "a variable that is not there",
            "kind = \"local\"",
            "kind = \"local\"\n[telemetry]\notlp = { endpoint = \"http://127.0.0.1:4317\", headers = { x-key = { env = \"HOPGATE_NO_SUCH\" } } }",
            "HOPGATE_NO_SUCH",
        ),
        (
            "no share",
            "kind = \"local\"",
            "kind = \"local\"\n[telemetry]\nsample = 1.5",
            "share from 0 to 1",
        ),
        (
            "a collector's path",
            "kind = \"local\"",
            "kind = \"local\"\n[telemetry]\notlp = { endpoint = \"http://127.0.0.1:4317/v1/traces\" }",
            "scheme, host and port",
        ),
        (
            "logs to nowhere",
            "kind = \"local\"",
            "kind = \"local\"\n[telemetry]\nlogs = true",
            "no collector",
        ),
    ];
    for case in cases {
        mistaken(case);
    }
}

/// A good configuration with one thing changed is refused, and told so; a secret in it is not repeated.
pub(crate) fn mistaken((why, from, to, expected): (&str, &str, &str, &str)) {
    let config = GOOD.replacen(from, to, 1);
    assert_ne!(config, GOOD, "{why}");
    let (code, text) = check(&config);
    assert_eq!(code, Some(1), "{why}:\n{text}");
    assert!(text.contains(expected), "{why}: no `{expected}` in\n{text}");
    assert!(
        !text.contains("s3cret"),
        "{why}: a secret is shown:\n{text}"
    );
}

#[test]
fn machines_get_json() {
    let folder = folder(&GOOD.replace("listen = ", "lissten = "));
    let output = run(&folder.0, &["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let values: Vec<serde_json::Value> = serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(text.contains("lissten") && !values.is_empty(), "{text}");
}

#[test]
fn serve_refuses_what_check_refuses() {
    let folder = folder(&GOOD.replace("listen = ", "lissten = "));
    let output = run(&folder.0, &["serve"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(both(&output).contains("lissten"));
    let output = run(&folder.0, &["serve", "--config", "absent.toml"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(both(&output).contains("absent.toml"));
}

#[test]
fn odd_files_are_refused() {
    let folder = folder(GOOD);
    std::fs::create_dir(folder.0.join("dir.toml")).unwrap();
    std::fs::write(folder.0.join("bytes.toml"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(folder.0.join("huge.toml"), "#".repeat(9 << 20)).unwrap();
    let fifo = folder.0.join("fifo.toml");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    for name in [
        "dir.toml",
        "bytes.toml",
        "huge.toml",
        "fifo.toml",
        "absent.toml",
    ] {
        let output = run(&folder.0, &["check", "--config", name]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", both(&output));
        assert!(both(&output).contains(name), "{name}: {}", both(&output));
    }
}

#[test]
fn the_schema_is_json_and_knows_every_table() {
    let folder = folder(GOOD);
    let output = run(&folder.0, &["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for table in [
        "gateway",
        "identities",
        "agents",
        "servers",
        "rules",
        "telemetry",
        "credentials",
    ] {
        assert!(schema["properties"][table].is_object(), "{table}");
    }
    let server = &schema["properties"]["servers"]["additionalProperties"]["properties"];
    assert!(server["url"].is_object());
    assert!(server["command"].is_null(), "a key of a later issue");
}

#[test]
fn small_commands() {
    let folder = folder(GOOD);
    let run = |args: &[&str]| run(&folder.0, args);
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(both(&version).starts_with("hopgate "), "{}", both(&version));
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(both(&output).contains("hopgate"));
    }
    let (one, two) = (both(&run(&["key", "new"])), both(&run(&["key", "new"])));
    assert_eq!(one.trim().len(), 44, "{one}");
    assert_ne!(one, two);
    let help = both(&run(&["--help"]));
    for command in ["serve", "check", "schema", "demo", "completions", "key"] {
        assert!(help.contains(command), "{command}:\n{help}");
    }
    assert_eq!(run(&["nonsense"]).status.code(), Some(2));
    assert!(binary().is_file());
}

/// `demo` needs nothing: it serves, calls, and draws each trace as a backend would; its records are proven.
#[test]
fn the_demo_runs_on_a_bare_machine() {
    let folder = folder("");
    std::fs::remove_file(folder.0.join("hopgate.toml")).unwrap();
    let output = run(&folder.0, &["demo"]);
    let text = both(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    // Each of these stands further down than the one before; those of a pair deeper in the tree as well.
    let mut from = 0;
    let mut find = |what: &str| {
        let found = lines[from..].iter().position(|line| line.contains(what));
        let at = from + found.unwrap_or_else(|| panic!("no `{what}` after line {from}:\n{text}"));
        from = at + 1;
        let depth = lines[at]
            .split(what)
            .next()
            .map(|lead| lead.chars().count());
        (at, depth.unwrap_or_default())
    };
    let chain = [
        "tools/call tidy → librarian",
        "tools/call tidy at librarian",
        "task librarian",
        "planner > librarian: tools/call read_note → notes",
        "tools/call read_note at notes",
    ];
    let mut outer = 0;
    for what in chain {
        let (_, depth) = find(what);
        assert!(depth > outer, "{what}:\n{text}");
        outer = depth;
    }
    find("✗ planner > librarian: tools/call delete_note → notes");
    find("the agent saw: Unknown tool: delete_note (-32602)");
    let (clerk, _) = find("task clerk");
    let (refused, _) = find("✗ tools/call delete_note → notes");
    assert!(lines[clerk - 1].starts_with("trace ") && lines[refused].contains("SERVER"));
    find("refused (rule): deny by rule `the ledger is never thrown away`");
    find("the agent saw: the ledger is kept");
    find("14 calls answered, 3 refused.");
    find(" records, whole: proven as `hopgate audit verify` does");
    let wide = lines.iter().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None, "{text}");
    let traces = lines.iter().filter(|line| line.starts_with("trace "));
    assert_eq!(traces.count(), 3, "{text}");
}

//! What `hopgate check` says of credentials from authorization servers, GitHub and AWS, before any of them is asked.

use super::folder;
use std::path::Path;
use tests::gateway::run;

const REST: &str = r#"
[gateway]
listen = "127.0.0.1:3000"
admin = "127.0.0.1:15000"
public_url = "http://127.0.0.1:3000"
data_dir = "data"
[identities.here]
kind = "local"
"#;

const ROLE: &str = "role = \"arn:aws:iam::123456789012:role/agents\"\nregion = \"eu-central-1\"";
const ISSUER: &str = r#"issuer = "https://idp.example.com""#;
const SECRET: &str = r#"client = { id = "x", secret = { file = "secret" } }"#;
const KEY: &str = r#"client = { id = "x", key = { file = "key.pem" } }"#;

/// An Ed25519 key that is used for nothing else.
const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

pub(super) fn check(folder: &Path, table: &str) -> String {
    let config = format!("{REST}\n[credentials.own]\n{table}\n");
    std::fs::write(folder.join("hopgate.toml"), config).unwrap();
    let output = run(folder, &["check"]);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        !text.contains("panicked") && !text.contains("hunter2"),
        "{text}"
    );
    text
}

pub(super) fn place() -> std::path::PathBuf {
    let folder = folder();
    std::fs::write(folder.join("secret"), "hunter2-of-the-client").unwrap();
    std::fs::write(folder.join("key.pem"), PEM).unwrap();
    folder
}

#[test]
fn what_is_right_passes() {
    let folder = place();
    for table in [
        format!("kind = \"oauth\"\n{ISSUER}\n{SECRET}"),
        format!("kind = \"oauth\"\n{ISSUER}\n{KEY}\naudience = \"y\"\nscope = [\"read\"]"),
        format!(
            "kind = \"exchange\"\n{ISSUER}\n{KEY}\nactor = \"signed\"\nsubject_token = \"jwt\""
        ),
        format!("kind = \"exchange\"\n{ISSUER}\n{SECRET}\nactor = {{ file = \"secret\" }}"),
        format!(
            "kind = \"exchange\"\n{ISSUER}\n{SECRET}\nid_jag = {{ issuer = \"https://as.example.com\", {KEY} }}"
        ),
    ] {
        let said = check(&folder, &table);
        assert!(!said.contains("error["), "{table}\n{said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// The kind, further lines of its table, and what is said of it.
const MISTAKES: &[(&str, &[&str], &str)] = &[
    ("oauth", &[SECRET], "no authorization server is named"),
    ("oauth", &[ISSUER], "kind `oauth` needs `client`"),
    (
        "oauth",
        &[
            ISSUER,
            SECRET,
            "token_endpoint = \"https://idp.example.com/t\"",
        ],
        "`issuer` says itself where tokens are given",
    ),
    (
        "oauth",
        &[
            ISSUER,
            SECRET,
            "revocation_endpoint = \"https://idp.example.com/r\"",
        ],
        "`issuer` says itself where tokens are taken back",
    ),
    (
        "oauth",
        &["token_endpoint = \"https://idp.example.com/t\"", SECRET],
        "no token can be taken back",
    ),
    (
        "oauth",
        &[ISSUER, "client = { id = \"x\" }"],
        "proves itself by nothing",
    ),
    (
        "oauth",
        &[ISSUER, "client = { id = \"x\", secret = \"hunter2\" }"],
        "a secret is written into the file",
    ),
    (
        "oauth",
        &[ISSUER, "client = { secret = { file = \"secret\" } }"],
        "`client` needs `id`",
    ),
    (
        "oauth",
        &[
            ISSUER,
            "client = { id = \"x\", secret = { file = \"secret\" }, assertion = \"secret\" }",
        ],
        "a client proves itself by one thing",
    ),
    (
        "oauth",
        &[
            ISSUER,
            "client = { id = \"x\", key = { file = \"secret\" } }",
        ],
        "cannot sign",
    ),
    (
        "oauth",
        &[
            ISSUER,
            "client = { id = \"x\", key = { file = \"key.pem\" }, alg = \"RS256\" }",
        ],
        "cannot sign",
    ),
    (
        "oauth",
        &[
            ISSUER,
            "client = { id = \"x\", key = { file = \"key.pem\" }, method = \"post\" }",
        ],
        "has no meaning",
    ),
    (
        "oauth",
        &[ISSUER, "client = { assertion = \"missing.jwt\" }"],
        "missing.jwt",
    ),
    (
        "oauth",
        &[ISSUER, SECRET, "actor = \"signed\""],
        "no meaning for kind `oauth`",
    ),
    (
        "exchange",
        &[ISSUER, SECRET, "actor = \"signed\""],
        "only a client with a `key` can sign who acts",
    ),
    (
        "exchange",
        &[
            ISSUER,
            KEY,
            "actor = \"signed\"",
            "id_jag = { issuer = \"https://as.example.com\", client = { id = \"x\", secret = { file = \"secret\" } } }",
        ],
        "`actor` has no meaning with `id_jag`",
    ),
    (
        "github_app",
        &[
            "app = \"x\"",
            "installation = 1",
            "key = { file = \"key.pem\" }",
        ],
        "cannot sign",
    ),
    (
        "github_app",
        &["app = \"x\"", "key = { file = \"key.pem\" }"],
        "needs `installation`",
    ),
    (
        "oauth",
        &[
            ISSUER,
            SECRET,
            "inject = { basic = \"{username}:{token}\" }",
        ],
        "this credential has no `{username}`",
    ),
    (
        "aws",
        &[ROLE],
        "needs either `access_key` or `web_identity`",
    ),
    (
        "aws",
        &[ROLE, "web_identity = \"caller\"", "session_tags = true"],
        "`session_tags` has no meaning with `web_identity`",
    ),
    (
        "aws",
        &[ROLE, "web_identity = \"caller\""],
        "AWS takes no session back",
    ),
    (
        "aws",
        &[
            "role = \"agents\"",
            "region = \"x\"",
            "web_identity = \"caller\"",
        ],
        "is no ARN of a role",
    ),
];

#[test]
fn every_mistake_is_said_before_anybody_is_asked() {
    let folder = place();
    for (kind, keys, says) in MISTAKES {
        let table = format!("kind = \"{kind}\"\n{}", keys.join("\n"));
        let said = check(&folder, &table);
        assert!(said.contains(says), "{table}\n{said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

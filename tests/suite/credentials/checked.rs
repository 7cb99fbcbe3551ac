//! What `hopgate check` says of credentials: what cannot be, and what is worth a look.

use crate::check_cli::{GOOD, both, check, folder, mistaken};
use tests::gateway::run;

#[test]
fn mistakes() {
    let cases = [
        (
            "a credential nobody has",
            "builtin = \"notes\"",
            "url = \"http://127.0.0.1:1/mcp\"\ncredential = \"absent\"",
            "no credential is named `absent`",
        ),
        (
            "a credential for a built-in server",
            "builtin = \"notes\"",
            "builtin = \"notes\"\ncredential = \"absent\"",
            "no credential is named `absent`",
        ),
        (
            "a secret written into a credential",
            "kind = \"local\"",
            "kind = \"local\"\n[credentials.x]\nkind = \"static\"\nfrom = \"s3cret-s3cret\"",
            "a secret is written into the file",
        ),
        (
            "two places for one credential",
            "kind = \"local\"",
            "kind = \"local\"\n[credentials.x]\nkind = \"static\"\nfrom = { env = \"HOME\" }\ninject = { query = \"a\", cookie = \"b\" }",
            "a credential goes in one place",
        ),
        (
            "a field that the issuer does not give",
            "kind = \"local\"",
            "kind = \"local\"\n[credentials.x]\nkind = \"static\"\nfrom = { env = \"HOME\" }\ninject = { value = \"{user}\" }",
            "this credential has no `{user}`",
        ),
        (
            "a header of the protocol",
            "kind = \"local\"",
            "kind = \"local\"\n[credentials.x]\nkind = \"static\"\nfrom = { env = \"HOME\" }\ninject = { header = \"Mcp-Session-Id\" }",
            "is a header of the protocol",
        ),
        (
            "a key of another kind",
            "kind = \"local\"",
            "kind = \"local\"\n[credentials.x]\nkind = \"static\"\nfrom = { env = \"HOME\" }\npath = \"secret/data/x\"",
            "`path` has no meaning for kind `static`",
        ),
    ];
    for case in cases {
        mistaken(case);
    }
}

/// What is taken, and worth a look.
#[test]
fn credentials_that_are_worth_a_look() {
    let credential = "\n[credentials.x]\nkind = \"static\"\nfrom = { file = \"short\" }\n";
    let server = "[servers.bare]\nurl = \"http://127.0.0.1:1/mcp\"\n";
    let folder = folder(&format!("{GOOD}{credential}{server}"));
    std::fs::write(folder.0.join("short"), "hunter2").unwrap();
    let output = run(&folder.0, &["check"]);
    let text = both(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for wanted in ["static-keys", "short-secret", "no-credential", "`bare`"] {
        assert!(text.contains(wanted), "no `{wanted}` in\n{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    let meant = format!("{GOOD}{server}credential = \"none\"\n");
    let (code, text) = check(&meant);
    assert!(code == Some(0) && !text.contains("no-credential"), "{text}");
}

/// A variable that only the gateway has does not keep others from reading its configuration.
#[test]
fn a_variable_that_is_not_set_keeps_the_gateway_from_starting() {
    let credential =
        "\n[credentials.x]\nkind = \"static\"\nfrom = { env = \"NOBODY_SETS_THIS\" }\n";
    let folder = folder(&format!("{GOOD}{credential}"));
    let output = run(&folder.0, &["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", both(&output));
    assert!(both(&output).contains("NOBODY_SETS_THIS"));
    let output = run(&folder.0, &["serve"]);
    let text = both(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("credentials.x: `NOBODY_SETS_THIS`: the variable is not set"),
        "{text}"
    );
}

//! What `hopgate check` says of credentials that cannot work, kind by kind.

use super::armed;
use tests::gateway::run;
use tests::setup::Place;

/// What is said of these tables beside a server whose credential they are to be.
fn said(tables: &str) -> String {
    let place = Place::free();
    std::fs::write(place.folder.join("secret"), "correct horse battery").unwrap();
    let text = armed("http://127.0.0.1:1/mcp", tables).text(&place);
    std::fs::write(place.config(), text).unwrap();
    let output = run(&place.folder, &["check"]);
    let said = [output.stdout, output.stderr].concat();
    std::fs::remove_dir_all(&place.folder).unwrap();
    String::from_utf8(said).unwrap()
}

fn fine(kind: &str, keys: &str) {
    let said = said(&format!("\n[credentials.own]\nkind = \"{kind}\"\n{keys}\n"));
    assert!(said.contains("\n0 errors"), "{keys}: {said}");
}

fn check(kind: &str, keys: &str, expected: &str) {
    let said = said(&format!("\n[credentials.own]\nkind = \"{kind}\"\n{keys}\n"));
    assert!(!said.contains("\n0 errors"), "{keys}: {said}");
    assert!(said.contains(expected), "{keys}: {said}");
    assert!(!said.contains("correct horse"), "{said}");
}

#[test]
fn a_mint() {
    let good = "audience = \"a\"\nsubject = \"{agent}\"\nclaims = { tenant = \"{user}\" }";
    fine("mint", good);
    check("mint", "subject = \"{token}\"", "none of `{agent}`");
    check(
        "mint",
        "claims = { exp = \"x\" }",
        "`exp` cannot be a further claim",
    );
    check("mint", "claims = { a = \"{\" }", "has `{` without `}`");
    check(
        "mint",
        "alg = \"ES256\"",
        "the gateway's own key is an Ed25519 key",
    );
    check("mint", "alg = \"HS256\"", "HS256");
    check(
        "mint",
        "key = { file = \"secret\" }",
        "no private key in PEM form",
    );
    check("mint", "key = { file = \"none\" }", "none");
    check(
        "mint",
        "inject = { value = \"{password}\" }",
        "has no `{password}`",
    );
    check(
        "mint",
        "from = { file = \"secret\" }",
        "`from` has no meaning for kind `mint`",
    );
    check(
        "mint",
        "ca = \"secret\"",
        "`ca` has no meaning for kind `mint`",
    );
}

#[test]
fn roles_of_postgresql() {
    let with = |url: &str, more: &str| {
        format!(
            "url = \"{url}\"\nuser = \"maker\"\npassword = {{ file = \"secret\" }}\n\
             inject = {{ basic = \"{{username}}:{{password}}\" }}\n{more}"
        )
    };
    let here = "postgres://127.0.0.1/ledger";
    let far = "postgres://db.example.com:5432/ledger";
    fine("postgres", &with(here, "roles = \"reader\""));
    fine(
        "postgres",
        &with(
            far,
            "grants = [\"GRANT SELECT ON t TO {role}\"]\nowner = \"keeper\"",
        ),
    );
    check("postgres", &with(far, "tls = \"off\""), "without TLS");
    fine("postgres", &with(here, "tls = \"off\""));
    check(
        "postgres",
        &with(here, "grants = \"GRANT SELECT ON t TO {role}, {name}\""),
        "a name that is not `{role}`",
    );
    check(
        "postgres",
        &with(here, "grants = \"GRANT SELECT ON t TO PUBLIC\""),
        "does nothing for `{role}`",
    );
    check(
        "postgres",
        &with(here, "inject = { value = \"{token}\" }"),
        "inject",
    );
    check(
        "postgres",
        &with("https://127.0.0.1/ledger", ""),
        "does not begin with `postgres://`",
    );
    check(
        "postgres",
        &with("postgres://maker:correct horse@h/x", ""),
        "a user or a password is written into a URL",
    );
    check(
        "postgres",
        "url = \"postgres://h/x\"\nuser = \"maker\"\ninject = { basic = \"{username}:{password}\" }",
        "needs a `password` or a `client_cert`",
    );
    check(
        "postgres",
        "user = \"maker\"\npassword = { file = \"secret\" }",
        "kind `postgres` needs `url`",
    );
}

//! What `hopgate check` says of credentials of a vault, before it is asked.

use super::mistakes::{check, place};

const ADDRESS: &str = r#"address = "https://vault.example.com:8200""#;
const LOGIN: &str = r#"login = { jwt = { file = "secret" }, role = "hopgate" }"#;
const PATH: &str = r#"path = "database/creds/reader""#;

fn of(keys: &[&str]) -> String {
    format!("kind = \"vault\"\n{}", keys.join("\n"))
}

#[test]
fn every_way_to_log_in_passes() {
    let folder = place();
    for login in [
        LOGIN,
        r#"login = { jwt = "caller", role = "agents", mount = "oidc/corp" }"#,
        r#"login = { approle = { role_id = "r", secret_id = { file = "secret" } } }"#,
        r#"login = { token = { file = "secret" } }"#,
    ] {
        let said = check(
            &folder,
            &of(&[ADDRESS, login, PATH, "namespace = \"team/a\""]),
        );
        assert!(!said.contains("error["), "{login}\n{said}");
    }
    let said = check(
        &folder,
        &of(&[
            "address = \"http://127.0.0.1:8200\"",
            LOGIN,
            "path = \"pki/issue/{scope}\"",
            "parameters = { common_name = \"{agent}.example.com\" }",
        ]),
    );
    assert!(!said.contains("error["), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_mistake_is_said() {
    let folder = place();
    let neither = "needs either `jwt` and `role`, or `approle`, or `token`";
    for (keys, says) in [
        (vec![LOGIN, PATH], "kind `vault` needs `address`"),
        (vec![ADDRESS, PATH], "kind `vault` needs `login`"),
        (vec![ADDRESS, LOGIN], "kind `vault` needs `path`"),
        (
            vec!["address = \"http://vault.example.com\"", LOGIN, PATH],
            "in clear",
        ),
        (
            vec!["address = \"https://vault.example.com/?x=1\"", LOGIN, PATH],
            "has no query",
        ),
        (vec![ADDRESS, "login = {}", PATH], neither),
        (vec![ADDRESS, "login = { jwt = \"caller\" }", PATH], neither),
        (
            vec![
                ADDRESS,
                "login = { token = { file = \"secret\" }, role = \"x\" }",
                PATH,
            ],
            neither,
        ),
        (
            vec![ADDRESS, "login = { token = \"hunter2\" }", PATH],
            "a secret is written into the file",
        ),
        (
            vec![ADDRESS, LOGIN, "path = \"secret/data/../other\""],
            "is no plain path",
        ),
        (
            vec![ADDRESS, LOGIN, "path = \"secret/data/{token}\""],
            "has a name that is none of",
        ),
        (
            vec![ADDRESS, LOGIN, PATH, "from = { file = \"secret\" }"],
            "`from` has no meaning for kind `vault`",
        ),
        (
            vec![
                ADDRESS,
                "login = { jwt = { file = \"nowhere\" }, role = \"x\" }",
                PATH,
            ],
            "nowhere",
        ),
    ] {
        let said = check(&folder, &of(&keys));
        assert!(said.contains(says), "{keys:?}\n{says}\n{said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

//! `kind = "postgres"`: roles of a PostgreSQL server that live as long as their lease.

use super::SecretFrom;
use crate::config::form;
use adapters::credential::postgres::Statement;
use policy::shape::{Choice, Fault, Form, Key, Shape};
use url::Url;

/// `kind = "postgres"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The server, as the place that is dialled: `https` for TLS, `http` for none.
    pub place: Url,
    /// The database.
    pub database: String,
    /// Who makes the roles.
    pub user: String,
    /// Its password; read each time.
    pub password: Option<SecretFrom>,
    /// What roles are members of.
    pub roles: Vec<String>,
    /// What else is run for each.
    pub grants: Vec<Statement>,
    /// Who is given what a role has made.
    pub owner: Option<String>,
}

/// The fields it gives.
pub(super) const FIELDS: [&str; 6] = ["username", "password", "host", "port", "database", "url"];

/// The keys of this kind.
pub(super) const KEYS: [Key; 7] = [
    Key::new(
        "url",
        Shape::Text(PLACE),
        "Kind `postgres`: the server and the database.",
    ),
    Key::new(
        "user",
        Shape::Text(NAME),
        "Kind `postgres`: the role that makes roles; it needs `CREATEROLE`.",
    ),
    Key::new(
        "password",
        Shape::Secret,
        "Kind `postgres`: its password, read anew each time; not needed with a `client_cert`.",
    ),
    Key::new(
        "tls",
        Shape::Choice(&[Choice::new("require"), Choice::new("off")]),
        "Kind `postgres`: `off` can be said of this machine only, and is the default there.",
    ),
    Key::new(
        "roles",
        Shape::OneOrMany(&Shape::Text(NAME)),
        "Kind `postgres`: the roles that a lease's role is a member of; a scope names some of them.",
    ),
    Key::new(
        "grants",
        Shape::OneOrMany(&Shape::Text(STATEMENT)),
        "Kind `postgres`: statements that are run for each role, `{role}` in place of its name.",
    ),
    Key::new(
        "owner",
        Shape::Text(NAME),
        "Kind `postgres`: the role that is given what a lease's role has made; without it that is dropped.",
    ),
];

const PLACE: Form = Form {
    name: "a URL such as \"postgres://db.example.com:5432/ledger\"",
    pattern: Some("^postgres(ql)?://[^/]+/[^/]+$"),
    check: |text| place(text).map(|_| ()),
};

const NAME: Form = Form {
    name: "the name of a role",
    pattern: Some(r"\S"),
    check: |text| match !text.is_empty() && text.len() <= 63 && !text.contains('\0') {
        true => Ok(()),
        false => Err(Fault::new(
            format!("`{}` cannot name a role", text.escape_debug()),
            "PostgreSQL's names have from 1 to 63 bytes",
        )),
    },
};

const STATEMENT: Form = Form {
    name: "a statement such as \"GRANT SELECT ON entries TO {role}\"",
    pattern: Some(r"\{role\}"),
    check: |text| match Statement::parse(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(Fault::new(
            format!("`{}` {why}", text.escape_debug()),
            "the role's name is `{role}`, which needs no quotes around it",
        )),
    },
};

/// The place that is dialled, with `https`, and the database.
pub(in crate::config) fn place(text: &str) -> Result<(Url, String), Fault> {
    let help = "write `postgres://host:5432/database`";
    let invalid = |why: &str| Fault::new(format!("`{}` {why}", text.escape_debug()), help);
    let rest = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let rest = rest.ok_or_else(|| invalid("does not begin with `postgres://`"))?;
    let mut url = form::place(rest, 5432)?;
    let database = url.path().trim_start_matches('/').to_owned();
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~');
    if database.is_empty() || !database.bytes().all(plain) {
        return Err(invalid("names no plain database"));
    }
    if url.query().is_some() {
        return Err(invalid("has a query"));
    }
    url.set_path("");
    Ok((url, database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let check = |text: &str, expected: (&str, u16, &str)| {
            let (url, database) = place(text).unwrap();
            let host = url.host_str().unwrap();
            let port = url.port_or_known_default().unwrap();
            assert_eq!((host, port, &*database), expected, "{text}");
        };
        check(
            "postgres://db.example/ledger",
            ("db.example", 5432, "ledger"),
        );
        check(
            "postgresql://127.0.0.1:6000/a_b",
            ("127.0.0.1", 6000, "a_b"),
        );
        check("postgres://[::1]/x", ("[::1]", 5432, "x"));
        check("postgres://h:443/x", ("h", 443, "x"));
        for bad in [
            "",
            "db.example/ledger",
            "https://db.example/ledger",
            "postgres://db.example",
            "postgres://db.example/",
            "postgres:///ledger",
            "postgres:///ledger/books",
            "postgres://db.example/a/b",
            "postgres://db.example/a%22b",
            "postgres://db.example/a?sslmode=off",
            "postgres://db.example/a#b",
            "postgres://ann@db.example/a",
        ] {
            assert!(place(bad).is_err(), "{bad}");
        }
        let fault = place("postgres://ann:hunter2@db.example/a").unwrap_err();
        assert!(!fault.message.contains("hunter2"), "{}", fault.message);
    }
}

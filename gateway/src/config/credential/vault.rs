//! `kind = "vault"`: what a path of a Vault or OpenBao gives.

use super::SecretFrom;
use crate::config::form::URL;
use adapters::credential::vault::{Jwt, Template};
use policy::shape::{ANY, Choice, Fault, Form, Key, Shape};
use std::path::PathBuf;
use url::Url;

/// `kind = "vault"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// Where it is.
    pub address: Url,
    /// In which namespace of it.
    pub namespace: Option<String>,
    /// As whom it is asked.
    pub login: Login,
    /// What is read.
    pub path: Template,
    /// With what it is written to instead.
    pub parameters: Option<Vec<(Box<str>, Template)>>,
}

/// `login = { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// By a JWT.
    Jwt {
        /// Where the method is.
        mount: String,
        /// As whom.
        role: String,
        /// Whose it is.
        jwt: Jwt,
    },
    /// By AppRole.
    AppRole {
        /// Where the method is.
        mount: String,
        /// As whom.
        role_id: String,
        /// What proves it. A file is read at each login.
        secret_id: SecretFrom,
    },
    /// By a token others keep alive in a file, read each time.
    Token(PathBuf),
}

// === impl Vault ===

impl Vault {
    /// Where the secret is that its issuer is made with; files are read anew each time.
    pub(super) fn secret(&self) -> Option<SecretFrom> {
        match &self.login {
            Login::AppRole {
                secret_id: from @ SecretFrom::Env(_),
                ..
            } => Some(from.clone()),
            Login::AppRole { .. } | Login::Jwt { .. } | Login::Token(_) => None,
        }
    }
}

// === Keys ===

/// The keys of this kind.
pub(super) const KEYS: [Key; 5] = [
    Key::new(
        "address",
        Shape::Text(URL),
        "Kind `vault`: where it is; https, or this machine.",
    ),
    Key::new(
        "namespace",
        Shape::Text(NAMESPACE),
        "Kind `vault`: the namespace of login and path.",
    ),
    Key::new(
        "login",
        Shape::Table(LOGIN),
        "Kind `vault`: as whom it is asked: one of `jwt`, `approle`, `token`.",
    ),
    Key::new(
        "path",
        Shape::Text(VAULT_PATH),
        "Kind `vault`: what is read, such as `database/creds/reader` or `secret/data/name`; `{agent}`, `{user}`, `{subject}`, `{task}`, `{server}`, `{scope}` stand for whom it is.",
    ),
    Key::new(
        "parameters",
        Shape::Texts(PARAMETER),
        "Kind `vault`: with these the path is written to instead, as `pki/issue/ROLE` wants it; templates like `path`.",
    ),
];

const LOGIN: &[Key] = &[
    Key::new(
        "jwt",
        Shape::OrTable(&Shape::Choice(&[Choice::new("caller")]), FILE),
        "A JWT: of the gateway, in a file that is read at each login; or the one the caller came with.",
    ),
    Key::new(
        "role",
        Shape::Text(ANY),
        "With `jwt`: the role to log in as.",
    ),
    Key::new("approle", Shape::Table(APPROLE), "AppRole."),
    Key::new(
        "token",
        Shape::SecretFile,
        "A token that others keep alive in a file; read each time.",
    ),
    Key::new(
        "mount",
        Shape::Text(MOUNT),
        "Where the method is, if not at `jwt` or `approle`.",
    ),
];

const FILE: &[Key] =
    &[Key::new("file", Shape::Text(ANY), "The file that holds the JWT.").required()];

const APPROLE: &[Key] = &[
    Key::new("role_id", Shape::Text(ANY), "The id of the role.").required(),
    Key::new(
        "secret_id",
        Shape::Secret,
        "What proves it; a file is read at each login.",
    )
    .required(),
];

const VAULT_PATH: Form = Form {
    name: "a path such as \"database/creds/reader\"",
    pattern: Some("^[A-Za-z0-9._/{}-]+$"),
    check: |text| template(text, Template::path(text)),
};

const PARAMETER: Form = Form {
    name: "a text such as \"{agent}.example.com\"",
    pattern: Some(r"\S"),
    check: |text| template(text, Template::parse(text)),
};

const MOUNT: Form = Form {
    name: "a path such as \"jwt\"",
    pattern: Some("^[A-Za-z0-9._/-]+$"),
    check: |text| match text.contains('{') {
        true => template(text, Err("holds no names")),
        false => template(text, Template::path(text)),
    },
};

const NAMESPACE: Form = Form {
    name: "a namespace such as \"team/a\"",
    pattern: Some("^[A-Za-z0-9._/-]+$"),
    check: |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
        match !text.is_empty() && text.bytes().all(plain) {
            true => Ok(()),
            false => template(text, Err("is no namespace")),
        }
    },
};

fn template(text: &str, read: Result<Template, &'static str>) -> Result<(), Fault> {
    match read {
        Ok(_) => Ok(()),
        Err(why) => Err(Fault::new(
            format!("`{}` {why}", text.escape_debug()),
            "letters, digits, `.`, `_`, `-`, parts apart by `/`; names as `{agent}`",
        )),
    }
}

//! `kind = "mint"`: a token the gateway signs itself.

use crate::config::form::{AUDIENCE, ISSUER};
use adapters::credential::mint::Template;
use adapters::identity::jwt::Algorithm;
use policy::shape::{Choice, Fault, Form, Key, Shape};
use std::path::PathBuf;

/// `kind = "mint"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mint {
    /// What `iss` says; none: the public URL.
    pub issuer: Option<String>,
    /// What `aud` says; none: the server's URL.
    pub audience: Option<String>,
    /// What `sub` says.
    pub subject: Template,
    /// Further claims.
    pub claims: Vec<(Box<str>, Template)>,
    /// The PEM file of the key that signs; none: the gateway's own.
    pub key: Option<PathBuf>,
    /// What it signs by.
    pub algorithm: Option<Algorithm>,
}

/// Who a token is for where nothing is said.
pub(in crate::config) const SUBJECT: &str = "{subject}";

/// The keys of this kind.
pub(super) const KEYS: [Key; 6] = [
    Key::new(
        "issuer",
        Shape::Text(ISSUER),
        "Kinds `oauth`, `exchange`: the authorization server, exactly as its metadata names it. Kind `mint`: what `iss` says; without it the public URL.",
    ),
    Key::new(
        "audience",
        Shape::Text(AUDIENCE),
        "Kinds `oauth`, `exchange`: for whom the token is, beside the server's URL. Kind `mint`: what `aud` says; without it the server's URL.",
    ),
    Key::new(
        "subject",
        Shape::Text(TEMPLATE),
        "Kind `mint`: what `sub` says, with `{agent}`, `{user}`, `{subject}`, `{task}`, `{server}` in it.",
    )
    .default("\"{subject}\""),
    Key::new(
        "claims",
        Shape::Texts(TEMPLATE),
        "Kind `mint`: further claims, texts like `subject`.",
    ),
    Key::new(
        "key",
        Shape::SecretFile,
        "Kind `github_app`: the app's key, a PEM file. Kind `mint`: the key that signs; without it the gateway's own Ed25519 key.",
    ),
    Key::new(
        "alg",
        Shape::Choice(&[
            Choice::new("EdDSA"),
            Choice::new("ES256"),
            Choice::new("RS256"),
            Choice::new("PS256"),
        ]),
        "Kind `mint`: what `key` signs by; without it the first of these that it can do.",
    ),
];

/// The text of a claim.
const TEMPLATE: Form = Form {
    name: "a text such as \"{agent}\"",
    pattern: Some(r"\S"),
    check: |text| match Template::parse(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(Fault::new(
            format!("`{}` {why}", text.escape_debug()),
            "write names as `{agent}`",
        )),
    },
};

//! `kind = "oauth"` and `kind = "exchange"`: tokens of an authorization server.

use super::SecretFrom;
use crate::config::form::{AUDIENCE, ISSUER, PATH, URL};
use adapters::credential::exchange::Subject;
use adapters::identity::jwt::Algorithm;
use policy::shape::{ANY, Choice, Key, Shape};
use std::path::PathBuf;
use url::Url;

/// `kind = "oauth"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth {
    /// Who is asked, as whom.
    pub registration: Registration,
    /// For whom the token is, beside its resource.
    pub audience: Option<String>,
}

/// `kind = "exchange"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Who is asked, as whom.
    pub registration: Registration,
    /// For whom the token is, beside its resource.
    pub audience: Option<String>,
    /// What callers' tokens are.
    pub subject: Subject,
    /// Who is said to act.
    pub actor: Option<Actor>,
    /// Who takes what is got for a token.
    pub id_jag: Option<IdJag>,
}

/// The gateway as a client of an authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Where the server is.
    pub place: Place,
    /// The client's name there.
    pub id: Option<String>,
    /// What proves it.
    pub proof: ClientProof,
}

/// Where an authorization server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Where its metadata says.
    Issuer(String),
    /// Here.
    Endpoints {
        /// Who gives tokens.
        token: Url,
        /// Who takes them back.
        revocation: Option<Url>,
    },
}

/// What proves a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// Its secret, in a header.
    Basic(SecretFrom),
    /// Its secret, in the body.
    Post(SecretFrom),
    /// A statement signed with its key.
    Key {
        /// The PEM file.
        file: PathBuf,
        /// How it signs.
        algorithm: Option<Algorithm>,
        /// As the server knows it.
        kid: Option<String>,
        /// For whom the statement is.
        audience: Option<String>,
    },
    /// A token that others keep fresh in a file.
    Assertion(PathBuf),
}

/// Who is said to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The client and the agents, in a token it signs.
    Signed,
    /// Whom the token in this file names.
    File(PathBuf),
}

/// `id_jag = { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdJag {
    /// Who is asked, as whom.
    pub registration: Registration,
    /// The issuer it is.
    pub audience: String,
}

/// The keys of these kinds beside `issuer` and `audience`.
pub(super) const KEYS: [Key; 6] = [
    TOKEN_ENDPOINT,
    REVOCATION_ENDPOINT,
    Key::new(
        "client",
        Shape::Table(CLIENT),
        "Kinds `oauth`, `exchange`: as which client the gateway asks.",
    ),
    Key::new(
        "subject_token",
        Shape::Choice(&[
            Choice::new("access_token"),
            Choice::new("id_token"),
            Choice::new("jwt"),
        ]),
        "Kind `exchange`: what the tokens are that callers come with; with `id_jag` it is `id_token` by itself.",
    ),
    Key::new(
        "actor",
        Shape::OrTable(&Shape::Choice(&[Choice::new("signed")]), ACTOR),
        "Kind `exchange`: who is said to act: `signed`, the gateway and the agents before it, by the client's key; or the token in a file.",
    ),
    Key::new(
        "id_jag",
        Shape::Table(ID_JAG),
        "Kind `exchange`: the authorization server that takes the identity assertion of the first for a token.",
    ),
];

const TOKEN_ENDPOINT: Key = Key::new(
    "token_endpoint",
    Shape::Text(URL),
    "Kinds `oauth`, `exchange`: instead of `issuer`, where tokens are given.",
);

const REVOCATION_ENDPOINT: Key = Key::new(
    "revocation_endpoint",
    Shape::Text(URL),
    "Kinds `oauth`, `exchange`: with `token_endpoint`, where tokens are taken back.",
);

const CLIENT: &[Key] = &[
    Key::new("id", Shape::Text(ANY), "The client's name at the server."),
    Key::new("secret", Shape::Secret, "What it proves itself with."),
    Key::new(
        "method",
        Shape::Choice(&[Choice::new("basic"), Choice::new("post")]),
        "Where the secret goes: `client_secret_basic` or `client_secret_post`.",
    )
    .default("\"basic\""),
    Key::new(
        "key",
        Shape::SecretFile,
        "Instead of `secret`: a PEM file, whose key signs a statement for each request (`private_key_jwt`).",
    ),
    Key::new(
        "alg",
        Shape::Choice(&[
            Choice::new("EdDSA"),
            Choice::new("ES256"),
            Choice::new("RS256"),
            Choice::new("PS256"),
        ]),
        "What `key` signs by; without it the first of these that it can do.",
    ),
    Key::new("kid", Shape::Text(ANY), "The name of `key` at the server."),
    Key::new(
        "audience",
        Shape::Text(AUDIENCE),
        "For whom such a statement is; without it the issuer, or the token endpoint where that is configured.",
    ),
    Key::new(
        "assertion",
        Shape::Text(PATH),
        "Instead of `secret`: a file in which others keep a fresh token of this workload; read for each request.",
    ),
];

const ACTOR: &[Key] = &[Key::new(
    "file",
    Shape::Text(PATH),
    "A file in which others keep a fresh token of this workload; read for each exchange.",
)
.required()];

const ID_JAG: &[Key] = &[
    Key::new(
        "issuer",
        Shape::Text(ISSUER),
        "The authorization server, as its metadata and the assertion name it.",
    )
    .required(),
    TOKEN_ENDPOINT,
    REVOCATION_ENDPOINT,
    Key::new(
        "client",
        Shape::Table(CLIENT),
        "As which client the gateway asks there.",
    )
    .required(),
];

// === impl Registration ===

impl Registration {
    /// Where the secret is that it is made with, where that is not read anew each time.
    pub(super) fn secret(&self) -> Option<SecretFrom> {
        match &self.proof {
            ClientProof::Basic(from) | ClientProof::Post(from) => Some(from.clone()),
            ClientProof::Key { file, .. } => Some(SecretFrom::File(file.clone())),
            ClientProof::Assertion(_) => None,
        }
    }
}

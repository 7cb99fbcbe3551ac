//! The keys of `[credentials.NAME]`, and which of them belong to which kind.

use super::{INJECT, aws, fixed, github_app, mint, oauth, postgres, vault};
use crate::config::form::SCOPE;
use crate::config::keys::{DURATION_KEY, FILES, NETWORKS, PAIR};
use policy::shape::{Choice, Key, Shape};

/// `[credentials.NAME]`.
pub(in crate::config) const CREDENTIAL: &[Key] = &{
    let [from, fields] = fixed::KEYS;
    let [issuer, audience, subject, claims, key, alg] = mint::KEYS;
    let [url, user, password, tls, roles, grants, owner] = postgres::KEYS;
    let [
        role,
        region,
        access_key,
        web_identity,
        external_id,
        session_tags,
        endpoint,
    ] = aws::KEYS;
    let [app, installation, api] = github_app::KEYS;
    let [token, revocation, client, subject_token, actor, id_jag] = oauth::KEYS;
    let [address, namespace, login, path, parameters] = vault::KEYS;
    [
        Key::new(
            "kind",
            Shape::Choice(&[
                Choice::new("aws"),
                Choice::new("exchange"),
                Choice::new("github_app"),
                Choice::new("mint"),
                Choice::new("oauth"),
                Choice::new("postgres"),
                Choice::new("static"),
                Choice::new("vault"),
            ]),
            "Who issues it.",
        )
        .required(),
        Key::new(
            "inject",
            Shape::Table(INJECT),
            "Where it goes; without it `Authorization: Bearer {token}`.",
        ),
        Key::new(
            "per",
            Shape::Choice(&[
                Choice::new("task"),
                Choice::new("call"),
                Choice::new("agent"),
            ]),
            "Whom one lease serves: all calls of a task, one call, or all calls of one principal.",
        )
        .default("\"task\""),
        Key::new("ttl", DURATION_KEY, "The longest life of a lease.").default("\"5m\""),
        Key::new(
            "scope",
            Shape::OneOrMany(&Shape::Text(SCOPE)),
            "The most a lease is asked for: what rules say must be among it, where `*` stands for anything; without `*` it is what is asked for where no rule says it.",
        ),
        Key::new(
            "outstanding",
            Shape::Integer(0, 1_000_000),
            "With more leases than these that could not be revoked no more are minted.",
        )
        .default("10"),
        Key::new(
            "ca",
            FILES,
            "PEM files of roots beside the system's and the gateway's.",
        ),
        Key::new(
            "client_cert",
            Shape::Table(PAIR),
            "The certificate the gateway shows the issuer.",
        ),
        Key::new(
            "allow_private",
            NETWORKS,
            "Networks the issuer may be in though they are not public.",
        )
        .default("[]"),
        from,
        fields,
        issuer,
        audience,
        subject,
        claims,
        key,
        alg,
        url,
        user,
        password,
        tls,
        roles,
        grants,
        owner,
        token,
        revocation,
        client,
        subject_token,
        actor,
        id_jag,
        address,
        namespace,
        login,
        path,
        parameters,
        app,
        installation,
        api,
        role,
        region,
        access_key,
        web_identity,
        external_id,
        session_tags,
        endpoint,
    ]
};

/// Keys of every kind.
const COMMON: [&str; 6] = ["kind", "inject", "per", "ttl", "scope", "outstanding"];
/// Keys of kinds that ask an authorization server.
const AUTHORIZATION_SERVER: [&str; 4] = [
    "issuer",
    "token_endpoint",
    "revocation_endpoint",
    "audience",
];
const EXCHANGE: [&str; 7] = [
    "issuer",
    "token_endpoint",
    "revocation_endpoint",
    "audience",
    "subject_token",
    "actor",
    "id_jag",
];
/// Keys of kinds whose issuer is called.
const CALLED: [&str; 3] = ["ca", "client_cert", "allow_private"];

/// What belongs to a kind.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct OfKind {
    /// The keys it cannot do without.
    pub(in crate::config) needed: &'static [&'static str],
    more: &'static [&'static str],
    /// Whether its issuer is somebody who is called.
    called: bool,
}

/// What belongs to a kind.
pub(in crate::config) fn of_kind(kind: &str) -> OfKind {
    let (needed, more, called): (&[_], &[_], _) = match kind {
        "mint" => (
            &[],
            &["issuer", "audience", "subject", "claims", "key", "alg"],
            false,
        ),
        "postgres" => (
            &["url", "user"],
            &["password", "tls", "roles", "grants", "owner"],
            true,
        ),
        "aws" => (
            &["role", "region"],
            &[
                "access_key",
                "web_identity",
                "external_id",
                "session_tags",
                "endpoint",
            ],
            true,
        ),
        "github_app" => (&["app", "installation", "key"], &["api"], true),
        "oauth" => (&["client"], &AUTHORIZATION_SERVER, true),
        "exchange" => (&["client"], &EXCHANGE, true),
        "static" => (&[], &["from", "fields"], false),
        "vault" => (
            &["address", "login", "path"],
            &["namespace", "parameters"],
            true,
        ),
        _ => (&[], &[], true),
    };
    OfKind {
        needed,
        more,
        called,
    }
}

// === impl OfKind ===

impl OfKind {
    /// Whether a key means anything in this kind.
    pub(in crate::config) fn has(&self, key: &str) -> bool {
        COMMON.contains(&key)
            || self.needed.contains(&key)
            || self.more.contains(&key)
            || (self.called && CALLED.contains(&key))
    }
}

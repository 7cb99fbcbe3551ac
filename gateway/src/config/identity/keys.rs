//! The keys of `[identities.NAME]`, and which of them belong to which kind.

use crate::config::form::{AUDIENCE, CLAIM, HASH, ISSUER, PATH, SOCKET, TRUST_DOMAIN, URL};
use crate::config::keys::{DURATION_KEY, FILES, NETWORKS, PAIR};
use policy::shape::{ANY, Choice, Key, Shape};

/// `[identities.NAME]`.
pub(in crate::config) const IDENTITY: &[Key] = &[
    Key::new(
        "kind",
        Shape::Choice(&[
            Choice::new("oidc"),
            Choice::new("spiffe"),
            Choice::new("key"),
            Choice::new("local"),
        ]),
        "How callers prove who they are; `local`: they call from this machine.",
    )
    .required(),
    Key::new(
        "issuer",
        Shape::Text(ISSUER),
        "Kind `oidc`: exactly what `iss` says; its keys are found by discovery.",
    ),
    Key::new(
        "jwks",
        Shape::Text(URL),
        "Kind `oidc`: where the keys are, instead of discovery.",
    ),
    Key::new(
        "audience",
        Shape::OneOrMany(&Shape::Text(AUDIENCE)),
        "Kinds `oidc`, `spiffe`: an audience accepted beside each endpoint's own URI.",
    ),
    Key::new(
        "algorithms",
        Shape::OneOrMany(&Shape::Choice(&[
            Choice::new("ES256"),
            Choice::new("ES384"),
            Choice::new("EdDSA"),
            Choice::new("RS256"),
            Choice::new("RS384"),
            Choice::new("RS512"),
            Choice::new("PS256"),
            Choice::new("PS384"),
            Choice::new("PS512"),
        ])),
        "Kind `oidc`: the signatures it may use; without it ES256, ES384, EdDSA, RS256 and PS256.",
    ),
    Key::new(
        "max_life",
        DURATION_KEY,
        "Kinds `oidc`, `spiffe`: the longest life a token may have.",
    )
    .default("\"24h\""),
    Key::new(
        "stale",
        DURATION_KEY,
        "Kind `oidc`: how long the last good keys are used when the issuer does not answer.",
    )
    .default("\"24h\""),
    Key::new(
        "agent",
        Shape::Text(CLAIM),
        "Kind `oidc`: the claim that names the agent; without it `sub`.",
    ),
    Key::new(
        "user",
        Shape::Text(CLAIM),
        "Kind `oidc`: the claim that names the user the agent acts for.",
    ),
    Key::new(
        "delegation",
        Shape::Bool,
        "Kind `oidc`: whether the actors in `act` are believed to be a chain.",
    )
    .default("false"),
    Key::new(
        "require",
        Shape::Choice(&[Choice::new("dpop"), Choice::new("mtls")]),
        "Kind `oidc`: what every token must be bound to.",
    ),
    Key::new(
        "ca",
        FILES,
        "Kind `oidc`: PEM files of roots beside the system's and the gateway's.",
    ),
    Key::new(
        "client_cert",
        Shape::Table(PAIR),
        "Kind `oidc`: the certificate the gateway shows the issuer.",
    ),
    Key::new(
        "allow_private",
        NETWORKS,
        "Kind `oidc`: networks the issuer may be in though they are not public.",
    )
    .default("[]"),
    Key::new(
        "trust_domain",
        Shape::Text(TRUST_DOMAIN),
        "Kind `spiffe`: whose workloads.",
    ),
    Key::new(
        "federates",
        Shape::OneOrMany(&Shape::Text(TRUST_DOMAIN)),
        "Kind `spiffe`: other trust domains that are believed; their bundles come over the Workload API.",
    ),
    Key::new(
        "workload_api",
        Shape::Text(SOCKET),
        "Kind `spiffe`: the Workload API's socket; bundles and the gateway's own SVID come from there.",
    ),
    Key::new(
        "bundle",
        Shape::Text(PATH),
        "Kind `spiffe`: instead of `workload_api`, a SPIFFE bundle or PEM file; re-read on change.",
    ),
    Key::new(
        "svid",
        Shape::Table(PAIR),
        "Kind `spiffe`: with `bundle`, the gateway's own SVID.",
    ),
    Key::new(
        "keys",
        Shape::Rows(STATIC_KEY),
        "Kind `key`: the keys, each known only by its hash.",
    ),
];

const STATIC_KEY: &[Key] = &[
    Key::new("id", Shape::Text(ANY), "The subject it proves.").required(),
    Key::new(
        "hash",
        Shape::Text(HASH),
        "`hopgate key hash` makes it of the key.",
    )
    .required(),
];

/// The keys of a kind beside `kind`, those it cannot do without first.
pub(in crate::config) fn of_kind(kind: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        "oidc" => (
            &["issuer"],
            &[
                "jwks",
                "audience",
                "algorithms",
                "max_life",
                "stale",
                "agent",
                "user",
                "delegation",
                "require",
                "ca",
                "client_cert",
                "allow_private",
            ],
        ),
        "spiffe" => (
            &["trust_domain"],
            &[
                "federates",
                "workload_api",
                "bundle",
                "svid",
                "audience",
                "max_life",
            ],
        ),
        "key" => (&["keys"], &[]),
        _ => (&[], &[]),
    }
}

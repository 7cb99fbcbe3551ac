//! What a caller without a good proof is told: where to get one, and for what (RFC 6750, RFC 9449, RFC 9728).

use super::Resource;
use crate::config::{Binding, Identity};
use crate::snapshot::Snapshot;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use std::fmt::Write as _;

/// The `WWW-Authenticate` headers of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(Vec<HeaderValue>);

/// What kind of fault the caller is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No proof came.
    Absent,
    /// The token is not good.
    Token,
    /// The token's key was not proven.
    Dpop,
}

/// The signatures a proof of a key may have.
const DPOP_ALGORITHMS: &str = "ES256 ES384 EdDSA RS256 PS256";

/// A good token that holds too few scopes for what was asked; all that it needs, in one challenge.
pub(crate) fn insufficient_scope(
    snapshot: &Snapshot,
    resource: Resource<'_>,
    scopes: &[Box<str>],
) -> Challenge {
    let mut text = "Bearer error=\"insufficient_scope\"".to_owned();
    push(&mut text, "scope", &scopes.join(" "));
    if let Some(metadata) = metadata(snapshot, resource) {
        push(&mut text, "resource_metadata", &metadata);
    }
    Challenge(HeaderValue::from_str(&text).ok().into_iter().collect())
}

// === impl Challenge ===

impl Challenge {
    pub(super) fn new(snapshot: &Snapshot, resource: Resource<'_>, kind: Kind) -> Self {
        let mut text = "Bearer".to_owned();
        match metadata(snapshot, resource) {
            Some(metadata) => push(&mut text, "resource_metadata", &metadata),
            None => push(&mut text, "realm", "hopgate"),
        }
        if let (Resource::Endpoint(server), Kind::Absent) = (resource, kind) {
            let scopes = policy::base_scopes(&snapshot.config.policy, server);
            if !scopes.is_empty() {
                push(&mut text, "scope", &scopes.join(" "));
            }
        }
        if kind == Kind::Token {
            push(&mut text, "error", "invalid_token");
        }
        let mut texts = vec![text];
        if kind == Kind::Dpop || wants_dpop(snapshot) {
            let mut text = "DPoP".to_owned();
            push(&mut text, "algs", DPOP_ALGORITHMS);
            if kind == Kind::Dpop {
                push(&mut text, "error", "invalid_dpop_proof");
            }
            texts.push(text);
        }
        let values = texts
            .iter()
            .filter_map(|text| HeaderValue::from_str(text).ok());
        Self(values.collect())
    }

    /// Puts it into an answer.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        for value in &self.0 {
            headers.append(WWW_AUTHENTICATE, value.clone());
        }
    }
}

/// Where the resource describes itself; nowhere, where no issuer of tokens is configured.
fn metadata(snapshot: &Snapshot, resource: Resource<'_>) -> Option<String> {
    let public = snapshot.public();
    super::metadata::issuers(snapshot).next()?;
    Some(match resource {
        Resource::Endpoint(name) => {
            format!("{public}/.well-known/oauth-protected-resource/servers/{name}/mcp")
        }
        Resource::Gateway => format!("{public}/.well-known/oauth-protected-resource"),
    })
}

fn wants_dpop(snapshot: &Snapshot) -> bool {
    let mut identities = snapshot.config.identities.values();
    identities.any(
        |identity| matches!(identity, Identity::Oidc(oidc) if oidc.require == Some(Binding::Dpop)),
    )
}

/// Adds a parameter; the values here are URLs and scopes, which hold no quotes.
fn push(text: &mut String, name: &str, value: &str) {
    let comma = if text.contains('=') { "," } else { "" };
    // Writing to a string cannot fail.
    let _ = write!(text, "{comma} {name}=\"{value}\"");
}

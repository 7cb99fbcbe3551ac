//! How the gateway describes itself to clients that look for a token (RFC 9728), and where the oldest of them find
//! the issuer.

use super::Resource;
use crate::config::{Binding, Identity, Oidc};
use crate::snapshot::Snapshot;
use serde_json::{Value, json};

/// The metadata of a protected resource; none where no issuer of tokens is configured.
pub(crate) fn protected_resource(snapshot: &Snapshot, resource: Resource<'_>) -> Option<Value> {
    let servers: Vec<&str> = issuers(snapshot).map(|oidc| oidc.issuer.as_str()).collect();
    if servers.is_empty() {
        return None;
    }
    let mut document = json!({
        "resource": resource.uri(snapshot.public()).to_string(),
        "authorization_servers": servers,
        "bearer_methods_supported": ["header"],
        "resource_name": "hopgate",
        "dpop_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "RS256", "PS256"],
        "dpop_bound_access_tokens_required": all(snapshot, Binding::Dpop),
        "tls_client_certificate_bound_access_tokens": all(snapshot, Binding::Certificate),
    });
    if let (Resource::Endpoint(server), Some(members)) = (resource, document.as_object_mut()) {
        let scopes = policy::base_scopes(&snapshot.config.policy, server);
        if !scopes.is_empty() {
            members.insert("scopes_supported".to_owned(), json!(scopes));
        }
    }
    Some(document)
}

/// Where clients of revision 2025-03-26 find the issuer's own metadata: they ask for it here.
pub(crate) fn authorization_server(snapshot: &Snapshot) -> Option<String> {
    let issuer = issuers(snapshot).next()?;
    let mut url = issuer.url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    Some(url.into())
}

/// The issuers whose tokens are taken.
pub(super) fn issuers(snapshot: &Snapshot) -> impl Iterator<Item = &Oidc> {
    let identities = snapshot.config.identities.values();
    identities.filter_map(|identity| match identity {
        Identity::Oidc(oidc) => Some(&**oidc),
        _ => None,
    })
}

fn all(snapshot: &Snapshot, binding: Binding) -> bool {
    issuers(snapshot).all(|oidc| oidc.require == Some(binding))
}

//! What an issuer or authorization server publishes about itself (RFC 8414, OpenID Connect Discovery), and where that
//! may lead: a URL that an operator wrote allows its own address to be dialled, one that the other side wrote does not.

use crate::egress::{Fetcher, embedded, is_public};
use crate::wire;
use crate::wire::scan::Bounds;
use ipnet::IpNet;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use url::{Host, Url};

/// Whose metadata is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    /// Where it is.
    pub(crate) url: Url,
    /// Exactly as its metadata writes it.
    pub(crate) text: String,
    /// Networks that may be dialled though they are not public.
    pub(crate) allow_private: Vec<IpNet>,
}

/// What it says of itself.
#[derive(Debug)]
pub(crate) struct Metadata<'a> {
    issuer: &'a Issuer,
    document: Value,
}

/// Metadata is flat.
const BOUNDS: Bounds = Bounds {
    depth: 16,
    members: 10_000,
    number: 64,
};

// === impl Issuer ===

impl Issuer {
    /// What `read` finds in the first metadata that has it. A place that answers with something else is passed over:
    /// many servers answer everything with a page.
    ///
    /// # Errors
    ///
    /// What is wrong with each place. Never holds bytes of the other side.
    pub(crate) async fn discover<T>(
        &self,
        fetcher: &Fetcher,
        read: impl Fn(&Metadata<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut why = Vec::new();
        for place in places(&self.url) {
            let document = fetcher.get(&place).await;
            match document
                .map_err(|why| why.to_string())
                .and_then(|document| read(&Metadata::parse(self, &document)?))
            {
                Ok(found) => return Ok(found),
                Err(fault) => why.push(format!("{}: {fault}", place.path())),
            }
        }
        Err(format!("its metadata: {}", why.join("; ")))
    }

    /// Names other than `localhost` are judged when they are resolved.
    fn may_lead_to(&self, url: &Url) -> bool {
        if url.scheme() != "https" && url.scheme() != self.url.scheme() {
            return false;
        }
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        let address = match url.host() {
            host if host == self.url.host() => return true,
            Some(Host::Domain("localhost")) => Ipv4Addr::LOCALHOST.into(),
            Some(Host::Domain(_)) => return true,
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => embedded(address).map_or(address.into(), IpAddr::V4),
            None => return false,
        };
        let listed = |range: &IpNet| range.contains(&address);
        is_public(address) || self.allow_private.iter().any(listed)
    }
}

// === impl Metadata ===

impl<'a> Metadata<'a> {
    fn parse(issuer: &'a Issuer, document: &[u8]) -> Result<Self, String> {
        wire::sound(document, &BOUNDS).map_err(|_| "is no sound JSON".to_owned())?;
        let document: Value =
            serde_json::from_slice(document).map_err(|_| "is no JSON".to_owned())?;
        let metadata = Self { issuer, document };
        match metadata.text("issuer") == Some(&issuer.text) {
            true => Ok(metadata),
            false => Err("names another issuer".to_owned()),
        }
    }

    /// A URL it names; none where it names none.
    ///
    /// # Errors
    ///
    /// A URL that may not be called.
    pub(crate) fn url(&self, name: &str) -> Result<Option<Url>, String> {
        let url = match self.document.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.as_str().and_then(|text| Url::parse(text).ok()),
        };
        match url {
            Some(url) if self.issuer.may_lead_to(&url) => Ok(Some(url)),
            Some(_) => Err("leads to an address it may not lead to".to_owned()),
            None => Err(format!("its `{name}` is no URL")),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.document.get(name).and_then(Value::as_str)
    }
}

/// Where an issuer's metadata may be: RFC 8414 puts the well-known part before its path, OpenID Connect after it.
fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/').to_owned();
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let place = |path: &String| {
        let mut url = issuer.clone();
        url.set_path(path);
        url
    };
    paths.iter().map(place).collect()
}

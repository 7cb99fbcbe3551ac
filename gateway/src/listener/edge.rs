//! Who may speak to a listener at all: names we answer to, web origins that were invited, and the listener's limits.
//!
//! A browser can be made to send requests here (DNS rebinding, a form on any page), but not to lie about
//! `Host` and `Origin`; so both are checked on every listener before anything else is looked at.

use std::sync::Arc;

use adapters::identity::spiffe;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri};

use crate::config::{Bounds, Deadlines, Gateway};
use crate::listener::tls;
use crate::telemetry::metrics::Shut;

/// What a listener needs of the current snapshot.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Names accepted in `Host`, lower case, without port.
    pub hosts: Vec<String>,
    /// Origins that get CORS; empty = CORS off.
    pub origins: Vec<String>,
    /// `[gateway.bounds]`.
    pub bounds: Bounds,
    /// `[gateway.deadlines]`.
    pub deadlines: Deadlines,
    /// Certificate and protocols, where this listener speaks TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// A request from an invited web origin, or from no web page (`None`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited(Option<HeaderValue>);

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

// === impl Edge ===

impl Edge {
    /// The agents' side, with the gateway's own SVID where `tls` names one. Reads the certificate, so that a broken one
    /// refuses the whole snapshot.
    ///
    /// # Errors
    /// Says which file of `tls` is wrong and how.
    pub fn agents(gateway: &Gateway, own: Option<&Arc<spiffe::Source>>) -> Result<Self, String> {
        let tls = gateway
            .tls
            .as_ref()
            .map(|settings| tls::server_config(settings, own))
            .transpose()?;
        Ok(Self {
            hosts: gateway.hosts.clone(),
            origins: gateway.origins.clone(),
            bounds: gateway.bounds.clone(),
            deadlines: gateway.deadlines.clone(),
            tls,
        })
    }

    /// The operators' side: no CORS, no TLS; loopback names where it listens on loopback.
    pub fn admin(gateway: &Gateway) -> Self {
        let mut hosts = gateway.hosts.clone();
        if gateway.admin.ip().is_loopback() {
            hosts.extend(LOOPBACK.map(str::to_owned));
        }
        Self {
            hosts,
            origins: Vec::new(),
            bounds: gateway.bounds.clone(),
            deadlines: gateway.deadlines.clone(),
            tls: None,
        }
    }

    /// Checks `Host` and `Origin`.
    ///
    /// # Errors
    /// Which of the two is not ours.
    pub fn admit(&self, head: &Parts) -> Result<Invited, Shut> {
        let authority = authority(&head.uri, &head.headers).ok_or(Shut::Host)?;
        let name = host_name(authority).ok_or(Shut::Host)?;
        if !self
            .hosts
            .iter()
            .any(|host| host.eq_ignore_ascii_case(name))
        {
            return Err(Shut::Host);
        }
        let mut origins = head.headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(Invited(None));
        };
        if origins.next().is_some() {
            return Err(Shut::Origin);
        }
        let text = origin.to_str().map_err(|_not_text| Shut::Origin)?;
        if self.origins.iter().any(|invited| invited == text) {
            return Ok(Invited(Some(origin.clone())));
        }
        if is_own_loopback(text, authority, name) {
            return Ok(Invited(None));
        }
        Err(Shut::Origin)
    }
}

// === impl Invited ===

impl Invited {
    /// The origin that gets CORS headers.
    pub(crate) fn origin(&self) -> Option<&HeaderValue> {
        self.0.as_ref()
    }
}

/// The one authority a request names: `Host`, `:authority`, or both when they say the same.
fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().ok()?),
        (Some(_), Some(_)) => return None,
    };
    let named = uri.authority().map(http::uri::Authority::as_str);
    match (named, host) {
        (Some(named), Some(host)) if !named.eq_ignore_ascii_case(host) => None,
        (named, host) => host.or(named),
    }
}

/// The name without its port; `None` where the whole is not `name`, `name:port` or `[address]:port`.
fn host_name(authority: &str) -> Option<&str> {
    let name_end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')?.checked_add(2)?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at_checked(name_end)?;
    let port_is_well = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok() && !digits.starts_with('+'),
        None => port.is_empty(),
    };
    (port_is_well && !name.is_empty()).then_some(name)
}

/// A page served from the very loopback address it speaks to cannot be a stranger's.
fn is_own_loopback(origin: &str, authority: &str, name: &str) -> bool {
    let loopback = LOOPBACK.iter().any(|own| own.eq_ignore_ascii_case(name));
    let own = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    loopback && own.is_some_and(|own| own.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    /// An edge as on a bare machine.
    pub(crate) fn bare() -> Edge {
        let second = Duration::from_secs(1);
        Edge {
            hosts: LOOPBACK.map(str::to_owned).to_vec(),
            origins: Vec::new(),
            bounds: Bounds {
                body: 1 << 20,
                answer: 1 << 24,
                event: 1 << 20,
                depth: 64,
                members: 10_000,
                batch: 16,
                connections: 10_000,
                calls: 10_000,
                lag: second,
                streams: 10_000,
                tasks: 10_000,
            },
            deadlines: Deadlines {
                header: second * 10,
                body: second * 15,
                connect: second * 5,
                call: second * 600,
                stream: second * 86_400,
                linger: second * 5,
                drain: second * 30,
                task: second * 3_600,
                idle: second * 300,
            },
            tls: None,
        }
    }

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn check(headers: &[(&str, &str)], expected: Result<Option<&str>, Shut>) {
        let mut edge = bare();
        edge.hosts.push("gate.example".to_owned());
        edge.origins.push("https://app.example".to_owned());
        let got = edge.admit(&head("/", headers));
        let got = got.map(|invited| invited.0.map(|origin| origin.to_str().unwrap().to_owned()));
        assert_eq!(
            got,
            expected.map(|origin| origin.map(str::to_owned)),
            "{headers:?}"
        );
    }

    #[test]
    fn host_is_one_of_ours() {
        for ours in [
            "localhost",
            "LocalHost",
            "localhost:3000",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:3000",
            "gate.example",
            "GATE.example:443",
        ] {
            check(&[("host", ours)], Ok(None));
        }
        for other in [
            "",
            "evil.example",
            "localhost.evil.example",
            "localhost:",
            "localhost:x",
            "localhost:+1",
            "localhost:65536",
            "localhost:1:2",
            "localhost.",
            "[::1",
            "[::1]x",
            "[::1]:",
            "::1",
            "user@localhost",
            "localhost, evil.example",
            " localhost",
            "127.0.0.2",
            "[::2]",
            "[]",
        ] {
            check(&[("host", other)], Err(Shut::Host));
        }
        check(&[], Err(Shut::Host));
        check(
            &[("host", "localhost"), ("host", "localhost")],
            Err(Shut::Host),
        );
    }

    #[test]
    fn authority_and_host_say_the_same() {
        let edge = bare();
        let both = |uri, host| edge.admit(&head(uri, &[("host", host)]));
        assert!(both("http://localhost:1/", "localhost:1").is_ok());
        assert_eq!(both("http://localhost:1/", "127.0.0.1"), Err(Shut::Host));
        assert!(edge.admit(&head("https://localhost/", &[])).is_ok());
        assert_eq!(
            edge.admit(&head("https://evil.example/", &[])),
            Err(Shut::Host)
        );
    }

    #[test]
    fn origin_is_absent_invited_or_our_own() {
        let from = |host, origin, expected| check(&[("host", host), ("origin", origin)], expected);
        from(
            "gate.example",
            "https://app.example",
            Ok(Some("https://app.example")),
        );
        from("localhost:1", "http://localhost:1", Ok(None));
        from("[::1]:1", "http://[::1]:1", Ok(None));
        for (host, origin) in [
            ("localhost:1", "null"),
            ("localhost:1", ""),
            ("localhost:1", "http://localhost:2"),
            ("localhost:1", "http://localhost"),
            ("localhost:1", "http://127.0.0.1:1"),
            ("localhost:1", "http://evil.example"),
            ("localhost:1", "file://localhost:1"),
            ("gate.example", "https://gate.example"),
            ("gate.example", "https://APP.example"),
            ("gate.example", "https://app.example:443"),
            ("gate.example", "https://app.example.evil"),
            ("gate.example", "http://app.example"),
            ("gate.example", "https://app.example, null"),
        ] {
            from(host, origin, Err(Shut::Origin));
        }
        let twice = ("origin", "https://app.example");
        check(&[("host", "localhost"), twice, twice], Err(Shut::Origin));
    }
}

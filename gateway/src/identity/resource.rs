//! What a caller's proof must be meant for: one endpoint, or the gateway's own doors.
//!
//! Computed from the configured public URL alone, never from what a request says of its host.

use std::fmt;

/// A protected resource of this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource<'a> {
    /// `/servers/NAME/mcp`.
    Endpoint(&'a str),
    /// What is the gateway's own: a caller's tasks.
    Gateway,
}

/// The URI of a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uri<'a> {
    /// Scheme, host and port; no trailing slash.
    public: &'a str,
    resource: Resource<'a>,
}

// === impl Resource ===

impl<'a> Resource<'a> {
    /// Its canonical URI under a public URL without a trailing slash.
    pub(crate) fn uri(self, public: &'a str) -> Uri<'a> {
        Uri {
            public,
            resource: self,
        }
    }

    /// Whether a token for this audience is meant for it. What is the gateway's own opens for a token of any of its
    /// endpoints: it shows its caller nothing but the caller's own.
    pub(crate) fn accepts(self, public: &str, audience: &str) -> bool {
        let Some(path) = audience.strip_prefix(public) else {
            return false;
        };
        let endpoint = path
            .strip_prefix("/servers/")
            .and_then(|rest| rest.strip_suffix("/mcp"));
        match (self, endpoint) {
            (Self::Endpoint(name), Some(meant)) => name == meant,
            (Self::Endpoint(_), None) => false,
            (Self::Gateway, Some(meant)) => !meant.contains('/'),
            (Self::Gateway, None) => path.is_empty() || path == "/",
        }
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resource {
            Resource::Endpoint(name) => write!(f, "{}/servers/{name}/mcp", self.public),
            Resource::Gateway => f.write_str(self.public),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Resource;

    #[test]
    fn a_token_is_meant_for_one_endpoint() {
        let public = "https://gate.example";
        let own = "https://gate.example/servers/a/mcp";
        assert_eq!(Resource::Endpoint("a").uri(public).to_string(), own);
        assert!(Resource::Endpoint("a").accepts(public, own));
        assert!(Resource::Gateway.accepts(public, own));
        assert!(Resource::Gateway.accepts(public, public));
        for other in [
            "https://gate.example/servers/b/mcp",
            "https://gate.example/servers/a/mcp/",
            "https://gate.example/servers/A/mcp",
            "https://GATE.example/servers/a/mcp",
            "http://gate.example/servers/a/mcp",
            "https://gate.example:443/servers/a/mcp",
            "https://gate.example.evil/servers/a/mcp",
            "https://gate.example/servers/a",
            "https://gate.example",
            "",
            "*",
        ] {
            assert!(!Resource::Endpoint("a").accepts(public, other), "{other}");
        }
        for other in [
            "https://gate.example.evil",
            "https://gate.example/servers/a/b/mcp",
            "",
        ] {
            assert!(!Resource::Gateway.accepts(public, other), "{other}");
        }
    }
}

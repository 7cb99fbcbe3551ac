//! Which door a path leads to. Paths are compared byte by byte: what is not exactly one of ours is nothing.

use std::sync::Arc;

use http::{Method, Uri};

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/servers/NAME/mcp`.
    Endpoint(Arc<str>),
    /// A door of the gateway's own.
    Place(Place),
    /// A browser asks whether it may.
    Options,
    /// A path of ours, not a method of it.
    WrongMethod,
    /// Not ours.
    Nowhere,
}

/// A door of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `/tasks`, or `/tasks/ID`.
    Tasks(Option<Box<str>>),
    /// What the gateway says of itself.
    Document(Document),
}

/// What the gateway says of itself, to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// `/.well-known/jwks.json`.
    Keys,
    /// `/.well-known/oauth-protected-resource`, or that of one server's endpoint.
    Resource(Option<Arc<str>>),
    /// `/.well-known/oauth-authorization-server`.
    Issuer,
}

/// Longest `NAME`.
const NAME_MAX: usize = 128;

/// Doors of later versions (`/mcp`, `/apis/…`) lead nowhere in this one.
pub(crate) fn route(method: &Method, uri: &Uri) -> Route {
    if uri.query().is_some() {
        return Route::Nowhere;
    }
    let path = uri.path();
    if let Some(name) = server_name(path) {
        return match *method {
            Method::POST | Method::GET | Method::DELETE => Route::Endpoint(Arc::from(name)),
            Method::OPTIONS => Route::Options,
            _ => Route::WrongMethod,
        };
    }
    match (place(path), method) {
        (None, _) => Route::Nowhere,
        (Some(_), &Method::OPTIONS) => Route::Options,
        (Some(place @ Place::Document(_)), &Method::GET) => Route::Place(place),
        (Some(place @ Place::Tasks(None)), &(Method::GET | Method::POST)) => Route::Place(place),
        (Some(place @ Place::Tasks(Some(_))), &(Method::GET | Method::DELETE)) => {
            Route::Place(place)
        }
        (Some(_), _) => Route::WrongMethod,
    }
}

fn place(path: &str) -> Option<Place> {
    if let Some(rest) = path.strip_prefix("/tasks") {
        let id = match rest {
            "" => None,
            _ => {
                let id = rest.strip_prefix('/')?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                let well = !id.is_empty() && id.len() <= NAME_MAX && id.bytes().all(plain);
                Some(Box::from(well.then_some(id)?))
            }
        };
        return Some(Place::Tasks(id));
    }
    let document = match path.strip_prefix("/.well-known/")? {
        "jwks.json" => Document::Keys,
        "oauth-authorization-server" => Document::Issuer,
        rest => match rest.strip_prefix("oauth-protected-resource")? {
            "" => Document::Resource(None),
            endpoint => Document::Resource(Some(Arc::from(server_name(endpoint)?))),
        },
    };
    Some(Place::Document(document))
}

fn server_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/servers/")?.strip_suffix("/mcp")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let well = !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(plain);
    (well && name != "." && name != "..").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, target: &str, expected: Route) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(
            route(&method, &target.parse().unwrap()),
            expected,
            "{method} {target}"
        );
    }

    #[test]
    fn doors_of_the_gateways_own() {
        let resource = |name: &str| Document::Resource(Some(Arc::from(name)));
        for (path, document) in [
            ("/.well-known/jwks.json", Document::Keys),
            ("/.well-known/oauth-authorization-server", Document::Issuer),
            (
                "/.well-known/oauth-protected-resource",
                Document::Resource(None),
            ),
            (
                "/.well-known/oauth-protected-resource/servers/a.b/mcp",
                resource("a.b"),
            ),
        ] {
            check("GET", path, Route::Place(Place::Document(document)));
            check("POST", path, Route::WrongMethod);
            check("OPTIONS", path, Route::Options);
        }
        let id = || Some(Box::from("0190-a"));
        check("GET", "/tasks", Route::Place(Place::Tasks(None)));
        check("POST", "/tasks", Route::Place(Place::Tasks(None)));
        check("DELETE", "/tasks", Route::WrongMethod);
        check("GET", "/tasks/0190-a", Route::Place(Place::Tasks(id())));
        check("DELETE", "/tasks/0190-a", Route::Place(Place::Tasks(id())));
        check("POST", "/tasks/0190-a", Route::WrongMethod);
    }

    #[test]
    fn endpoints_by_name() {
        for name in ["notes", "a", "my-server_2.x", "A"] {
            let target = format!("/servers/{name}/mcp");
            for method in ["GET", "POST", "DELETE"] {
                check(method, &target, Route::Endpoint(name.into()));
            }
            check("OPTIONS", &target, Route::Options);
            for method in ["PUT", "PATCH", "HEAD", "post", "QUERY"] {
                check(method, &target, Route::WrongMethod);
            }
        }
    }

    #[test]
    fn all_else_is_nowhere() {
        let long = format!("/servers/{}/mcp", "n".repeat(NAME_MAX + 1));
        for target in [
            "/",
            "/mcp",
            "/servers",
            "/servers/",
            "/servers/mcp",
            "/servers//mcp",
            "/servers/notes",
            "/servers/notes/",
            "/servers/notes/mcp/",
            "/servers/notes/sse",
            "//servers/notes/mcp",
            "/servers//notes/mcp",
            "/servers/notes//mcp",
            "/Servers/notes/mcp",
            "/servers/notes/MCP",
            "/servers/no%74es/mcp",
            "/servers/notes%2fmcp",
            "/servers/../mcp",
            "/servers/./mcp",
            "/servers/a/b/mcp",
            "/servers/a;b/mcp",
            "/servers/notes/mcp?x=1",
            "/servers/notes/mcp?",
            "/servers/notes/mcp;x",
            "/apis/x/y",
            "/tasks/",
            "/tasks/a/b",
            "/tasks/..",
            "/tasks?x=1",
            "/tasksx",
            "/.well-known/",
            "/.well-known/jwks.json/",
            "/.well-known/oauth-protected-resource/",
            "/.well-known/oauth-protected-resource/servers/../mcp",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resourceservers/a/mcp",
            "/.well-known/openid-configuration",
            "/healthz",
            "/metrics",
            &long,
        ] {
            for method in ["GET", "POST", "OPTIONS", "PUT"] {
                check(method, target, Route::Nowhere);
            }
        }
    }
}

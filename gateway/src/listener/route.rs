//! Which door a path leads to. Paths are compared byte by byte: what is not exactly one of ours is nothing.

use std::sync::Arc;

use http::{Method, Uri};

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/servers/NAME/mcp`.
    Endpoint(Arc<str>),
    /// A browser asks whether it may.
    Options,
    /// A path of ours, not a method of it.
    WrongMethod,
    /// Not ours.
    Nowhere,
}

/// Longest `NAME`.
const NAME_MAX: usize = 128;

/// Doors of later versions (`/mcp`, `/apis/…`, `/tasks`, `/.well-known/…`) lead nowhere in this one.
pub(crate) fn route(method: &Method, uri: &Uri) -> Route {
    let Some(name) = server_name(uri) else {
        return Route::Nowhere;
    };
    match *method {
        Method::POST | Method::GET | Method::DELETE => Route::Endpoint(Arc::from(name)),
        Method::OPTIONS => Route::Options,
        _ => Route::WrongMethod,
    }
}

fn server_name(uri: &Uri) -> Option<&str> {
    if uri.query().is_some() {
        return None;
    }
    let name = uri.path().strip_prefix("/servers/")?.strip_suffix("/mcp")?;
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
            "/tasks",
            "/.well-known/oauth-protected-resource",
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

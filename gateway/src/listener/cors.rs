//! What web pages of invited origins are told. Never `*`: every answer names the one origin it is for.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, VARY,
};
use http::{HeaderMap, HeaderValue};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, Hopgate-Call",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const ALLOWED: &str = "Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, \
     Mcp-Method, Mcp-Name, DPoP, traceparent, tracestate, baggage";

/// Whether this is a browser's question before the request, not a request.
pub(crate) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to it.
pub(crate) fn allow(asked: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed(asked));
    answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

/// Added to every answer of a listener with CORS.
pub(crate) fn name(origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
    answer.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// The headers MCP uses. `Mcp-Param-*` has no end, so those asked for are named back.
fn allowed(asked: &HeaderMap) -> HeaderValue {
    let asked = asked
        .get(ACCESS_CONTROL_REQUEST_HEADERS)
        .and_then(|list| list.to_str().ok());
    let mut all = ALLOWED.to_owned();
    for name in asked.unwrap_or_default().split(',').map(str::trim) {
        let param = name
            .get(..10)
            .is_some_and(|start| start.eq_ignore_ascii_case("mcp-param-"));
        if param && http::HeaderName::from_bytes(name.as_bytes()).is_ok() {
            all.push_str(", ");
            all.push_str(name);
        }
    }
    HeaderValue::try_from(all).unwrap_or_else(|_never| HeaderValue::from_static(ALLOWED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_asked_for_are_allowed_and_nothing_else() {
        let mut asked = HeaderMap::new();
        asked.insert(
            ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static(
                "content-type, Mcp-Param-City, x-evil, mcp-param-a b,mcp-param-x",
            ),
        );
        let mut answer = HeaderMap::new();
        allow(&asked, &mut answer);
        let headers = answer[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert!(
            headers.ends_with(", baggage, Mcp-Param-City, mcp-param-x"),
            "{headers}"
        );
    }
}

//! Where a credential goes in a request, and that nothing of the caller's goes there.

use super::{SECRET, armed, fixed, folder, telling};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::{Agent, Gateway, Received};

/// Calls a tool through a gateway with this `inject`, and returns what arrived.
async fn sent(inject: &str) -> Received {
    let upstream = telling().await;
    let place = folder();
    let tables = fixed(&place, &format!("inject = {{ {inject} }}"));
    let gateway = Gateway::start(&armed(&upstream.url(), &tables)).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(agent.call("note", r#"{"text":"x"}"#).await.said(), "done");
    let calls = upstream.with_method("tools/call");
    assert_eq!(calls.len(), 1);
    calls.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_header_is_where_it_goes_by_itself() {
    let received = sent("").await;
    let bearer = format!("Bearer {SECRET}");
    assert_eq!(received.head.get("authorization"), Some(bearer.as_str()));
    assert!(received.head.line.ends_with("/mcp HTTP/1.1"));
    assert!(!received.text().contains(SECRET));
}

#[tokio::test]
async fn any_other_header() {
    let received = sent(r#"header = "X-Api-Key", value = "key={token}""#).await;
    let key = format!("key={SECRET}");
    assert_eq!(received.head.get("x-api-key"), Some(key.as_str()));
    assert_eq!(received.head.get("authorization"), None);
}

#[tokio::test]
async fn basic_authentication() {
    let received = sent(r#"basic = "me:{token}""#).await;
    let basic = format!("Basic {}", STANDARD.encode(format!("me:{SECRET}")));
    assert_eq!(received.head.get("authorization"), Some(basic.as_str()));
}

#[tokio::test]
async fn a_parameter_of_the_query() {
    let received = sent(r#"query = "key""#).await;
    let target = format!("/mcp?key={SECRET} HTTP/1.1");
    assert!(
        received.head.line.ends_with(&target),
        "{}",
        received.head.line
    );
    assert_eq!(received.head.get("authorization"), None);
}

#[tokio::test]
async fn a_cookie() {
    let received = sent(r#"cookie = "session""#).await;
    let cookie = format!("session={SECRET}");
    assert_eq!(received.head.get("cookie"), Some(cookie.as_str()));
}

#[tokio::test]
async fn an_argument_of_the_tool() {
    let received = sent(r#"body = "api_key""#).await;
    let arguments = received.raw(&["params", "arguments"]).unwrap();
    assert_eq!(arguments, format!(r#"{{"api_key":"{SECRET}","text":"x"}}"#));
    assert_eq!(received.head.get("authorization"), None);
}

#[tokio::test]
async fn a_caller_does_not_bring_the_argument_itself() {
    let upstream = telling().await;
    let tables = fixed(&folder(), r#"inject = { body = "api_key" }"#);
    let gateway = Gateway::start(&armed(&upstream.url(), &tables)).await;
    let agent = Agent::modern(&gateway);
    for arguments in [
        r#"{"api_key":"mine"}"#,
        r#"{"text":"x","api\u005fkey":null}"#,
    ] {
        let answer = agent.call("note", arguments).await;
        assert!(
            answer.text().contains("not the caller's to give"),
            "{}",
            answer.text()
        );
    }
    assert!(upstream.with_method("tools/call").is_empty());
    for arguments in ["null", "[]", "5", "\"x\""] {
        let answer = agent.call("note", arguments).await;
        assert!(answer.code().is_some(), "{arguments}: {}", answer.text());
    }
    assert!(upstream.with_method("tools/call").is_empty());
    for (arguments, whole) in [
        ("{}", r#"{"api_key":"SECRET"}"#),
        (" { } ", r#"{"api_key":"SECRET" }"#),
    ] {
        agent.call("note", arguments).await;
        let last = upstream.with_method("tools/call").pop().unwrap();
        let sent = last.raw(&["params", "arguments"]).unwrap();
        assert_eq!(sent, whole.replace("SECRET", SECRET));
    }
}

#[tokio::test]
async fn what_a_caller_proves_itself_with_goes_nowhere() {
    let upstream = telling().await;
    let tables = fixed(&folder(), r#"inject = { query = "key" }"#);
    let gateway = Gateway::start(&armed(&upstream.url(), &tables)).await;
    let agent = Agent::modern(&gateway);
    let (body, _) = agent.message("tools/call", r#"{"name":"note","arguments":{}}"#);
    let answer = agent
        .post_with(&body, "Cookie: mine=1\r\nX-Api-Key: mine\r\n")
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let received = upstream.with_method("tools/call").pop().unwrap();
    for name in ["authorization", "cookie", "x-api-key"] {
        assert_eq!(received.head.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_stand_in_a_request_is_refused_and_not_cut() {
    let upstream = telling().await;
    let place = folder();
    let tables = fixed(&place, "");
    std::fs::write(place.join("static.token"), "first\r\nX-Admin: 1").unwrap();
    let gateway = Gateway::start(&armed(&upstream.url(), &tables)).await;
    let answer = Agent::modern(&gateway).call("note", "{}").await;
    assert_eq!(
        (answer.status(), answer.code()),
        (502, Some(-31_502)),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("X-Admin"));
    assert!(upstream.received().is_empty());
}

//! Rules that ask for OAuth scopes: who lacks one is told all that the call needs, and steps up.

use super::{EVERYTHING, World, audience};
use serde_json::json;
use tests::setup::registered;
use tests::{Gateway, Issuer, Setup, Upstream};

async fn scoped() -> World {
    let issuer = Issuer::start().await;
    let upstream = Upstream::saying("ok").await;
    let rule = |name: &str, tool: &str, scopes: &str| {
        format!(
            "\n[[rules]]\nname = \"{name}\"\ntools = [\"up/{tool}\"]\nrequires = [{scopes}]\nallow = true\n"
        )
    };
    let rules = rule("read", "echo", "\"mcp\", \"tools:read\"")
        + &rule("write", "put", "\"mcp\", \"tools:read\", \"tools:write\"");
    let setup = Setup::new(&upstream.url())
        .without_local()
        .rules(&rules)
        .tail(&issuer.identity("corp", ""))
        .tail(&registered("worker", "\"corp:worker\"", EVERYTHING));
    World {
        gateway: Gateway::start(&setup).await,
        upstream,
        issuer,
    }
}

#[tokio::test]
async fn a_call_needs_the_scopes_of_its_rule() {
    let world = scoped().await;
    let address = world.gateway.address();
    let expected = |scopes: &str| {
        format!(
            "Bearer error=\"insufficient_scope\", scope=\"{scopes}\", resource_metadata=\"http://{address}/.well-known/oauth-protected-resource/servers/up/mcp\""
        )
    };
    let (read, write) = ("mcp tools:read", "mcp tools:read tools:write");
    let token = |change| world.issuer.sign(&world.changed("worker", change));
    for (tool, needs, change) in [
        ("echo", read, json!({})),
        ("echo", read, json!({ "scope": "" })),
        ("echo", read, json!({ "scope": "mcp" })),
        ("echo", read, json!({ "scope": "mcp tools:reader" })),
        ("echo", read, json!({ "scope": "MCP TOOLS:READ" })),
        ("put", write, json!({ "scope": read })),
        ("put", write, json!({ "scope": "tools:write" })),
    ] {
        let shown = change.to_string();
        let answer = world.agent(&token(change)).call(tool, "{}").await;
        assert_eq!(answer.status(), 403, "{tool} {shown}: {answer:?}");
        let told = answer.head.get("www-authenticate");
        assert_eq!(told, Some(expected(needs).as_str()), "{tool} {shown}");
        assert_eq!(answer.json()["error"]["message"], "Insufficient scope");
    }
    assert!(world.upstream.received().is_empty());
    for (tool, change) in [
        ("echo", json!({ "scope": read })),
        ("echo", json!({ "scope": "other tools:read mcp" })),
        ("echo", json!({ "scp": ["mcp", "tools:read"] })),
        ("put", json!({ "scope": write })),
    ] {
        let answer = world.agent(&token(change)).call(tool, "{}").await;
        assert_eq!(answer.said(), "ok", "{tool}: {answer:?}");
    }
    // A scope that is not text is no token of ours.
    let answer = world.call(&token(json!({ "scope": 1 }))).await;
    assert_eq!(answer.status(), 401);
}

/// Before its first token a client learns what every call needs, and only that.
#[tokio::test]
async fn the_first_challenge_names_what_all_calls_need() {
    let world = scoped().await;
    let mut agent = world.agent("");
    agent.headers.clear();
    let answer = agent.call("echo", "{}").await;
    assert_eq!(answer.status(), 401);
    let told = answer.head.get("www-authenticate").unwrap();
    assert!(told.contains("scope=\"mcp tools:read\""), "{told}");
    let path = "/.well-known/oauth-protected-resource/servers/up/mcp";
    let document = super::visit(&agent, "GET", path, "").await.json();
    assert_eq!(document["scopes_supported"], json!(["mcp", "tools:read"]));
    assert_eq!(document["resource"], audience(&world.gateway, "up"));
}

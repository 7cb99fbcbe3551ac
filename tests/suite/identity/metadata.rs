//! What the gateway says of itself to everybody: who lets in, and which keys are its own.

use super::{World, audience, visit};
use serde_json::json;
use tests::{Agent, Gateway, Setup, Upstream};

#[tokio::test]
async fn a_resource_describes_itself() {
    let world = World::start().await;
    let agent = Agent::modern(&world.gateway);
    let address = world.gateway.address();
    let base = "/.well-known/oauth-protected-resource";
    for (path, resource) in [
        (base.to_owned(), format!("http://{address}")),
        (
            format!("{base}/servers/up/mcp"),
            audience(&world.gateway, "up"),
        ),
        // Whether a server exists is nobody's business.
        (
            format!("{base}/servers/absent/mcp"),
            audience(&world.gateway, "absent"),
        ),
    ] {
        let answer = visit(&agent, "GET", &path, "").await;
        assert_eq!(answer.status(), 200, "{path}");
        let document = answer.json();
        assert_eq!(document["resource"], resource, "{path}");
        assert_eq!(document["authorization_servers"], json!([world.issuer.url]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        assert_eq!(answer.head.get("content-type"), Some("application/json"));
        for verb in ["POST", "DELETE", "PUT"] {
            let status = visit(&agent, verb, &path, "").await.status();
            assert_eq!(status, 405, "{verb} {path}");
        }
    }
    for malformed in [
        "/",
        "/servers/up",
        "/servers/up/mcp/",
        "/servers//mcp",
        "/servers/../mcp",
        "/servers/a%2fb/mcp",
        "/servers/up/mcp?x=1",
        "/mcp",
        "x",
    ] {
        let path = format!("{base}{malformed}");
        let answer = visit(&agent, "GET", &path, "").await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert!(world.upstream.received().is_empty());
}

/// The address in a `WWW-Authenticate` is the address of a document that names the resource that was asked for.
#[tokio::test]
async fn the_challenge_leads_to_the_document() {
    let world = World::start().await;
    let agent = Agent::modern(&world.gateway);
    let told = agent.call("echo", "{}").await;
    let told = told.head.get("www-authenticate").unwrap().to_owned();
    let address = format!("http://{}", world.gateway.address());
    let link = told.split("resource_metadata=\"").nth(1).unwrap();
    let path = link
        .split('"')
        .next()
        .unwrap()
        .strip_prefix(&address)
        .unwrap();
    let document = visit(&agent, "GET", path, "").await.json();
    assert_eq!(document["resource"], audience(&world.gateway, "up"));
    // What a request says of its host changes nothing of it.
    let mut other = Agent::modern(&world.gateway);
    "localhost".clone_into(&mut other.host);
    let again = other.call("echo", "{}").await;
    assert_eq!(again.head.get("www-authenticate"), Some(told.as_str()));
}

#[tokio::test]
async fn clients_of_the_first_revision_are_led_to_the_issuer() {
    let world = World::start().await;
    let agent = Agent::modern(&world.gateway);
    let answer = visit(&agent, "GET", "/.well-known/oauth-authorization-server", "").await;
    assert_eq!(answer.status(), 302, "{answer:?}");
    let expected = format!(
        "{}/.well-known/oauth-authorization-server",
        world.issuer.url
    );
    assert_eq!(answer.head.get("location"), Some(expected.as_str()));
}

#[tokio::test]
async fn its_public_keys_and_nothing_of_the_secret_ones() {
    let world = World::start().await;
    let agent = Agent::modern(&world.gateway);
    let answer = visit(&agent, "GET", "/.well-known/jwks.json", "").await;
    let document = answer.json();
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (&keys[0]["kty"], &keys[0]["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert!(keys[0]["kid"].is_string() && keys[0].get("d").is_none());
    let secret = world.gateway.place.folder.join("data/keys/own");
    let secret = std::fs::read_to_string(secret).unwrap();
    assert!(!answer.text().contains(secret.trim()));
}

/// Without an issuer there is nowhere to get a token.
#[tokio::test]
async fn a_gateway_without_tokens_is_no_oauth_resource() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/servers/up/mcp",
        "/.well-known/oauth-authorization-server",
    ] {
        assert_eq!(visit(&agent, "GET", path, "").await.status(), 404, "{path}");
    }
    let mut agent = Agent::modern(&gateway).bearer("x");
    let answer = agent.call("echo", "{}").await;
    let told = answer.head.get("www-authenticate").unwrap();
    assert!(told.starts_with("Bearer realm="), "{told}");
    agent.headers.clear();
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
}

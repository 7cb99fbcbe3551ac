//! Legacy sessions: the upstream's id never leaves the gateway, and a sealed one opens for nobody else.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tests::upstream::{lifecycle, plain};
use tests::{Agent, Era, Gateway, Received, Setup, Upstream, json};

/// A server that keeps sessions: 404 for those it has not opened or has closed.
async fn keeping() -> Upstream {
    let open: Arc<Mutex<HashSet<String>>> = Arc::default();
    Upstream::start(move |received, wire| {
        let mut open = open.lock().unwrap();
        let known = session(&received).is_some_and(|id| open.contains(&id));
        let answer = match (received.method().as_str(), received.verb()) {
            ("initialize", _) => {
                let answer = lifecycle(&received).unwrap();
                open.insert(
                    answer
                        .1
                        .trim()
                        .trim_start_matches("Mcp-Session-Id: ")
                        .to_owned(),
                );
                answer
            }
            _ if !known => {
                let missing = json::error(&received.id(), -32001, "Session not found");
                (404, String::new(), missing)
            }
            (_, "DELETE") => {
                open.remove(&session(&received).unwrap());
                (200, String::new(), String::new())
            }
            _ => lifecycle(&received).unwrap_or_else(|| {
                let said = json::said(&session(&received).unwrap());
                (200, String::new(), json::result(&received.id(), &said))
            }),
        };
        plain(wire, answer)
    })
    .await
}

fn session(received: &Received) -> Option<String> {
    received.head.get("mcp-session-id").map(str::to_owned)
}

fn with_session(agent: &Agent, id: &str) -> Agent {
    let path = agent.path.as_str();
    let mut other = Agent::new(agent.address, path, Era::Legacy);
    other.session = Some(id.to_owned());
    other
}

#[tokio::test]
async fn the_id_is_sealed_and_the_upstream_gets_its_own() {
    let upstream = keeping().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let (one, two) = (Agent::legacy(&gateway).await, Agent::legacy(&gateway).await);
    let (first, second) = (one.session.clone().unwrap(), two.session.clone().unwrap());
    assert_ne!(first, second);
    for id in [&first, &second] {
        assert!(id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{id}");
        assert!(!id.contains("upstream-session"), "{id}");
    }
    let own = one.call("whoami", "{}").await.said();
    assert!(
        own.starts_with("upstream-session-") && own.ends_with("-~!"),
        "{own}"
    );
    assert_ne!(own, two.call("whoami", "{}").await.said());
}

#[tokio::test]
async fn what_was_not_sealed_is_404_and_goes_nowhere() {
    let upstream = keeping().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let own = agent.call("whoami", "{}").await.said();
    upstream.forget();
    for id in [
        "x",
        "00000000-0000-0000-0000-000000000000",
        own.as_str(),
        &"a".repeat(4000),
    ] {
        let other = with_session(&agent, id);
        assert_eq!(other.call("whoami", "{}").await.status(), 404, "{id}");
        assert_eq!(other.listen(None).await.status(), 404, "{id}");
        assert_eq!(other.listen(Some("1")).await.status(), 404, "{id}");
        assert_eq!(other.delete().await.status(), 404, "{id}");
        let answer = other.post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
        assert_eq!(answer.status(), 404, "{id}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn one_changed_character_is_404() {
    let upstream = keeping().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let id = agent.session.clone().unwrap();
    upstream.forget();
    for at in 0..id.len() {
        let old = id.as_bytes()[at];
        let new = if old == b'A' { 'B' } else { 'A' };
        let garbled = format!("{}{new}{}", &id[..at], &id[at + 1..]);
        let status = with_session(&agent, &garbled)
            .call("whoami", "{}")
            .await
            .status();
        assert_eq!(status, 404, "character {at} of {id}");
    }
    for cut in [&id[..id.len() - 1], &id[1..], &id.to_uppercase()] {
        assert_eq!(
            with_session(&agent, cut)
                .call("whoami", "{}")
                .await
                .status(),
            404
        );
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn an_id_of_one_server_is_nothing_at_another() {
    let (up, other) = (keeping().await, keeping().await);
    let setup = Setup::new(&up.url()).server("other", &other.url());
    let gateway = Gateway::start(&setup).await;
    let mut agent = Agent::legacy(&gateway).await;
    "/servers/other/mcp".clone_into(&mut agent.path);
    assert_eq!(agent.call("whoami", "{}").await.status(), 404);
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let upstream = keeping().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let before = agent.call("whoami", "{}").await.said();
    let gateway = gateway.restart().await;
    assert_eq!(agent.address, gateway.address());
    assert_eq!(agent.call("whoami", "{}").await.said(), before);
}

/// A key ring opens what another replica sealed, and what an older key sealed.
#[tokio::test]
async fn replicas_share_sessions_through_a_key_ring() {
    let upstream = keeping().await;
    let folder = tests::setup::Place::free().folder;
    let key = |name: &str, base64: &str| {
        let file = folder.join(name);
        std::fs::write(&file, base64).unwrap();
        format!("{{ id = \"{name}\", file = \"{}\" }}", file.display())
    };
    let old = key("k1", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    let new = key("k2", "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=\n");
    let one = Setup::new(&upstream.url()).gateway(&format!("keys = [{old}]"));
    let two = Setup::new(&upstream.url()).gateway(&format!("keys = [{new}, {old}]"));
    let three = Setup::new(&upstream.url()).gateway(&format!("keys = [{new}]"));
    let (one, two) = (Gateway::start(&one).await, Gateway::start(&two).await);
    let three = Gateway::start(&three).await;
    let mut agent = Agent::legacy(&one).await;
    let own = agent.call("whoami", "{}").await.said();
    for (gateway, status) in [(&two, 200), (&three, 404)] {
        agent.address = gateway.address();
        agent.host = gateway.address().to_string();
        let answer = agent.call("whoami", "{}").await;
        assert_eq!(answer.status(), status);
        assert!(status == 404 || answer.said() == own);
    }
}

/// The session belongs to the agent that opened it, not to whoever holds the id.
#[tokio::test]
async fn another_principal_gets_404() {
    let upstream = keeping().await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::legacy(&gateway).await;
    let renamed = setup
        .text(&gateway.place)
        .replace("agents.tester", "agents.thief");
    gateway.rewrite_text(&renamed.replace("agents = [\"tester\"]", "agents = [\"thief\"]"));
    let gateway = gateway.restart().await;
    upstream.forget();
    assert_eq!(agent.call("whoami", "{}").await.status(), 404);
    assert_eq!(agent.listen(Some("1")).await.status(), 404);
    assert_eq!(agent.delete().await.status(), 404);
    assert!(upstream.received().is_empty());
    // The same process serves the other agent's own session.
    let own = Agent::legacy(&gateway).await;
    assert_eq!(own.call("whoami", "{}").await.status(), 200);
}

#[tokio::test]
async fn delete_ends_the_session() {
    let upstream = keeping().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let own = agent.call("whoami", "{}").await.said();
    assert!(matches!(agent.delete().await.status(), 200 | 204));
    assert_eq!(
        upstream.with_verb("DELETE")[0].head.get("mcp-session-id"),
        Some(own.as_str())
    );
    let calls = upstream.with_method("tools/call").len();
    assert_eq!(agent.call("whoami", "{}").await.status(), 404);
    assert!(upstream.with_method("tools/call").len() <= calls + 1);
}

/// A server that forgot the session says 404, and so does the gateway: the client must initialise anew.
#[tokio::test]
async fn the_upstreams_404_ends_the_session() {
    let forgot = Arc::new(Mutex::new(false));
    let flag = Arc::clone(&forgot);
    let upstream = Upstream::start(move |received, wire| {
        let answer = match *flag.lock().unwrap() {
            true => (
                404,
                String::new(),
                json::error(&received.id(), -32001, "Session not found"),
            ),
            false => lifecycle(&received).unwrap(),
        };
        plain(wire, answer)
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    *forgot.lock().unwrap() = true;
    assert_eq!(agent.call("whoami", "{}").await.status(), 404);
    assert_eq!(agent.listen(None).await.status(), 404);
}

/// A server without sessions stays one, and a modern client never gets an id.
#[tokio::test]
async fn no_session_is_made_up() {
    let upstream = Upstream::start(|received, wire| {
        let (status, _, body) = lifecycle(&received).unwrap_or_else(|| {
            (
                200,
                String::new(),
                json::result(&received.id(), &json::said("ok")),
            )
        });
        plain(wire, (status, "", body))
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let mut agent = Agent::new(gateway.address(), "/servers/up/mcp", Era::Legacy);
    let opened = agent.initialize().await;
    assert_eq!(opened.head.get("mcp-session-id"), None);
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    let modern = Agent::modern(&gateway).call("echo", "{}").await;
    assert_eq!(modern.head.get("mcp-session-id"), None);
}

/// A modern request's session id means nothing, and is not passed on.
#[tokio::test]
async fn a_modern_request_has_no_session() {
    let upstream = Upstream::saying("ok").await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let (message, _) = agent.message("tools/call", r#"{"name":"echo"}"#);
    let answer = agent
        .post_with(&message, "Mcp-Session-Id: anything\r\n")
        .await;
    assert_eq!(answer.said(), "ok");
    let call = &upstream.with_method("tools/call")[0];
    assert_eq!(call.head.get("mcp-session-id"), None);
    assert_eq!(answer.head.get("mcp-session-id"), None);
}

//! Everything at once: the books balance after calls of every kind, ended in every way, at random moments.

use super::books::{close, endings, intents};
use super::number::versatile;
use super::{id, reached, request};
use crate::identity::visit;
use std::sync::Arc;
use std::time::Duration;
use tests::random::Random;
use tests::records::text;
use tests::setup::{allow, deny};
use tests::{Agent, Era, Gateway, Setup, eventually};
use tokio::task::JoinSet;

const CALLS: u64 = 400;
const TOOLS: [&str; 9] = [
    "echo", "large", "error", "failed", "reset", "half", "stream", "hang", "secret",
];

/// One call, or a batch, whose caller may leave before it is answered.
async fn one(agent: Arc<Agent>, mut random: Random) {
    let tool = random.pick(&TOOLS);
    let mut request = request(&agent, tool, "{\"n\":1}");
    if agent.revision == "2025-03-26" && random.below(2) == 0 {
        let (head, body) = request.split_once("\r\n\r\n").expect("a body");
        let head = head.split("Content-Length").next().expect("a head");
        let other = body.replacen("\"id\":", "\"id\":9", 1);
        let batch = format!("[{body},{other}]");
        request = format!("{head}Content-Length: {}\r\n\r\n{batch}", batch.len());
    }
    let stay = Duration::from_micros(random.below(200_000) as u64);
    let patient = !matches!(tool, "stream" | "hang") && random.below(2) == 0;
    let mut wire = agent.connect().await;
    wire.write(request).await.expect("sent");
    let answer = async {
        if let Ok(Some(head)) = wire.head().await {
            drop(wire.body(head.framing(true)).await);
        }
    };
    match patient {
        true => answer.await,
        false => drop(tokio::time::timeout(stay, answer).await),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_balance_after_a_storm() {
    let upstream = versatile().await;
    let rules = allow("all", "up/**") + &deny("not this", "up/secret", "no");
    let setup = Setup::new(&upstream.url())
        .rules(&rules)
        .gateway("[gateway.deadlines]\ndrain = \"1s\"");
    let mut gateway = Gateway::start(&setup).await;
    let agents: Vec<Arc<Agent>> = vec![
        Arc::new(Agent::modern(&gateway)),
        Arc::new(Agent::legacy(&gateway).await),
        Arc::new(Agent::legacy_at(&gateway, "2025-03-26").await),
    ];
    let mut random = Random::new(11);
    let mut storm = JoinSet::new();
    for number in 0..CALLS {
        let agent = Arc::clone(&agents[random.below(agents.len())]);
        storm.spawn(one(agent, Random::new(number)));
        if number == CALLS / 2 {
            gateway.rewrite(&setup.clone().rules(&allow("all", "up/**")));
            gateway.stderr().wait("configuration loaded").await;
        }
    }
    storm.join_all().await;
    // Legacy callers that left are still being served: the stop ends those.
    let records = close(&mut gateway).await;
    let endings = endings(&records);
    assert!(intents(&records).len() >= reached(&upstream), "{endings:?}");
    for ending in ["answered", "server_error", "refused", "broken", "abandoned"] {
        assert!(endings.contains_key(ending), "{ending}: {endings:?}");
    }
    println!(
        "{} reached the server; outcomes: {endings:?}",
        reached(&upstream)
    );
}

/// What is no call of a tool: each request is one outcome with its method, under the id its answer has.
#[tokio::test]
async fn every_kind_of_request_is_on_record_under_its_id() {
    let upstream = versatile().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let mut expected: Vec<(String, String)> = Vec::new();
    let modern = Agent::modern(&gateway);
    let mut legacy = Agent::new(gateway.address(), "/servers/up/mcp", Era::Legacy);
    "2025-11-25".clone_into(&mut legacy.revision);
    let handshake = legacy.initialize().await;
    expected.push((id(&handshake.head), "initialize".to_owned()));
    for (agent, method, params) in [
        (&modern, "server/discover", "{}"),
        (&modern, "tools/list", "{}"),
        (&modern, "prompts/get", r#"{"name":"greet"}"#),
        (&modern, "resources/read", r#"{"uri":"up://one"}"#),
        (&legacy, "ping", "{}"),
        (&legacy, "resources/list", "{}"),
        (&legacy, "logging/setLevel", r#"{"level":"info"}"#),
        (&legacy, "resources/subscribe", r#"{"uri":"up://one"}"#),
    ] {
        let answer = agent.request(method, params).await;
        assert_eq!(answer.status(), 200, "{method} {answer:?}");
        expected.push((id(&answer.head), method.to_owned()));
    }
    let opened = visit(&modern, "POST", "/tasks", "").await;
    let task = opened.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/tasks/{task}");
    for (verb, answer) in [
        ("POST", opened),
        ("GET", visit(&modern, "GET", &path, "").await),
        ("DELETE", visit(&modern, "DELETE", &path, "").await),
    ] {
        expected.push((id(&answer.head), format!("{verb} /tasks")));
    }
    let gone = legacy.delete().await;
    expected.push((id(&gone.head), "DELETE".to_owned()));
    let records = close(&mut gateway).await;
    for (call, method) in &expected {
        let who = records.who(call);
        assert_eq!(text(who, "method"), method, "{who}");
        assert_eq!(text(who, "agent"), "tester", "{who}");
        assert_eq!(text(records.outcome(call), "ending"), "answered", "{who}");
    }
    // And the notification of the handshake.
    assert_eq!(records.kind("calls", "outcome").len(), expected.len() + 1);
}

#[tokio::test]
async fn operators_that_open_a_task_are_on_record() {
    let upstream = versatile().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let wish = r#"{"agent":"tester"}"#;
    let request = format!(
        "POST /tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{wish}",
        gateway.admin_token(),
        wish.len()
    );
    let (head, said) = gateway.admin_raw(&request).await;
    assert_eq!(head.status(), 201, "{said}");
    eventually("it is on record", || {
        !tests::Records::read(&gateway.place)
            .kind("decisions", "operator")
            .is_empty()
    })
    .await;
    let records = close(&mut gateway).await;
    let deeds = records.kind("decisions", "operator");
    assert_eq!(deeds.len(), 1);
    let members = ["action", "agent", "address"].map(|name| text(deeds[0], name));
    assert_eq!(members, ["open_task", "tester", "127.0.0.1"]);
}

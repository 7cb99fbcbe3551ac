//! Multi round-trip requests: the server's `requestState` is sealed, and opens only for the same caller and request.

use tests::upstream::plain;
use tests::{Agent, Gateway, Received, Setup, Upstream, json};

/// What the server minted, with everything a string may hold.
const STATE: &str = r#"s\u00e9 \"q\" \\ / 😀 +=="#;

/// A server that asks once, then shows the state it got back.
async fn asking() -> Upstream {
    Upstream::mcp(|received: Received, wire| {
        let result = match received.raw(&["params", "requestState"]) {
            Some(state) => format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":{state}}}]}}"#),
            None => format!(
                r#"{{"resultType":"input_required","inputRequests":{{"who":{{"method":"elicitation/create","params":{{"message":"Who?","requestedSchema":{{"type":"object","properties":{{}}}}}}}}}},"requestState":"{STATE}","x":1.0}}"#
            ),
        };
        plain(wire, (200, "", json::result(&received.id(), &result)))
    })
    .await
}

async fn asked(agent: &Agent, arguments: &str) -> String {
    let first = agent.call("echo", arguments).await;
    assert_eq!(
        first.json()["result"]["resultType"],
        "input_required",
        "{first:?}"
    );
    assert_eq!(json::raw(&first.body, &["result", "x"]).unwrap(), "1.0");
    json::text(&first.body, &["result", "requestState"]).unwrap()
}

fn retry(tool: &str, arguments: &str, state: &str) -> String {
    let state = json::quote(state);
    format!(
        r#"{{"name":"{tool}","arguments":{arguments},"inputResponses":{{"who":{{"action":"accept","content":{{"n":1.0}}}}}},"requestState":{state}}}"#
    )
}

fn plain_state() -> String {
    serde_json::from_str(&format!("\"{STATE}\"")).unwrap()
}

#[tokio::test]
async fn the_state_is_sealed_and_the_server_gets_its_own_back() {
    let upstream = asking().await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let sealed = asked(&agent, r#"{"a":1.0}"#).await;
    assert_ne!(sealed, plain_state());
    assert!(
        !sealed.contains('😀') && !sealed.contains("q\""),
        "{sealed}"
    );
    upstream.forget();
    let answer = agent
        .request("tools/call", &retry("echo", r#"{"a":1.0}"#, &sealed))
        .await;
    assert_eq!(answer.said(), plain_state(), "{answer:?}");
    let call = &upstream.with_method("tools/call")[0];
    assert_eq!(
        call.raw(&["params", "inputResponses", "who", "content"])
            .unwrap(),
        r#"{"n":1.0}"#
    );
    assert_eq!(call.raw(&["params", "arguments"]).unwrap(), r#"{"a":1.0}"#);
}

#[tokio::test]
async fn each_state_opens_only_for_what_it_was_given() {
    let upstream = asking().await;
    let gateway =
        Gateway::start(&Setup::new(&upstream.url()).server("other", &upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let sealed = asked(&agent, r#"{"a":1.0}"#).await;
    let mut garbled = sealed.clone();
    garbled.replace_range(
        sealed.len() / 2..=sealed.len() / 2,
        if sealed.as_bytes()[sealed.len() / 2] == b'A' {
            "B"
        } else {
            "A"
        },
    );
    let mut elsewhere = Agent::modern(&gateway);
    "/servers/other/mcp".clone_into(&mut elsewhere.path);
    upstream.forget();
    let wrong = [
        (
            "another tool",
            &agent,
            retry("slow", r#"{"a":1.0}"#, &sealed),
        ),
        (
            "other arguments",
            &agent,
            retry("echo", r#"{"a":2.0}"#, &sealed),
        ),
        ("garbled", &agent, retry("echo", r#"{"a":1.0}"#, &garbled)),
        (
            "the server's own",
            &agent,
            retry("echo", r#"{"a":1.0}"#, &plain_state()),
        ),
        ("empty", &agent, retry("echo", r#"{"a":1.0}"#, "")),
        (
            "cut",
            &agent,
            retry("echo", r#"{"a":1.0}"#, &sealed[..sealed.len() - 3]),
        ),
        (
            "another server",
            &elsewhere,
            retry("echo", r#"{"a":1.0}"#, &sealed),
        ),
    ];
    for (why, agent, params) in wrong {
        let answer = agent.request("tools/call", &params).await;
        assert!(answer.code().is_some(), "{why}: {answer:?}");
    }
    let number = retry("echo", r#"{"a":1.0}"#, "STATE").replace("\"STATE\"", "5");
    assert!(agent.request("tools/call", &number).await.code().is_some());
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

#[tokio::test]
async fn a_state_outlives_a_restart_and_another_agent_cannot_use_it() {
    let upstream = asking().await;
    let setup = Setup::new(&upstream.url());
    let gateway = Gateway::start(&setup).await;
    let agent = Agent::modern(&gateway);
    let sealed = asked(&agent, "{}").await;
    let gateway = gateway.restart().await;
    let params = retry("echo", "{}", &sealed);
    assert_eq!(
        agent.request("tools/call", &params).await.said(),
        plain_state()
    );
    let renamed = setup
        .text(&gateway.place)
        .replace("agents.tester", "agents.thief");
    gateway.rewrite_text(&renamed.replace("agents = [\"tester\"]", "agents = [\"thief\"]"));
    let gateway = gateway.restart().await;
    upstream.forget();
    let stolen = agent.request("tools/call", &params).await;
    assert!(stolen.code().is_some(), "{stolen:?} {gateway:?}");
    assert!(upstream.received().is_empty());
}

/// Only the member the protocol knows is sealed; text that looks like it is left alone.
#[tokio::test]
async fn other_members_of_that_name_are_left_alone() {
    let result = r#"{"resultType":"complete","structuredContent":{"requestState":"mine"},"content":[{"type":"text","text":"\"requestState\":\"x\""}]}"#;
    let upstream = Upstream::mcp(move |received, wire| {
        plain(wire, (200, "", json::result(&received.id(), result)))
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    assert_eq!(
        agent.call("echo", r#"{"requestState":"y"}"#).await.result(),
        result
    );
    let call = &upstream.with_method("tools/call")[0];
    assert_eq!(
        call.raw(&["params", "arguments"]).unwrap(),
        r#"{"requestState":"y"}"#
    );
}

/// The same over an event stream, with the state after everything else.
#[tokio::test]
async fn a_streamed_state_is_sealed_too() {
    let upstream = Upstream::mcp(|received, mut wire| async move {
        tests::upstream::sse_head(&mut wire, "").await.ok()?;
        let result =
            r#"{"resultType":"input_required","inputRequests":{},"requestState":"up-secret"}"#;
        let message = json::result(&received.id(), result);
        wire.write(format!("data: {message}\n\n")).await.ok()?;
        None
    })
    .await;
    let gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let answer = Agent::modern(&gateway).call("echo", "{}").await;
    let state = answer.json()["result"]["requestState"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        !state.contains("up-secret") && !state.is_empty(),
        "{answer:?}"
    );
}

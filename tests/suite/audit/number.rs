//! Every call has exactly one outcome, whatever ended it: `books` counts them at the end of each of these.

use super::books::{close, endings, intents};
use super::{id, outcomes, reached, request, sent};
use crate::identity::{keys, known, staffed, task, visit};
use std::time::Duration;
use tests::random::Random;
use tests::records::text;
use tests::setup::{deny, registered};
use tests::upstream::{plain, sse_head};
use tests::{Agent, Era, Gateway, Setup, Upstream, eventually, json};
use tokio::task::JoinSet;

/// A server with a tool for each way to end: `hang` never answers, `stream` opens and stays, `half` breaks off, `reset`
/// is cut before it answers, `error` and `failed` say so, `large` is long; any other says "ok".
pub(super) async fn versatile() -> Upstream {
    Upstream::mcp(|received, mut wire| async move {
        let id = received.id();
        let said = match received.name().as_str() {
            "hang" => {
                wire.gone().await;
                return None;
            }
            "stream" => {
                sse_head(&mut wire, "").await.ok()?;
                wire.write("id: 1\ndata:\n\n").await.ok()?;
                wire.gone().await;
                return None;
            }
            "half" => {
                let head = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n";
                let start = json::result(&id, &json::said(&"x".repeat(200_000)));
                wire.write(head.to_owned() + &start[..180_000]).await.ok()?;
                return None;
            }
            "reset" => {
                wire.reset();
                return None;
            }
            "error" => json::error(&id, -32603, "no"),
            "failed" => json::result(&id, r#"{"content":[],"isError":true}"#),
            "large" => json::result(&id, &json::said(&"x".repeat(300_000))),
            _ => json::result(&id, &json::said("ok")),
        };
        plain(wire, (200, "", said)).await
    })
    .await
}

#[tokio::test]
async fn whatever_a_server_does_is_one_outcome() {
    let upstream = versatile().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    for era in [Era::Modern, Era::Legacy] {
        let agent = Agent::of(era, &gateway).await;
        let mut expected = Vec::new();
        for (tool, ending) in [
            ("echo", "answered"),
            ("large", "answered"),
            ("error", "server_error"),
            ("failed", "server_error"),
            ("reset", "broken"),
        ] {
            expected.push((id(&agent.call(tool, "{}").await.head), ending, tool));
        }
        let mut half = agent.open_call("half", "{}").await;
        expected.push((id(&half.head), "broken", "half"));
        while let Ok(Some(_)) = half.piece().await {}
        drop(half);
        for (call, ending, tool) in expected {
            eventually("its outcome is on record", || {
                let records = tests::Records::read(&gateway.place);
                let of = records.of("calls", &call);
                of.iter().any(|(kind, _)| *kind == "outcome")
            })
            .await;
            let records = tests::Records::read(&gateway.place);
            let outcome = records.outcome(&call);
            assert_eq!(text(outcome, "ending"), ending, "{era:?} {tool} {outcome}");
            assert_eq!(outcome["sent"], true, "{outcome}");
            assert_eq!(text(records.who(&call), "target"), tool);
        }
    }
    close(&mut gateway).await;
}

#[tokio::test]
async fn a_server_that_is_down_or_late_is_one_outcome() {
    let upstream = versatile().await;
    let nobody = "http://127.0.0.1:9/mcp";
    let setup = Setup::new(&upstream.url())
        .gateway("[gateway.deadlines]\ncall = \"1s\"")
        .server_with("down", nobody, "protocol = \"modern\"");
    let mut gateway = Gateway::start(&setup).await;
    let down = Agent::new(gateway.address(), "/servers/down/mcp", Era::Modern);
    let down = down.call("echo", "{}").await;
    let late = Agent::modern(&gateway).call("hang", "{}").await;
    assert_eq!(
        (down.status(), late.status()),
        (502, 504),
        "{down:?} {late:?}"
    );
    let records = close(&mut gateway).await;
    assert_eq!(records.outcome(&id(&down.head))["ending"], "broken");
    assert_eq!(records.outcome(&id(&down.head))["sent"], false);
    assert_eq!(records.outcome(&id(&late.head))["sent"], true);
    assert_eq!(records.outcome(&id(&late.head))["ending"], "timed_out");
    assert_eq!(intents(&records).len(), 2, "{records:?}");
}

/// One refusal of each stage: none reaches the server, each is one outcome without an intent.
#[tokio::test]
async fn a_refusal_of_any_stage_is_one_outcome() {
    let upstream = versatile().await;
    let rules = crate::identity::allow("all but one", "up/**")
        + &deny("hidden", "up/secret", "no")
        + "\n[[rules]]\nname = \"small\"\ntools = [\"up/echo\"]\nargs = { n = { min = 5 } }\ndeny = \"too many\"\n";
    let setup = Setup::new(&upstream.url())
        .without_local()
        .rules(&rules)
        .tail(&keys(&["ann", "gone"]))
        .tail(&registered("ann", "\"keys:ann\"", "tools = [\"**\"]"))
        .tail(
            &registered("gone", "\"keys:gone\"", "tools = [\"**\"]")
                .replace("owner", "state = \"suspended\"\nowner"),
        );
    let mut gateway = Gateway::start(&setup).await;
    let ann = known(&gateway, "up", "ann");
    let elsewhere = known(&gateway, "nowhere", "ann");
    let gone = known(&gateway, "up", "gone");
    let nobody = Agent::modern(&gateway).bearer("no key at all");
    let mut strange = known(&gateway, "up", "ann");
    strange.session = Some("not-sealed-here".to_owned());
    strange.era = Era::Legacy;
    "2025-11-25".clone_into(&mut strange.revision);
    let broken = ann
        .send(&ann.head_for("{}"), b"{\"a\":1,\"a\":2}")
        .await
        .whole()
        .await;
    let answers = [
        ("proof", nobody.call("echo", "{}").await),
        ("agent", gone.call("echo", "{}").await),
        ("not_found", elsewhere.call("echo", "{}").await),
        ("message", broken),
        ("message", ann.request("acme/own", "{}").await),
        ("handle", strange.call("echo", "{}").await),
        (
            "task",
            crate::identity::call_in(&ann, "\"0190000000007000800000000000abcd\"").await,
        ),
        ("unknown", ann.call("secret", "{}").await),
        ("rule", ann.call("echo", "{\"n\":9}").await),
    ];
    assert_eq!(reached(&upstream), 0);
    let records = close(&mut gateway).await;
    for (refused, answer) in &answers {
        let call = id(&answer.head);
        let outcome = records.outcome(&call);
        assert_eq!(text(outcome, "refused"), *refused, "{outcome}");
        assert_eq!(outcome["sent"], false, "{outcome}");
        let agent = match *refused {
            "proof" => "",
            "agent" => text(outcome, "agent"),
            _ => "ann",
        };
        assert_eq!(text(outcome, "agent"), agent, "{outcome}");
    }
    assert_eq!(records.kind("calls", "outcome").len(), answers.len());
    assert!(intents(&records).is_empty());
}

#[tokio::test]
async fn notifications_and_stray_responses_are_calls_too() {
    let upstream = versatile().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::legacy(&gateway).await;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#;
    let cancel =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#;
    let stray = r#"{"jsonrpc":"2.0","id":5,"result":{}}"#;
    let mut ids = Vec::new();
    for body in [note, cancel, stray] {
        let answer = agent.post(body).await;
        assert_eq!(answer.status(), 202, "{answer:?}");
        ids.push(id(&answer.head));
    }
    let records = close(&mut gateway).await;
    let ending = |at: usize| text(records.outcome(&ids[at]), "ending");
    assert_eq!(
        [ending(0), ending(1), ending(2)],
        ["answered", "absorbed", "absorbed"]
    );
    assert!(intents(&records).contains(ids[0].as_str()) && intents(&records).len() == 3);
}

/// Callers that leave: before the answer, within a stream, within a large answer.
#[tokio::test]
async fn who_leaves_is_on_record_as_gone() {
    let upstream = versatile().await;
    let mut gateway = Gateway::start(&Setup::new(&upstream.url())).await;
    let agent = Agent::modern(&gateway);
    let wire = sent(&agent, "hang").await;
    eventually("it arrives", || reached(&upstream) == 1).await;
    drop(wire);
    outcomes(&gateway, 1).await;
    let mut stream = agent.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    drop(stream);
    let records = outcomes(&gateway, 2).await;
    assert_eq!(endings(&records), [("abandoned".to_owned(), 2)].into());
    let records = close(&mut gateway).await;
    assert_eq!(intents(&records).len(), 2);
}

/// Callers that leave at any moment, the writing of the intent among them.
#[tokio::test]
async fn who_leaves_at_any_moment_is_one_outcome_or_nothing() {
    let upstream = versatile().await;
    let mut gateway =
        Gateway::start(&Setup::new(&upstream.url()).audit("durability = \"power\"")).await;
    let agent = Agent::modern(&gateway);
    let mut random = Random::new(7);
    let mut leaving = JoinSet::new();
    for number in 0..300 {
        let request = request(&agent, "echo", "{}");
        let mut wire = agent.connect().await;
        let stay = Duration::from_micros(random.below(150_000) as u64);
        leaving.spawn(async move {
            wire.write(request).await.unwrap();
            // Some stay for their answer, however long it takes.
            if number % 10 == 0 {
                drop(tests::Answer::read(wire).await.whole().await);
                return;
            }
            tokio::time::sleep(stay).await;
            wire.reset();
        });
    }
    leaving.join_all().await;
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    let records = close(&mut gateway).await;
    assert!(intents(&records).len() >= reached(&upstream));
    let endings = endings(&records);
    assert!(
        endings["abandoned"] > 0 && endings["answered"] > 1,
        "{endings:?}"
    );
    let unsent = records.kind("calls", "outcome").into_iter();
    let unsent = unsent.filter(|one| one["sent"] == false && one.get("agent").is_none());
    println!(
        "of 301, {} reached the server, {} left while their intent was written; outcomes: {endings:?}",
        reached(&upstream),
        unsent.count()
    );
}

#[tokio::test]
async fn a_task_that_ends_and_a_gateway_that_stops_leave_one_outcome_of_each_call() {
    let upstream = versatile().await;
    let setup = staffed(Setup::new(&upstream.url()), &["ann", "bob"])
        .gateway("[gateway.deadlines]\ndrain = \"1s\"");
    let mut gateway = Gateway::start(&setup).await;
    let (ann, bob) = (known(&gateway, "up", "ann"), known(&gateway, "up", "bob"));
    let cancelled = sent(&ann, "hang").await;
    let cut = sent(&bob, "hang").await;
    let mut streams = Vec::new();
    for agent in [&ann, &bob] {
        let mut stream = agent.open_call("stream", "{}").await;
        stream.event().await.unwrap();
        streams.push(stream);
    }
    eventually("all are open", || reached(&upstream) == 4).await;
    let path = format!("/tasks/{}", text(&task(&ann).await, "id"));
    assert_eq!(visit(&ann, "DELETE", &path, "").await.status(), 200);
    let cancelled = tests::Answer::read(cancelled).await;
    let message = streams[0].message().await;
    assert_eq!(message["error"]["code"], -31410);
    // Bob's are still open when the gateway has to stop.
    let records = close(&mut gateway).await;
    drop(cut);
    assert_eq!(
        text(records.outcome(&id(&cancelled.head)), "refused"),
        "task"
    );
    let of = |agent: &str, tool: &str| {
        let mut all = records.kind("calls", "intent").into_iter();
        let call = all.find(|one| text(one, "agent") == agent && text(one, "target") == tool);
        records.outcome(text(call.expect("an intent"), "call"))
    };
    assert_eq!(text(of("ann", "hang"), "ending"), "refused");
    assert_eq!(
        text(of("ann", "stream"), "reason"),
        "the task ended before its answer"
    );
    for tool in ["hang", "stream"] {
        assert_ne!(
            text(of("bob", tool), "ending"),
            "answered",
            "{}",
            of("bob", tool)
        );
    }
}

//! Every end of a task takes its credential back: closed, deleted, idle, over, withdrawn, stopped, killed; and for a lease
//! of one call answered, cancelled, timed out and failed.

use super::{armed, events, leases, telling};
use crate::identity::visit;
use std::time::Duration;
use tests::authority::{Authority, Mood};
use tests::upstream::plain;
use tests::{Agent, Era, Gateway, Setup, Upstream, json};

struct World {
    gateway: Gateway,
    upstream: Upstream,
    authority: Authority,
}

/// A gateway, a server whose tools do what `work` does, and an authority that arms it.
async fn world(keys: &str, lines: &str) -> World {
    let (upstream, authority) = (telling().await, Authority::start().await);
    let setup = setup(&upstream, &authority, keys).gateway(lines);
    World {
        gateway: Gateway::start(&setup).await,
        upstream,
        authority,
    }
}

fn setup(upstream: &Upstream, authority: &Authority, keys: &str) -> Setup {
    armed(&upstream.url(), &authority.credential(keys))
        .variable("AUTHORITY_SECRET", "canary-of-the-client-0001")
}

impl World {
    /// Calls once, and sees that the one good token was used.
    async fn use_one(&self, agent: &Agent) {
        assert_eq!(agent.call("note", "{}").await.said(), "done");
        let good = self.authority.good();
        assert_eq!(good.len(), 1);
        let last = self.upstream.with_method("tools/call").pop().unwrap();
        let bearer = format!("Bearer {}", good[0]);
        assert_eq!(last.head.get("authorization"), Some(bearer.as_str()));
    }

    async fn revoked(&self, cause: &str) {
        tests::eventually("the token is taken back", || {
            self.authority.good().is_empty()
        })
        .await;
        tests::eventually("and that is on record", || {
            leases(&self.gateway)
                .iter()
                .any(|(event, line)| event == "revoked" && line["cause"] == cause)
        })
        .await;
    }
}

#[tokio::test]
async fn a_task_that_is_closed() {
    let world = world("", "").await;
    let agent = Agent::modern(&world.gateway);
    world.use_one(&agent).await;
    let tasks = visit(&agent, "GET", "/tasks", "").await.json();
    let id = tasks["tasks"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        visit(&agent, "DELETE", &format!("/tasks/{id}"), "")
            .await
            .status(),
        200
    );
    world.revoked("task_ended").await;
    // The next task has the next token.
    world.use_one(&agent).await;
    assert_eq!(world.authority.given().len(), 2);
}

#[tokio::test]
async fn a_session_that_is_deleted() {
    let world = world("", "").await;
    let agent = Agent::legacy(&world.gateway).await;
    assert_eq!(agent.call("note", "{}").await.said(), "done");
    // Its handshake was of no session yet.
    let before = world.authority.good().len();
    assert_eq!(agent.delete().await.status(), 200);
    tests::eventually("the session's is taken back", || {
        world.authority.good().len() == before - 1
    })
    .await;
}

#[tokio::test]
async fn a_task_that_is_idle() {
    let world = world("", "[gateway.deadlines]\nidle = \"1s\"").await;
    world.use_one(&Agent::modern(&world.gateway)).await;
    world.revoked("task_ended").await;
}

#[tokio::test]
async fn a_task_that_is_over() {
    let world = world("", "[gateway.deadlines]\ntask = \"2s\"").await;
    let agent = Agent::modern(&world.gateway);
    world.use_one(&agent).await;
    // What is asked of the issuer ends with the task; what it gave did not, and is taken back.
    world.revoked("task_ended").await;
}

#[tokio::test]
async fn an_agent_that_is_withdrawn() {
    let world = world("", "").await;
    world.use_one(&Agent::modern(&world.gateway)).await;
    let text = std::fs::read_to_string(world.gateway.place.config()).unwrap();
    let table = "[agents.tester]\n";
    assert!(text.contains(table), "{text}");
    world
        .gateway
        .rewrite_text(&text.replace(table, &format!("{table}state = \"suspended\"\n")));
    world.revoked("task_ended").await;
}

#[tokio::test]
async fn a_principals_lease_when_its_agent_is_withdrawn() {
    let world = world("per = \"agent\"", "").await;
    world.use_one(&Agent::modern(&world.gateway)).await;
    let text = std::fs::read_to_string(world.gateway.place.config()).unwrap();
    let table = "[agents.tester]\n";
    world
        .gateway
        .rewrite_text(&text.replace(table, &format!("{table}state = \"suspended\"\n")));
    world.revoked("agent_withdrawn").await;
}

#[tokio::test]
async fn a_credential_that_is_taken_out() {
    let world = world("", "").await;
    world.use_one(&Agent::modern(&world.gateway)).await;
    world.gateway.rewrite(&Setup::new(&world.upstream.url()));
    tests::eventually("the token is taken back", || {
        world.authority.good().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_stops() {
    let mut world = world("", "").await;
    world.use_one(&Agent::modern(&world.gateway)).await;
    assert!(world.gateway.terminate().await.success());
    assert!(world.authority.good().is_empty());
    assert_eq!(events(&world.gateway).last().unwrap(), "revoked");
}

#[tokio::test]
async fn a_gateway_that_is_killed() {
    let mut world = world("", "").await;
    world.use_one(&Agent::modern(&world.gateway)).await;
    world.gateway.signal("KILL");
    world.gateway.ended().await;
    assert_eq!(world.authority.good().len(), 1);
    // Ready only once it is taken back.
    world.gateway = world.gateway.restart().await;
    assert!(world.authority.good().is_empty());
    world.revoked("crashed").await;
}

#[tokio::test]
async fn an_operator() {
    let world = world("", "").await;
    let agent = Agent::modern(&world.gateway);
    world.use_one(&agent).await;
    let folder = &world.gateway.place.folder;
    let said = tests::gateway::run(folder, &["leases"]).stdout;
    let said = String::from_utf8(said).unwrap();
    let row = said.lines().nth(1).unwrap_or_default();
    assert!(
        row.contains("live") && row.contains("own") && row.contains("tester"),
        "{said}"
    );
    let id = row.split_whitespace().next().unwrap();
    assert!(
        tests::gateway::run(folder, &["leases", "revoke", id])
            .status
            .success()
    );
    world.revoked("operator").await;
    assert!(
        !tests::gateway::run(folder, &["leases", "revoke", id])
            .status
            .success()
    );
    for whose in [&["--agent", "tester"][..], &["--all"]] {
        world.use_one(&agent).await;
        let revoke = [&["leases", "revoke"], whose].concat();
        assert!(tests::gateway::run(folder, &revoke).status.success());
        world.revoked("operator").await;
    }
    let usage = tests::gateway::run(folder, &["leases", "revoke"]);
    assert_eq!(usage.status.code(), Some(2));
}

#[tokio::test]
async fn an_operator_while_it_is_minted() {
    let world = world("", "").await;
    world
        .authority
        .giving(Mood::Slow(Duration::from_millis(700)));
    let agent = Agent::modern(&world.gateway);
    let call = tokio::spawn(async move { agent.call("note", "{}").await });
    tests::eventually("it is being minted", || world.authority.asked() == 1).await;
    let folder = &world.gateway.place.folder;
    let said = tests::gateway::run(folder, &["leases", "revoke", "--all"]).stdout;
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "1 lease is being revoked\n"
    );
    world.authority.giving(Mood::Willing);
    // The call that waited for it gets the next.
    assert_eq!(call.await.unwrap().said(), "done");
    tests::eventually("the first is taken back", || {
        world.authority.good().len() == 1
    })
    .await;
    assert_eq!(world.authority.given().len(), 2);
    let revoked = |lines: Vec<(String, serde_json::Value)>| {
        let mut lines = lines.into_iter();
        lines.any(|(event, line)| event == "revoked" && line["cause"] == "operator")
    };
    tests::eventually("and that is on record", || revoked(leases(&world.gateway))).await;
}

#[tokio::test]
async fn what_another_issuer_gave_is_not_shown_to_this_one() {
    let mut world = world("", "").await;
    world.use_one(&Agent::modern(&world.gateway)).await;
    world.gateway.signal("KILL");
    world.gateway.ended().await;
    let other = Authority::start().await;
    world.gateway.rewrite(&setup(&world.upstream, &other, ""));
    world.gateway = world.gateway.restart().await;
    tests::eventually("it is on record", || {
        events(&world.gateway).contains(&"irrevocable".to_owned())
    })
    .await;
    assert!(
        other.received().is_empty(),
        "a token of the first is shown to the second"
    );
    assert_eq!(world.authority.good().len(), 1);
}

#[tokio::test]
async fn a_call_that_is_answered() {
    let world = world("per = \"call\"", "").await;
    let agent = Agent::modern(&world.gateway);
    for _ in 0..3 {
        assert_eq!(agent.call("note", "{}").await.said(), "done");
    }
    world.revoked("unused").await;
    assert_eq!(world.authority.given().len(), 3);
}

/// A server that never answers a call.
async fn silent() -> Upstream {
    Upstream::mcp(|_, wire| async move {
        std::future::pending::<()>().await;
        Some(wire)
    })
    .await
}

#[tokio::test]
async fn a_call_whose_caller_goes_away() {
    let (upstream, authority) = (silent().await, Authority::start().await);
    let gateway = Gateway::start(&setup(&upstream, &authority, "per = \"call\"")).await;
    let agent = Agent::modern(&gateway);
    let call = tokio::spawn(async move { agent.call("note", "{}").await });
    tests::eventually("the server has it", || {
        !upstream.with_method("tools/call").is_empty()
    })
    .await;
    assert_eq!(authority.good().len(), 1);
    call.abort();
    tests::eventually("the token is taken back", || authority.good().is_empty()).await;
}

#[tokio::test]
async fn a_caller_who_goes_away_while_it_is_minted() {
    for per in ["call", "task"] {
        let (upstream, authority) = (telling().await, Authority::start().await);
        authority.giving(Mood::Slow(Duration::from_millis(400)));
        let lines = "[gateway.deadlines]\nidle = \"1s\"";
        let setup = setup(&upstream, &authority, &format!("per = \"{per}\"")).gateway(lines);
        let gateway = Gateway::start(&setup).await;
        let agent = Agent::modern(&gateway);
        let call = tokio::spawn(async move { agent.call("note", "{}").await });
        tests::eventually("it is being minted", || authority.asked() == 1).await;
        call.abort();
        tests::eventually("it is minted", || authority.given().len() == 1).await;
        tests::eventually("and taken back", || authority.good().is_empty()).await;
        assert!(upstream.with_method("tools/call").is_empty());
    }
}

#[tokio::test]
async fn a_call_that_times_out() {
    let (upstream, authority) = (silent().await, Authority::start().await);
    let lines = "[gateway.deadlines]\ncall = \"1s\"";
    let gateway =
        Gateway::start(&setup(&upstream, &authority, "per = \"call\"").gateway(lines)).await;
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.status(),
        504
    );
    tests::eventually("the token is taken back", || authority.good().is_empty()).await;
    assert_eq!(authority.given().len(), 1);
}

#[tokio::test]
async fn a_call_that_fails() {
    let upstream = Upstream::mcp(|_, _| async move { None }).await;
    let authority = Authority::start().await;
    let gateway = Gateway::start(&setup(&upstream, &authority, "per = \"call\"")).await;
    assert_eq!(
        Agent::modern(&gateway).call("note", "{}").await.status(),
        502
    );
    tests::eventually("the token is taken back", || authority.good().is_empty()).await;
    assert_eq!(authority.given().len(), 1);
}

#[tokio::test]
async fn a_stream_that_uses_a_lease_ends_with_its_task() {
    let authority = Authority::start().await;
    let upstream = Upstream::start(|received, mut wire| async move {
        match (received.verb(), tests::upstream::lifecycle(&received)) {
            ("GET", _) => {
                tests::upstream::sse_head(&mut wire, "").await.ok()?;
                wire.write(":\n\n").await.ok()?;
                std::future::pending::<()>().await;
                None
            }
            (_, Some(answer)) => plain(wire, answer).await,
            _ => plain(wire, (200, "", json::result(&received.id(), "{}"))).await,
        }
    })
    .await;
    let lines = "[gateway.deadlines]\ntask = \"3s\"";
    let gateway = Gateway::start(&setup(&upstream, &authority, "").gateway(lines)).await;
    let agent = Agent::of(Era::Legacy, &gateway).await;
    let mut stream = agent.listen(None).await;
    assert_eq!(stream.status(), 200);
    // The stream ends at its task's deadline, as it should and not by a cut.
    while stream.piece().await.expect("a proper end").is_some() {}
    tests::eventually("the tokens are taken back", || authority.good().is_empty()).await;
}

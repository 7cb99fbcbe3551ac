//! The store is killed, stopped, flushed or was never there, and gateways are killed: nothing that has ended comes back to
//! life, nothing that is open is forgotten, and all is well again by itself.

use super::{Fleet, STALE, readiness, shown, status, until};
use crate::identity::{call_in, ended, known, open_task, patient, staffed, text, visit};
use serde_json::Value;
use tests::{Agent, Gateway, Setup, Store};

/// A task of each kind that is open, and one that has ended, seen by both.
struct Before {
    open: String,
    over: String,
    own: Value,
}

impl Before {
    async fn of(ann: &Agent, elsewhere: &Agent) -> Self {
        let open = open_task(ann, "{}").await;
        let over = open_task(ann, "{}").await;
        let own = {
            assert_eq!(status(ann).await, 200);
            assert_eq!(status(elsewhere).await, 200);
            implicit(ann).await
        };
        let (open, over) = (text(&open, "id").to_owned(), text(&over, "id").to_owned());
        for id in [&open, &over] {
            let answer = call_in(elsewhere, &format!("\"{id}\"")).await;
            assert_eq!(answer.said(), "ok", "{answer:?}");
        }
        let path = format!("/tasks/{over}");
        assert_eq!(visit(ann, "DELETE", &path, "").await.status(), 200);
        assert_eq!(ended(elsewhere, &over).await, "closed");
        Self { open, over, own }
    }

    /// All is as it was, at both.
    async fn holds(&self, ann: &Agent, elsewhere: &Agent) {
        for agent in [ann, elsewhere] {
            let answer = call_in(agent, &format!("\"{}\"", self.open)).await;
            assert_eq!(answer.said(), "ok", "{answer:?}");
            let answer = call_in(agent, &format!("\"{}\"", self.over)).await;
            assert_eq!(answer.status(), 404, "{answer:?}");
            assert_eq!(implicit(agent).await["id"], self.own["id"]);
        }
    }
}

async fn implicit(agent: &Agent) -> Value {
    let all = crate::identity::tasks(agent).await;
    let found = all.iter().find(|one| text(one, "kind") == "implicit");
    found.unwrap_or_else(|| panic!("{all:?}")).clone()
}

/// Both serve again.
async fn recovered(fleet: &Fleet) {
    readiness(&fleet.one, true).await;
    readiness(&fleet.two, true).await;
}

#[tokio::test]
async fn a_store_that_dies_stops_all_and_one_that_comes_back_empty_loses_nothing() {
    let mut fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let before = Before::of(&ann, &elsewhere).await;
    fleet.store.kill();
    for (agent, gateway) in [(&ann, &fleet.one), (&elsewhere, &fleet.two)] {
        let why = readiness(gateway, false).await;
        assert!(
            why.contains("the shared store has not answered for longer"),
            "{why}"
        );
        let answer = agent.call("echo", "{}").await;
        assert_eq!(
            (answer.status(), answer.code()),
            (503, Some(-31503)),
            "{answer:?}"
        );
        assert_eq!(answer.head.get("retry-after"), Some("1"));
        assert_eq!(visit(agent, "GET", "/tasks", "").await.status(), 503);
        assert!(
            gateway
                .metric("hopgate_refusals_total{kind=\"store\"}")
                .await
                >= 2.0
        );
    }
    fleet.store.again().await;
    recovered(&fleet).await;
    until(
        "all is told again",
        async || fleet.store.ask(&["KEYS", "*t:*"]).lines().count(),
        |tasks| *tasks >= 3,
    )
    .await;
    before.holds(&ann, &elsewhere).await;
}

#[tokio::test]
async fn a_third_gateway_learns_all_from_a_store_that_was_flushed() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let before = Before::of(&ann, &elsewhere).await;
    fleet.store.ask(&["FLUSHALL"]);
    let again = async || fleet.store.ask(&["KEYS", "*t:*"]).lines().count();
    until("all is told again", again, |tasks| *tasks >= 3).await;
    recovered(&fleet).await;
    before.holds(&ann, &elsewhere).await;
    let setup = staffed(Setup::new(&fleet.upstream.url()), &["ann", "bob"]);
    let setup = fleet.store.shared_with(setup, STALE);
    let third = Gateway::start(&setup.public(fleet.one.place.port)).await;
    let newcomer = known(&third, "up", "ann");
    assert_eq!(status(&newcomer).await, 200);
    before.holds(&newcomer, &ann).await;
}

/// What happens while the store is away is told when it is back.
#[tokio::test]
async fn what_happened_meanwhile_is_told_afterwards() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let before = Before::of(&ann, &elsewhere).await;
    let doomed = open_task(&ann, "{}").await;
    let doomed = text(&doomed, "id").to_owned();
    assert_eq!(
        call_in(&elsewhere, &format!("\"{doomed}\"")).await.said(),
        "ok"
    );
    fleet.store.signal("STOP");
    // Within `stale`, what is known goes on, and what would have to be known to all does not.
    assert_eq!(status(&ann).await, 200);
    let opened = visit(&ann, "POST", "/tasks", "{}").await;
    assert_eq!(opened.status(), 503, "{opened:?}");
    let path = format!("/tasks/{doomed}");
    let closed = visit(&ann, "DELETE", &path, "").await;
    assert_eq!(closed.status(), 503, "{closed:?}");
    assert_ne!(call_in(&ann, &format!("\"{doomed}\"")).await.status(), 200);
    let (bob, bob_elsewhere) = fleet.known("bob");
    let alone = status(&bob).await;
    assert_eq!(alone, 200, "an implicit task opens alone");
    readiness(&fleet.one, false).await;
    assert_eq!(status(&ann).await, 503);
    fleet.store.signal("CONT");
    recovered(&fleet).await;
    assert_eq!(ended(&elsewhere, &doomed).await, "closed");
    before.holds(&ann, &elsewhere).await;
    let own = implicit(&bob).await;
    let there = async || {
        assert_eq!(status(&bob_elsewhere).await, 200);
        implicit(&bob_elsewhere).await
    };
    until("the task that was opened alone is known", there, |task| {
        task["id"] == own["id"]
    })
    .await;
}

#[tokio::test]
async fn a_gateway_starts_without_the_store_and_serves_once_it_is_there() {
    let (upstream, _) = patient().await;
    let mut store = Store::start().await;
    let setup = store.shared_with(staffed(Setup::new(&upstream.url()), &["ann"]), STALE);
    let gateway = Gateway::start(&setup).await;
    store.kill();
    let gateway = gateway.restart_unready().await;
    let why = readiness(&gateway, false).await;
    assert!(
        why.contains("the shared store has not answered yet"),
        "{why}"
    );
    let ann = known(&gateway, "up", "ann");
    assert_eq!(status(&ann).await, 503);
    assert!(upstream.with_method("tools/call").is_empty());
    store.again().await;
    readiness(&gateway, true).await;
    assert_eq!(status(&ann).await, 200);
}

#[tokio::test]
async fn a_gateway_that_is_killed_leaves_its_tasks_to_the_others() {
    let mut fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    let view = open_task(&ann, "{}").await;
    let named = format!("\"{}\"", text(&view, "id"));
    assert_eq!(status(&ann).await, 200);
    let own = implicit(&ann).await;
    fleet.one.signal("KILL");
    fleet.one.ended().await;
    assert_eq!(call_in(&elsewhere, &named).await.said(), "ok");
    assert_eq!(status(&elsewhere).await, 200);
    assert_eq!(implicit(&elsewhere).await["id"], own["id"]);
    fleet.one = fleet.one.restart().await;
    assert_eq!(call_in(&ann, &named).await.said(), "ok");
    let closed = visit(
        &elsewhere,
        "DELETE",
        &format!("/tasks/{}", text(&view, "id")),
        "",
    )
    .await;
    assert_eq!(closed.status(), 200);
    assert_eq!(ended(&ann, text(&view, "id")).await, "closed");
    assert!(shown(&ann, text(&view, "id")).await["end"].is_object());
}

/// Whoever brings other keys could read nothing of the others', and must not stand in their callers' way.
#[tokio::test]
async fn a_gateway_with_other_keys_serves_nobody() {
    let fleet = Fleet::start().await;
    let (ann, elsewhere) = fleet.known("ann");
    assert_eq!(status(&ann).await, 200);
    let setup = staffed(Setup::new(&fleet.upstream.url()), &["ann", "bob"]);
    let stranger = Gateway::start_unready(&fleet.store.stranger(setup)).await;
    let why = readiness(&stranger, false).await;
    let said = async || stranger.admin("/readyz", true).await.1;
    let why = until(&why, said, |why| why.contains("other `keys`")).await;
    assert!(!why.contains("not answered"), "{why}");
    let bob = known(&stranger, "up", "bob");
    assert_eq!(status(&bob).await, 503);
    let (bob, _) = fleet.known("bob");
    assert_eq!((status(&bob).await, status(&elsewhere).await), (200, 200));
}

//! An agent that one gateway's configuration has withdrawn is refused by all, and its tasks end.

use super::{Fleet, STALE, status, until};
use crate::identity::{ended, staffed, task, text};
use tests::Setup;
use tests::setup::registered;

#[tokio::test]
async fn whom_one_has_withdrawn_nobody_serves() {
    let fleet = Fleet::start().await;
    let (bob, bob_elsewhere) = fleet.known("bob");
    let (ann, ann_elsewhere) = fleet.known("ann");
    assert_eq!(status(&bob_elsewhere).await, 200);
    let id = text(&task(&bob_elsewhere).await, "id").to_owned();
    let mut stream = bob_elsewhere.open_call("stream", "{}").await;
    stream.event().await.unwrap();
    let setup = staffed(Setup::new(&fleet.upstream.url()), &["ann", "bob"]);
    let setup = fleet.store.shared_with(setup, STALE);
    let (before, after) = (fleet.one.place.clone(), "state = \"suspended\"\nowner");
    let whole = setup.text(&before);
    let bobs = registered("bob", "\"keys:bob\"", crate::identity::EVERYTHING);
    assert!(whole.contains(&bobs));
    let suspended = bobs.replacen("owner", after, 1);
    fleet.one.rewrite_text(&whole.replace(&bobs, &suspended));
    for bob in [&bob, &bob_elsewhere] {
        let refused = until(
            "bob is refused",
            async || status(bob).await,
            |status| *status == 403,
        );
        refused.await;
    }
    let answer = bob_elsewhere.call("echo", "{}").await;
    assert_eq!(
        (answer.status(), answer.code()),
        (403, Some(-31403)),
        "{answer:?}"
    );
    assert_eq!(stream.message().await["error"]["code"], -31410);
    for ann in [&ann, &ann_elsewhere] {
        assert_eq!(status(ann).await, 200);
    }
    let why = "another gateway's configuration has withdrawn the agent";
    fleet.two.stderr().wait(why).await;
    fleet.one.rewrite_text(&whole);
    let served = async || status(&bob_elsewhere).await;
    until("bob is served again", served, |status| *status == 200).await;
    assert_eq!(ended(&bob_elsewhere, &id).await, "withdrawn");
    // Who stops has withdrawn nobody any more.
    fleet.one.rewrite_text(&whole.replace(&bobs, &suspended));
    let refused = async || status(&bob_elsewhere).await;
    until("bob is refused again", refused, |status| *status == 403).await;
    let Fleet { mut one, store, .. } = fleet;
    assert!(one.terminate().await.success());
    // It took leave: who is killed is remembered for a week.
    let living = store.ask(&["KEYS", "*living"]);
    assert_eq!(store.ask(&["ZCARD", &living]), "1", "{living}");
    until("bob is served by who is left", served, |status| {
        *status == 200
    })
    .await;
}

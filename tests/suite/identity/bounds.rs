//! A crowd of subjects makes a bounded number of tasks, and takes none from who is working.

use super::{EVERYTHING, audience, keys, known, patient, task, tasks, text};
use tests::setup::registered;
use tests::{Agent, Gateway, Issuer, Setup};

const MOST: usize = 16;

#[tokio::test]
async fn the_longest_idle_make_room() {
    let (upstream, _) = patient().await;
    let issuer = Issuer::start().await;
    let setup = Setup::new(&upstream.url())
        .gateway(&format!("[gateway.bounds]\ntasks = {MOST}"))
        .without_local()
        .rules(&super::allow("all", "up/**"))
        .tail(&issuer.identity("corp", ""))
        .tail(&keys(&["ann"]))
        .tail(&registered("bots", "\"corp:bot-*\"", EVERYTHING))
        .tail(&registered("ann", "\"keys:ann\"", EVERYTHING));
    let gateway = Gateway::start(&setup).await;
    let ann = known(&gateway, "up", "ann");
    let mut busy = ann.open_call("stream", "{}").await;
    busy.event().await.unwrap();
    let own = task(&ann).await;
    let aud = audience(&gateway, "up");
    for number in 0..100 {
        let bot = Agent::modern(&gateway).bearer(&issuer.token(&format!("bot-{number}"), &aud));
        assert_eq!(bot.call("echo", "{}").await.said(), "ok", "{number}");
        // The newest is there, whoever had to go.
        assert_eq!(tasks(&bot).await.len(), 1, "{number}");
    }
    let (_, list) = gateway.admin("/tasks", false).await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let count = list["tasks"].as_array().unwrap().len();
    assert!((MOST / 2..=MOST + 1).contains(&count), "{count}");
    // Who was working still is.
    busy.silent().await;
    assert_eq!(task(&ann).await["id"], own["id"]);
    // A reload takes a smaller bound into force.
    gateway.rewrite_text(
        &setup
            .text(&gateway.place)
            .replace("tasks = 16", "tasks = 4"),
    );
    gateway.stderr().wait("configuration loaded").await;
    let bot = Agent::modern(&gateway).bearer(&issuer.token("bot-last", &aud));
    assert_eq!(bot.call("echo", "{}").await.said(), "ok");
    let (_, list) = gateway.admin("/tasks", false).await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let left = list["tasks"].as_array().unwrap();
    assert!(left.len() <= 5, "{left:?}");
    assert!(
        left.iter().any(|one| text(one, "agent") == "ann"),
        "{left:?}"
    );
}

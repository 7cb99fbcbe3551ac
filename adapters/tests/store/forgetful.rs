//! Stores that forget: flushed, started empty, gone back to what they had saved, replaced by a replica that had fallen behind.

use crate::both;
use crate::kept::task;
use crate::limits::{budget, key, rate, slots, taken};
use crate::server::{Kind, Server, Switch, until, up};
use adapters::state::limit::Spent;
use adapters::state::redis::{Beat, Down, Redis};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

both!(
    a_flushed_store_begins_without_credit,
    what_was_held_and_spent_is_told_again,
    an_end_outlives_a_loss,
    a_store_that_starts_empty_is_noticed,
    a_store_that_went_back_in_time_is_noticed,
    a_replica_that_fell_behind_is_noticed,
    a_replica_that_has_everything_changes_nothing,
    a_store_that_comes_back_whole_changes_nothing,
    a_new_replica_takes_things_as_they_are,
);

const DAY: Duration = Duration::from_secs(86_400);
const LIFE: Duration = Duration::from_secs(60);

/// Asks until it is known that the store has forgotten, and it answers again.
async fn lost(redis: &Redis) {
    let why = redis.get(b"nothing").await.unwrap_err();
    assert_eq!(why, Down::Lost);
    up(redis).await;
}

/// Whether the next pulse says that the store has forgotten. Only once.
async fn told(redis: &Redis) -> bool {
    let mut lost = None;
    until("a pulse", async || {
        lost = redis
            .pulse(&Beat::default())
            .await
            .ok()
            .map(|pulse| pulse.lost);
        lost.is_some()
    })
    .await;
    assert!(!redis.pulse(&Beat::default()).await.unwrap().lost);
    lost.unwrap()
}

/// What stays allowed where nothing was forgotten.
async fn used(redis: &Redis) {
    assert!(taken(redis, &[rate("full", 1, DAY, 2), budget("part", 10, 9)]).await);
    assert!(taken(redis, &[slots("one of two", 2)]).await);
    redis.put(b"entry", b"there", LIFE).await.unwrap();
}

async fn untouched(redis: &Redis) {
    assert_eq!(redis.get(b"entry").await, Ok(Some(b"there".to_vec())));
    assert!(
        taken(redis, &[rate("full", 1, DAY, 2)]).await,
        "one cell was left"
    );
    assert!(!taken(redis, &[rate("full", 1, DAY, 2)]).await);
    assert!(!taken(redis, &[budget("part", 10, 2)]).await);
    assert!(taken(redis, &[slots("one of two", 2)]).await);
    assert!(!taken(redis, &[slots("one of two", 2)]).await);
    assert!(!told(redis).await);
}

async fn a_flushed_store_begins_without_credit(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let known = [rate("known", 1, DAY, 10)];
    let quick = [rate("quick", 1000, Duration::from_secs(10), 5)];
    assert!(taken(&one, &known).await && taken(&two, &quick).await);
    assert!(!told(&one).await && !told(&two).await);
    server.ask(&["FLUSHALL"]).await;
    lost(&one).await;
    assert!(!taken(&one, &known).await, "whatever it had left");
    assert!(
        !taken(&one, &[rate("unknown", 1, DAY, 10)]).await,
        "nobody knows"
    );
    let second = two.take(&known).await;
    assert_eq!(second, Err(Down::Lost), "each finds out by itself");
    up(&two).await;
    assert!(told(&one).await && told(&two).await);
    until("it fills as ever", async || taken(&two, &quick).await).await;
    // Those who forgot it together do not find it lost again.
    assert_eq!(one.get(b"x").await, Ok(None));
    assert_eq!(two.get(b"x").await, Ok(None));
}

async fn what_was_held_and_spent_is_told_again(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let slot = [slots("a", 3)];
    assert!(taken(&one, &slot).await && taken(&one, &slot).await && taken(&two, &slot).await);
    assert!(taken(&one, &[budget("b", 10, 4)]).await && taken(&two, &[budget("b", 10, 3)]).await);
    two.spend(&[Spent {
        key: key("c"),
        amount: 5,
        life: LIFE,
    }]);
    until("spent", async || !taken(&one, &[budget("c", 5, 0)]).await).await;
    server.ask(&["FLUSHALL"]).await;
    lost(&two).await;
    let soon = two.take(&slot).await.unwrap().unwrap_err();
    assert!(
        soon.retry.unwrap() <= Duration::from_secs(1),
        "first all say what they hold"
    );
    lost(&one).await;
    sleep(Duration::from_secs(1)).await;
    assert!(!taken(&two, &slot).await && !taken(&one, &slot).await);
    one.give(&slot);
    until("a place", async || taken(&two, &slot).await).await;
    assert!(!taken(&one, &slot).await);
    assert!(!taken(&one, &[budget("b", 10, 4)]).await);
    assert!(taken(&two, &[budget("b", 10, 3)]).await);
    assert!(!taken(&two, &[budget("c", 5, 0)]).await);
}

async fn an_end_outlives_a_loss(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let (open, ended) = (task(None), task(None));
    for task in [&open, &ended] {
        one.open_task(task, None).await.unwrap();
    }
    one.end_task(ended.id, b"closed").await.unwrap();
    server.ask(&["FLUSHALL"]).await;
    lost(&two).await;
    assert!(told(&two).await);
    // Who has not heard of the end puts both again.
    for task in [&open, &ended] {
        two.open_task(task, None).await.unwrap();
    }
    lost(&one).await;
    until("ended again", async || {
        let found = two.find_task(ended.id).await.unwrap().unwrap();
        found.end.as_deref() == Some(b"closed")
    })
    .await;
    assert_eq!(one.find_task(open.id).await, Ok(Some(open)));
    let pulse = two.pulse(&Beat::default()).await.unwrap();
    assert_eq!(pulse.news.len(), 1, "and it is told that: {:?}", pulse.news);
}

async fn a_store_that_starts_empty_is_noticed(kind: Kind) {
    let mut server = Server::start(kind).await;
    let redis = server.replica().await;
    used(&redis).await;
    server.restart().await;
    until("noticed", async || redis.get(b"entry").await == Ok(None)).await;
    assert!(!taken(&redis, &[rate("full", 1, DAY, 2)]).await);
    assert!(!taken(&redis, &[budget("part", 10, 2)]).await);
    assert!(told(&redis).await);
}

async fn a_store_that_went_back_in_time_is_noticed(kind: Kind) {
    let mut server = Server::start(kind).await;
    let redis = server.replica().await;
    assert!(server.ask(&["SAVE"]).await.starts_with("+OK"));
    // One cell, of a bucket that has plenty.
    assert!(taken(&redis, &[rate("a", 1, DAY, 100)]).await);
    server.restart().await;
    until("it is back", async || redis.get(b"x").await.is_ok()).await;
    assert!(!taken(&redis, &[rate("a", 1, DAY, 100)]).await);
    assert!(told(&redis).await);
}

async fn a_store_that_comes_back_whole_changes_nothing(kind: Kind) {
    let mut server = Server::start(kind).await;
    let redis = server.replica().await;
    used(&redis).await;
    assert!(server.ask(&["SAVE"]).await.starts_with("+OK"));
    server.restart().await;
    until("it is back", async || redis.get(b"x").await.is_ok()).await;
    untouched(&redis).await;
}

/// A store, a replica of it, and a replica of the gateway that is led to the first.
async fn pair(kind: Kind) -> (Server, Server, Switch, Arc<Redis>) {
    let first = Server::start(kind).await;
    let port = first.port.to_string();
    let second = Server::with(kind, &["--replicaof", "127.0.0.1", &port]).await;
    let switch = Switch::to(first.port).await;
    let mut settings = first.settings();
    settings.reach.url = format!("redis://127.0.0.1:{}", switch.port)
        .parse()
        .unwrap();
    let redis = Redis::open(settings).unwrap();
    up(&redis).await;
    used(&redis).await;
    until("a copy", async || {
        let (one, two) = (first.ask(&["DBSIZE"]).await, second.ask(&["DBSIZE"]).await);
        one == two && first.ask(&["WAIT", "1", "1000"]).await == ":1\r\n"
    })
    .await;
    (first, second, switch, redis)
}

async fn a_replica_that_fell_behind_is_noticed(kind: Kind) {
    let (first, second, switch, redis) = pair(kind).await;
    assert!(
        second
            .ask(&["REPLICAOF", "NO", "ONE"])
            .await
            .starts_with("+OK")
    );
    let ended = task(None);
    redis.open_task(&ended, None).await.unwrap();
    redis.end_task(ended.id, b"closed").await.unwrap();
    redis.take_out(b"entry").await.unwrap();
    switch.turn(second.port);
    drop(first);
    until("it is back", async || redis.get(b"x").await.is_ok()).await;
    assert_eq!(
        redis.get(b"entry").await,
        Ok(None),
        "what was taken out does not come back"
    );
    assert!(
        !taken(&redis, &[rate("full", 1, DAY, 2)]).await,
        "whatever was left"
    );
    let put = redis.open_task(&ended, None).await.unwrap();
    assert_eq!(put.end.as_deref(), Some(&b"closed"[..]));
    assert!(told(&redis).await);
}

async fn a_replica_that_has_everything_changes_nothing(kind: Kind) {
    let (first, second, switch, redis) = pair(kind).await;
    let port = second.port.to_string();
    assert!(
        second
            .ask(&["REPLICAOF", "NO", "ONE"])
            .await
            .starts_with("+OK")
    );
    assert!(
        first
            .ask(&["REPLICAOF", "127.0.0.1", &port])
            .await
            .starts_with("+OK")
    );
    // The first takes no writes any more.
    until("a replica", async || {
        matches!(redis.put(b"x", b"", LIFE).await, Err(Down::Broken(why)) if why.contains("replica"))
    })
    .await;
    switch.turn(second.port);
    up(&redis).await;
    untouched(&redis).await;
}

async fn a_new_replica_takes_things_as_they_are(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    used(&redis).await;
    drop(redis);
    let redis = server.replica().await;
    assert_eq!(redis.get(b"entry").await, Ok(Some(b"there".to_vec())));
    assert!(taken(&redis, &[rate("full", 1, DAY, 2)]).await);
    assert!(!taken(&redis, &[rate("full", 1, DAY, 2)]).await);
    assert!(!told(&redis).await);
}

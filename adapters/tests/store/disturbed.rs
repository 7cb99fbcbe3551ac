//! Stores that are stopped, killed, full or without their scripts.

use crate::both;
use crate::limits::{rate, slots, taken};
use crate::server::{Client, Kind, Server, until, up};
use adapters::state::redis::{Beat, Down, Redis};
use std::time::Duration;
use tokio::time::Instant;

both!(
    a_stopped_store_is_down_in_time_and_back_by_itself,
    what_was_taken_of_a_stopped_store_is_not_held,
    a_killed_store_is_away_and_back_by_itself,
    a_store_that_is_not_there_at_first_is_found,
    scripts_that_were_forgotten_are_told_again,
    a_full_store_takes_nothing_until_there_is_room,
    what_an_older_link_left_behind_does_nothing,
);

const DAY: Duration = Duration::from_secs(86_400);

/// Everything fails, and nothing waits for it.
async fn fails_at_once(redis: &Redis, patience: Duration) {
    let began = Instant::now();
    for _ in 0..1000 {
        assert!(redis.take(&[rate("a", 1, DAY, 9)]).await.is_err());
        assert!(redis.pulse(&Beat::default()).await.is_err());
    }
    assert!(began.elapsed() < patience * 100, "{:?}", began.elapsed());
}

async fn a_stopped_store_is_down_in_time_and_back_by_itself(kind: Kind) {
    let server = Server::start(kind).await;
    let mut settings = server.settings();
    settings.timeout = Duration::from_millis(300);
    let redis = Redis::open(settings).unwrap();
    up(&redis).await;
    server.signal("-STOP");
    let began = Instant::now();
    assert_eq!(redis.take(&[rate("a", 1, DAY, 9)]).await, Err(Down::Slow));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(!redis.health().up);
    fails_at_once(&redis, Duration::from_millis(300)).await;
    server.signal("-CONT");
    up(&redis).await;
    until("as before", async || {
        redis.take(&[rate("a", 1, DAY, 9)]).await.is_ok()
    })
    .await;
    assert!(!redis.pulse(&Beat::default()).await.unwrap().lost);
}

/// The answers to these never come; the store may do what was asked, once it goes on.
async fn what_was_taken_of_a_stopped_store_is_not_held(kind: Kind) {
    let server = Server::start(kind).await;
    let other = server.replica().await;
    let mut settings = server.settings();
    settings.timeout = Duration::from_millis(300);
    let redis = Redis::open(settings).unwrap();
    up(&redis).await;
    let slot = [slots("a", 4)];
    for _ in 0..3 {
        // A slow machine may take longer than that now and then.
        until("a place", async || redis.take(&slot).await == Ok(Ok(()))).await;
    }
    for round in 0..3 {
        redis.give(&slot);
        server.signal("-STOP");
        let (a, b) = tokio::join!(redis.take(&slot), redis.take(&slot));
        assert!(a.is_err() && b.is_err(), "{round}: {a:?} {b:?}");
        server.signal("-CONT");
        up(&redis).await;
        until("a place", async || redis.take(&slot).await == Ok(Ok(()))).await;
    }
    assert!(taken(&other, &slot).await, "the fourth");
    assert!(!taken(&other, &slot).await);
    for _ in 0..3 {
        redis.give(&slot);
    }
    for _ in 0..3 {
        until("free", async || taken(&other, &slot).await).await;
    }
    assert!(!taken(&other, &slot).await);
}

async fn a_killed_store_is_away_and_back_by_itself(kind: Kind) {
    let mut server = Server::start(kind).await;
    let redis = server.replica().await;
    server.kill();
    let mut why = Ok(());
    until("down", async || {
        why = redis.put(b"a", b"", DAY).await;
        why.is_err()
    })
    .await;
    assert_eq!(why, Err(Down::Away));
    fails_at_once(&redis, Duration::from_millis(50)).await;
    server.restart().await;
    up(&redis).await;
    redis.put(b"a", b"", DAY).await.unwrap();
}

async fn a_store_that_is_not_there_at_first_is_found(kind: Kind) {
    let mut server = Server::start(kind).await;
    server.kill();
    let redis = Redis::open(server.settings()).unwrap();
    until("it is known to be away", async || {
        redis.health().why == Some(Down::Away)
    })
    .await;
    assert!(!redis.health().ever);
    server.restart().await;
    up(&redis).await;
    assert!(redis.health().ever);
    assert!(!redis.pulse(&Beat::default()).await.unwrap().lost);
    assert!(
        taken(&redis, &[rate("a", 1, DAY, 9)]).await,
        "nobody remembers a loss"
    );
}

async fn scripts_that_were_forgotten_are_told_again(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    assert!(taken(&redis, &[rate("a", 1, DAY, 9)]).await);
    assert!(server.ask(&["SCRIPT", "FLUSH"]).await.starts_with("+OK"));
    assert!(taken(&redis, &[rate("a", 1, DAY, 9)]).await);
    assert_eq!(redis.health().failures, 0);
}

async fn a_full_store_takes_nothing_until_there_is_room(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let full = |down: Down| matches!(down, Down::Broken(why) if why.contains("memory is full"));
    assert!(full(redis.take(&[rate("a", 1, DAY, 9)]).await.unwrap_err()));
    assert!(full(redis.put(b"a", b"", DAY).await.unwrap_err()));
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    up(&redis).await;
    assert!(
        taken(&redis, &[rate("a", 1, DAY, 1)]).await,
        "the refused one took nothing"
    );
}

/// A command that lay in some buffer until its sender had long begun anew.
async fn what_an_older_link_left_behind_does_nothing(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    redis.put(b"name", b"first", DAY).await.unwrap();
    let mut monitor = Client::open(server.port).await.unwrap();
    monitor.ask(&["MONITOR"]).await;
    redis.put(b"name", b"second", DAY).await.unwrap();
    let seen = monitor.read().await;
    let sent = seen.lines().find(|line| line.contains("EVALSHA")).unwrap();
    let late: Vec<_> = sent.split('"').skip(1).step_by(2).collect();
    assert!(server.ask(&late).await.starts_with("*1\r\n:"), "{late:?}");
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    until("a new link", async || {
        redis.put(b"name", b"third", DAY).await.is_ok()
    })
    .await;
    assert_eq!(server.ask(&late).await, "$-1\r\n");
    assert_eq!(redis.get(b"name").await, Ok(Some(b"third".to_vec())));
    assert!(!redis.pulse(&Beat::default()).await.unwrap().lost);
}

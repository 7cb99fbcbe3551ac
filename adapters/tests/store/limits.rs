//! What calls take of limits: the same cases wherever it is counted.

use crate::both;
use crate::server::{Kind, Server, until};
use adapters::state::limit::{Bound, Key, Quota, Refused, Take};
use adapters::state::redis::{Beat, Redis};
use std::time::Duration;
use tokio::time::timeout;

both!(
    nobody_gives_what_another_took,
    a_slot_held_unasked_is_told,
    who_leaves_while_taking_holds_nothing,
    the_slots_of_the_dead_are_free,
    a_clock_that_went_back_delays_nobody_for_long,
    a_take_is_one_command,
    nothing_stays_for_ever,
);

pub(crate) fn key(name: &str) -> Key {
    Key::of([name.as_bytes()])
}

pub(crate) fn rate(name: &str, count: u32, period: Duration, burst: u32) -> Take {
    let quota = Quota {
        count,
        period,
        burst,
    };
    Take {
        key: key(name),
        bound: Bound::Rate(quota),
    }
}

pub(crate) fn slots(name: &str, most: u32) -> Take {
    Take {
        key: key(name),
        bound: Bound::Slots { most },
    }
}

pub(crate) fn budget(name: &str, most: u64, amount: u64) -> Take {
    let life = Duration::from_secs(60);
    Take {
        key: key(name),
        bound: Bound::Budget { most, amount, life },
    }
}

pub(crate) async fn taken(redis: &Redis, takes: &[Take]) -> bool {
    redis.take(takes).await.unwrap().is_ok()
}

async fn refused(redis: &Redis, takes: &[Take]) -> Refused {
    redis.take(takes).await.unwrap().unwrap_err()
}

const DAY: Duration = Duration::from_secs(86_400);

async fn nobody_gives_what_another_took(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let slot = [slots("a", 2)];
    assert!(taken(&one, &slot).await && taken(&two, &slot).await);
    one.give(&slot);
    one.give(&slot);
    one.give(&slot);
    until("a place", async || taken(&one, &slot).await).await;
    assert!(!taken(&one, &slot).await && !taken(&two, &slot).await);
}

/// As one is that was taken while the store was away, and is told it when it is back.
async fn a_slot_held_unasked_is_told(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let slot = [slots("a", 3)];
    assert!(one.hold(&key("a"), 2) && one.hold(&key("a"), 2));
    assert!(!one.hold(&key("a"), 2), "no more than its part");
    let room = |at| Ok(Err(Refused { at, retry: None }));
    until("told", async || {
        let both = [two.take(&slot).await, two.take(&slot).await];
        let free = both.iter().filter(|taken| **taken == Ok(Ok(()))).count();
        for _ in 0..free {
            two.give(&slot);
        }
        free == 1
    })
    .await;
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    until("a new link", async || one.take(&slot).await == Ok(Ok(()))).await;
    until("another", async || two.take(&slot).await == room(0)).await;
    for _ in 0..3 {
        one.give(&slot);
    }
    for _ in 0..3 {
        until("given", async || taken(&two, &slot).await).await;
    }
    assert!(!taken(&two, &slot).await);
}

async fn who_leaves_while_taking_holds_nothing(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    let slot = [slots("a", 50)];
    let mut left = 0;
    for round in 0..500 {
        let taking = timeout(Duration::from_micros(round), redis.take(&slot));
        match taking.await {
            Ok(taken) => {
                if taken.unwrap().is_ok() {
                    redis.give(&slot);
                }
            }
            Err(_) => left += 1,
        }
    }
    assert!(left > 0, "nobody left early");
    // All fifty are there, at last.
    let mut held = 0;
    until("all are free", async || {
        held += u32::from(taken(&redis, &slot).await);
        held == 50
    })
    .await;
    assert!(!taken(&redis, &slot).await);
}

async fn the_slots_of_the_dead_are_free(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let slot = [slots("a", 1)];
    assert!(taken(&one, &slot).await);
    one.pulse(&Beat::default()).await.unwrap();
    drop(one);
    assert!(!taken(&two, &slot).await, "it may still live");
    until("dead", async || taken(&two, &slot).await).await;
}

async fn a_clock_that_went_back_delays_nobody_for_long(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    let second = Duration::from_secs(1);
    let take = [rate("a", 1, second, 2)];
    assert!(taken(&redis, &take).await);
    let text = server.ask(&["KEYS", "{hopgate}:*:r:*"]).await;
    assert!(text.starts_with("*1\r\n"), "{text}");
    // The name is binary; a year ahead is what a clock leaves behind that went back by a year.
    let ahead = "local all = redis.call('KEYS', '{hopgate}:*:r:*') for _, key in ipairs(all) do \
         redis.call('SET', key, string.format('%.0f', redis.call('GET', key) + 31536e9)) end return #all";
    assert_eq!(server.ask(&["EVAL", ahead, "0"]).await, ":1\r\n");
    let wait = refused(&redis, &take).await.retry.unwrap();
    assert!(wait <= second, "{wait:?}");
}

async fn a_take_is_one_command(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    let takes = [
        rate("a", 1, DAY, 1000),
        slots("b", 1000),
        budget("c", 1000, 1),
    ];
    assert!(taken(&redis, &takes).await, "the store has the script now");
    let mut monitor = crate::server::Client::open(server.port).await.unwrap();
    monitor.ask(&["MONITOR"]).await;
    for _ in 0..100 {
        assert!(taken(&redis, &takes).await);
    }
    let seen = monitor.read().await;
    let sent = seen.lines().filter(|line| line.contains("127.0.0.1:"));
    let sent: Vec<_> = sent.collect();
    assert_eq!(sent.len(), 100, "{sent:?}");
    assert!(sent.iter().all(|line| line.contains("EVALSHA")));
    assert_eq!(redis.health().failures, 0);
}

async fn nothing_stays_for_ever(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    let takes = [rate("a", 1, DAY, 9), slots("b", 9), budget("c", 9, 1)];
    assert!(taken(&redis, &takes).await);
    redis.give(&takes);
    assert!(taken(&redis, &takes).await);
    redis.put(b"entry", b"", DAY).await.unwrap();
    redis.say(b"hello").await.unwrap();
    let withdrawn = Some(vec!["a".into()]);
    redis.pulse(&Beat { seen: 0, withdrawn }).await.unwrap();
    crate::kept::a_family(&redis).await;
    let every = "local out = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
        if redis.call('TTL', key) < 0 or string.sub(key, 1, 10) ~= '{hopgate}:' then table.insert(out, key) end end \
        return { #redis.call('KEYS', '*') >= 12 and 1 or 0, #out, out }";
    assert_eq!(
        server.ask(&["EVAL", every, "0"]).await,
        "*3\r\n:1\r\n:0\r\n*0\r\n"
    );
    // A bucket that is full again is not kept.
    let quick = [rate("quick", 1000, Duration::from_secs(1), 1)];
    assert!(taken(&redis, &quick).await);
    let buckets = || server.ask(&["EVAL", "return #redis.call('KEYS', '*:r:*')", "0"]);
    until("forgotten", async || buckets().await == ":1\r\n").await;
}

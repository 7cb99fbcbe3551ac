//! What calls take of limits: the same cases wherever it is counted.

use crate::both;
use crate::server::{Kind, Server, until};
use adapters::state::limit::{Bound, Key, Quota, Refused, Spent, Take};
use adapters::state::redis::{Beat, Redis};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

both!(
    a_bucket_holds_its_burst_and_fills_evenly,
    no_more_than_burst_and_rate_whoever_asks,
    all_or_nothing,
    slots_are_shared_and_given_back,
    budgets_are_spent_once,
    cells_that_were_not_needed_come_back,
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

async fn a_bucket_holds_its_burst_and_fills_evenly(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let take = [rate("a", 3, DAY, 4)];
    for replica in [&one, &two, &two, &one] {
        assert!(taken(replica, &take).await);
    }
    let third = DAY / 3;
    for replica in [&one, &two] {
        let wait = refused(replica, &take).await.retry.unwrap();
        assert!(
            wait <= third && wait > third - Duration::from_secs(60),
            "{wait:?}"
        );
    }
    assert!(
        taken(&one, &[rate("b", 3, DAY, 4)]).await,
        "another one's is another"
    );
    // A third of a second: as long as the store says, and no longer.
    let take = [rate("c", 3, Duration::from_secs(1), 1)];
    assert!(taken(&one, &take).await);
    let wait = refused(&two, &take).await.retry.unwrap();
    assert!(wait <= Duration::from_millis(334), "{wait:?}");
    sleep(wait).await;
    assert!(taken(&two, &take).await);
}

/// From two replicas, as fast as they can, until so many are admitted; a slow machine takes longer, and is allowed more.
async fn no_more_than_burst_and_rate_whoever_asks(kind: Kind) {
    let server = Server::start(kind).await;
    let (enough, burst) = (230, 30_u32);
    let take = [rate("a", 700, Duration::from_secs(7), burst)];
    let replicas = [server.replica().await, server.replica().await];
    let began = Instant::now();
    let counts = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let mut all = tokio::task::JoinSet::new();
    for replica in replicas.iter().cycle().take(8) {
        let (replica, counts) = (Arc::clone(replica), Arc::clone(&counts));
        all.spawn(async move {
            let [admitted, refused] = &*counts;
            while admitted.load(Ordering::Relaxed) < enough {
                let count = match taken(&replica, &take).await {
                    true => admitted,
                    false => refused,
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let done = async { while all.join_next().await.is_some() {} };
    timeout(Duration::from_secs(60), done).await.unwrap();
    let most = f64::from(burst) + 100.0 * began.elapsed().as_secs_f64();
    let [admitted, refused] = counts
        .each_ref()
        .map(|count| f64::from(count.load(Ordering::Relaxed)));
    assert!(admitted <= most * 1.01, "{admitted} of {most}");
    assert!(
        admitted >= f64::from(enough) && refused > 0.0,
        "{refused} refused"
    );
}

async fn all_or_nothing(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    let (cell, slot, part) = (rate("a", 1, DAY, 2), slots("b", 1), budget("c", 10, 4));
    assert!(taken(&redis, &[cell, slot, part]).await);
    let why = refused(&redis, &[cell, slot, part]).await;
    assert_eq!((why.at, why.retry), (1, None));
    assert!(
        taken(&redis, &[cell, part]).await,
        "nothing was taken by who was refused"
    );
    assert_eq!(
        refused(&redis, &[part]).await,
        Refused { at: 0, retry: None }
    );
    assert_eq!(
        refused(&redis, &[part, cell]).await.at,
        0,
        "the first of them"
    );
    let why = refused(&redis, &[cell, part]).await;
    assert!(why.at == 0 && why.retry.is_some(), "{why:?}");
    assert!(redis.take(&[]).await.unwrap().is_ok());
}

async fn slots_are_shared_and_given_back(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    let slot = [slots("a", 3)];
    for replica in [&one, &two, &two] {
        assert!(taken(replica, &slot).await);
    }
    assert!(!taken(&one, &slot).await && !taken(&two, &slot).await);
    one.give(&slot);
    until("a place", async || taken(&two, &slot).await).await;
    // What one never took, or has given already, is not given.
    one.give(&slot);
    one.give(&slot);
    two.put(b"after", b"", DAY).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(!taken(&one, &slot).await);
    for _ in 0..3 {
        two.give(&slot);
    }
    for _ in 0..3 {
        until("places", async || taken(&one, &slot).await).await;
    }
    assert!(!taken(&two, &slot).await);
}

async fn budgets_are_spent_once(kind: Kind) {
    let server = Server::start(kind).await;
    let (one, two) = (server.replica().await, server.replica().await);
    assert!(taken(&one, &[budget("a", 100, 60)]).await);
    assert!(!taken(&two, &[budget("a", 100, 41)]).await);
    assert!(
        taken(&two, &[budget("a", 100, 0)]).await,
        "something is left"
    );
    assert!(taken(&two, &[budget("a", 100, 40)]).await);
    assert!(!taken(&one, &[budget("a", 100, 0)]).await, "nothing is");
    let spent = |amount| Spent {
        key: key("b"),
        amount,
        life: DAY,
    };
    one.spend(&[spent(1 << 40), spent(5)]);
    two.spend(&[spent(1)]);
    let left = (1 << 40) + 6;
    until("spent", async || {
        !taken(&one, &[budget("b", left, 0)]).await
    })
    .await;
    assert!(taken(&two, &[budget("b", left + 1, 1)]).await);
    assert!(!taken(&two, &[budget("b", left + 1, 0)]).await);
    let short = Take {
        key: key("c"),
        bound: Bound::Budget {
            most: 1,
            amount: 1,
            life: Duration::from_millis(20),
        },
    };
    assert!(taken(&one, &[short]).await);
    until("forgotten", async || taken(&two, &[short]).await).await;
}

async fn cells_that_were_not_needed_come_back(kind: Kind) {
    let server = Server::start(kind).await;
    let redis = server.replica().await;
    let takes = [rate("a", 1, DAY, 2), budget("b", 2, 1)];
    assert!(taken(&redis, &takes).await && taken(&redis, &takes).await);
    assert!(!taken(&redis, &takes).await);
    redis.give(&takes);
    until("given back", async || taken(&redis, &takes).await).await;
    assert!(!taken(&redis, &takes[..1]).await && !taken(&redis, &takes[1..]).await);
    for _ in 0..3 {
        redis.give(&takes);
    }
    until("all of it", async || taken(&redis, &takes).await).await;
    assert!(taken(&redis, &takes).await);
    assert!(!taken(&redis, &takes).await, "and no more than all");
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

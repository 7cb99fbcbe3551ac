//! What a call takes of its limits, by the same cases wherever it is counted: replicas of a Redis and of a Valkey, and the table
//! of one process.

use crate::limits::{budget, key, rate, slots};
use crate::server::{Kind, Server, until};
use adapters::state::limit::{Bound, Memory, Refused, Spent, Take};
use adapters::state::redis::Redis;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Where it is counted.
trait Table: Send + Sync + 'static {
    fn take(&self, takes: &[Take]) -> impl Future<Output = Result<(), Refused>> + Send;
    fn give(&self, takes: &[Take]);
    fn spend(&self, spent: &[Spent]);
}

impl Table for Redis {
    async fn take(&self, takes: &[Take]) -> Result<(), Refused> {
        Self::take(self, takes).await.unwrap()
    }

    fn give(&self, takes: &[Take]) {
        Self::give(self, takes);
    }

    fn spend(&self, spent: &[Spent]) {
        Self::spend(self, spent);
    }
}

impl Table for Memory {
    async fn take(&self, takes: &[Take]) -> Result<(), Refused> {
        Self::take(self, takes)
    }

    fn give(&self, takes: &[Take]) {
        Self::give(self, takes);
    }

    fn spend(&self, spent: &[Spent]) {
        Self::spend(self, spent);
    }
}

macro_rules! everywhere {
    ($($case:ident),+ $(,)?) => {
        mod redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let server = super::Server::start(super::Kind::Redis).await;
                super::$case(server.replica().await, server.replica().await).await;
            })+
        }
        mod valkey {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let server = super::Server::start(super::Kind::Valkey).await;
                super::$case(server.replica().await, server.replica().await).await;
            })+
        }
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let table = std::sync::Arc::new(super::Memory::new(None));
                super::$case(std::sync::Arc::clone(&table), table).await;
            })+
        }
    };
}

everywhere!(
    a_bucket_holds_its_burst_and_fills_evenly,
    no_more_than_burst_and_rate_whoever_asks,
    all_or_nothing,
    slots_are_shared_and_given_back,
    budgets_are_spent_once,
    cells_that_were_not_needed_come_back,
);

const DAY: Duration = Duration::from_secs(86_400);

async fn taken<T: Table>(table: &Arc<T>, takes: &[Take]) -> bool {
    table.take(takes).await.is_ok()
}

async fn refused<T: Table>(table: &Arc<T>, takes: &[Take]) -> Refused {
    table.take(takes).await.unwrap_err()
}

async fn a_bucket_holds_its_burst_and_fills_evenly<T: Table>(one: Arc<T>, two: Arc<T>) {
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
async fn no_more_than_burst_and_rate_whoever_asks<T: Table>(one: Arc<T>, two: Arc<T>) {
    let (enough, burst) = (230, 30_u32);
    let take = [rate("a", 700, Duration::from_secs(7), burst)];
    let replicas = [one, two];
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

async fn all_or_nothing<T: Table>(one: Arc<T>, two: Arc<T>) {
    let (cell, slot, part) = (rate("a", 1, DAY, 2), slots("b", 1), budget("c", 10, 4));
    assert!(taken(&one, &[cell, slot, part]).await);
    let why = refused(&one, &[cell, slot, part]).await;
    assert_eq!((why.at, why.retry), (1, None));
    assert!(
        taken(&one, &[cell, part]).await,
        "nothing was taken by who was refused"
    );
    assert_eq!(refused(&one, &[part]).await, Refused { at: 0, retry: None });
    // Of several the one that takes longest.
    assert_eq!(refused(&one, &[part, cell]).await.at, 0);
    assert_eq!(refused(&one, &[cell, part]).await.at, 1);
    assert_eq!(refused(&one, &[slot, cell]).await.at, 1);
    assert_eq!(refused(&one, &[cell, slot]).await.at, 0);
    assert!(taken(&two, &[slots("d", 1)]).await);
    assert!(taken(&one, &[]).await);
}

async fn slots_are_shared_and_given_back<T: Table>(one: Arc<T>, two: Arc<T>) {
    let slot = [slots("a", 3)];
    for replica in [&one, &two, &two] {
        assert!(taken(replica, &slot).await);
    }
    assert!(!taken(&one, &slot).await && !taken(&two, &slot).await);
    one.give(&slot);
    until("a place", async || taken(&two, &slot).await).await;
    for _ in 0..3 {
        two.give(&slot);
    }
    for _ in 0..3 {
        until("places", async || taken(&one, &slot).await).await;
    }
    assert!(!taken(&two, &slot).await);
}

async fn budgets_are_spent_once<T: Table>(one: Arc<T>, two: Arc<T>) {
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
            life: Duration::from_secs(1),
        },
    };
    assert!(taken(&one, &[short]).await);
    until("forgotten", async || taken(&two, &[short]).await).await;
}

async fn cells_that_were_not_needed_come_back<T: Table>(one: Arc<T>, two: Arc<T>) {
    let takes = [rate("a", 1, DAY, 2), budget("b", 2, 1)];
    assert!(taken(&one, &takes).await && taken(&one, &takes).await);
    assert!(!taken(&one, &takes).await);
    two.give(&takes);
    until("given back", async || taken(&one, &takes).await).await;
    assert!(!taken(&one, &takes[..1]).await && !taken(&one, &takes[1..]).await);
    let three = takes.repeat(3);
    one.give(&three);
    until("all of it", async || taken(&one, &takes).await).await;
    assert!(taken(&one, &takes).await);
    assert!(!taken(&one, &takes).await, "and no more than all");
}

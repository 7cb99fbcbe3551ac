//! The store that several gateways share: one round trip for all a call takes there, none for what is known to be refused,
//! and what holds while the store is away.

use super::order::Want;
use adapters::state::limit::{Bound, Key, Memory, Quota, Refused, Spent, Take};
use adapters::state::redis::{Down, Redis};
use arc_swap::ArcSwapOption;
use policy::limit::StoreDown;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// What is counted for all replicas.
#[derive(Debug)]
pub(super) struct Shared {
    redis: Arc<Redis>,
    /// Until when keys are refused, as the store said: nobody asks it again before.
    denied: Mutex<HashMap<Key, Instant>>,
    /// What counts here while the store is away. It begins without any credit.
    meanwhile: ArcSwapOption<Memory>,
}

/// Why nothing was taken.
#[derive(Debug)]
pub(super) enum Unmet {
    /// A bound is reached.
    Refused(Refused),
    /// Nobody can say, and a limit says that then nothing passes.
    Uncounted(Down),
}

/// As many refusals are remembered. Beyond, the store is asked.
const DENIED_MOST: usize = 100_000;

// === impl Shared ===

impl Shared {
    pub(super) fn new(redis: Arc<Redis>) -> Self {
        Self {
            redis,
            denied: Mutex::default(),
            meanwhile: ArcSwapOption::empty(),
        }
    }

    /// Takes all of it, or nothing.
    pub(super) async fn take(&self, takes: &[Take], wants: &[&Want<'_>]) -> Result<(), Unmet> {
        if let Some(refused) = self.known(takes) {
            return Err(Unmet::Refused(refused));
        }
        match self.redis.take(takes).await {
            Ok(taken) => {
                if self.meanwhile.load().is_some() {
                    self.meanwhile.store(None);
                }
                taken.map_err(|refused| {
                    self.remember(takes, refused);
                    Unmet::Refused(refused)
                })
            }
            Err(down) => self.alone(takes, wants, down),
        }
    }

    /// Gives back what was taken, soon.
    pub(super) fn give(&self, takes: &[Take]) {
        self.redis.give(takes);
    }

    /// What was spent of budgets. Soon, and if need be when the store is back.
    pub(super) fn spend(&self, spent: &[Spent]) {
        if let Some(meanwhile) = &*self.meanwhile.load() {
            meanwhile.spend(spent);
        }
        self.redis.spend(spent);
    }

    /// Whether this replica counts alone.
    pub(super) fn is_alone(&self) -> bool {
        self.meanwhile.load().is_some()
    }

    /// Lets go of what has had its time.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.denied().retain(|_, until| *until > now);
        if let Some(meanwhile) = &*self.meanwhile.load() {
            meanwhile.sweep();
        }
    }

    /// The store is away: this replica's part, where every limit allows it.
    fn alone(&self, takes: &[Take], wants: &[&Want<'_>], down: Down) -> Result<(), Unmet> {
        let denies = |want: &&Want<'_>| {
            want.limit
                .is_some_and(|limit| limit.store_down == StoreDown::Deny)
        };
        // A replica that never saw the store knows neither what was taken nor how many others there are.
        if !self.redis.health().ever || wants.iter().any(denies) {
            return Err(Unmet::Uncounted(down));
        }
        let meanwhile = self.meanwhile();
        let replicas = self.redis.replicas();
        // Places are those this replica holds anyway, so that what was open before counts as well.
        let (mut held, mut rest, mut order) = (Vec::new(), Vec::new(), Vec::new());
        for (at, take) in takes.iter().enumerate() {
            let before = match take.bound {
                Bound::Budget { .. } => {
                    let all = self.redis.spent(&take.key);
                    all.saturating_sub(meanwhile.spent(&take.key))
                }
                Bound::Rate(_) | Bound::Slots { .. } => 0,
            };
            let part = share(take.bound, replicas, before);
            match part {
                Bound::Slots { most } if !self.redis.hold(&take.key, most) => {
                    self.redis.give(&held);
                    return Err(Unmet::Refused(Refused { at, retry: None }));
                }
                Bound::Slots { .. } => held.push(*take),
                Bound::Rate(_) | Bound::Budget { .. } => {
                    rest.push(Take {
                        bound: part,
                        ..*take
                    });
                    order.push(at);
                }
            }
        }
        if let Err(refused) = meanwhile.take(&rest) {
            self.redis.give(&held);
            let at = order.get(refused.at).copied().unwrap_or_default();
            return Err(Unmet::Refused(Refused { at, ..refused }));
        }
        self.redis.spend(&spent(takes));
        Ok(())
    }

    fn meanwhile(&self) -> Arc<Memory> {
        if let Some(meanwhile) = self.meanwhile.load_full() {
            return meanwhile;
        }
        let _one = self.denied();
        if let Some(meanwhile) = self.meanwhile.load_full() {
            return meanwhile;
        }
        let fresh = Arc::new(Memory::empty_handed());
        self.meanwhile.store(Some(Arc::clone(&fresh)));
        fresh
    }

    fn known(&self, takes: &[Take]) -> Option<Refused> {
        let denied = self.denied();
        if denied.is_empty() {
            return None;
        }
        let now = Instant::now();
        let waits = takes.iter().enumerate().filter_map(|(at, take)| {
            let until = denied.get(&take.key).filter(|until| **until > now)?;
            Some((until.duration_since(now), at))
        });
        let (retry, at) = waits.max()?;
        Some(Refused {
            at,
            retry: Some(retry),
        })
    }

    fn remember(&self, takes: &[Take], refused: Refused) {
        let (Some(retry), Some(take)) = (refused.retry, takes.get(refused.at)) else {
            return;
        };
        let now = Instant::now();
        let mut denied = self.denied();
        if denied.len() >= DENIED_MOST {
            denied.retain(|_, until| *until > now);
        }
        if denied.len() < DENIED_MOST {
            denied.insert(take.key, now + retry);
        }
    }

    fn denied(&self) -> MutexGuard<'_, HashMap<Key, Instant>> {
        // Every change is one entry, so a panic elsewhere leaves it whole.
        self.denied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One replica's part of a bound: of a budget, of what is left after what was spent before. Of what cannot be divided
/// further, one.
fn share(bound: Bound, replicas: u32, before: u64) -> Bound {
    match bound {
        Bound::Rate(quota) => Bound::Rate(Quota {
            period: quota.period.saturating_mul(replicas),
            burst: (quota.burst / replicas).max(1),
            ..quota
        }),
        Bound::Slots { most } => Bound::Slots {
            most: (most / replicas).max(1),
        },
        Bound::Budget { most, amount, life } => Bound::Budget {
            most: most.saturating_sub(before) / u64::from(replicas),
            amount,
            life,
        },
    }
}

/// What these take of budgets.
fn spent(takes: &[Take]) -> Vec<Spent> {
    let spent = takes.iter().filter_map(|take| match take.bound {
        Bound::Budget { amount, life, .. } if amount > 0 => Some(Spent {
            key: take.key,
            amount,
            life,
        }),
        _ => None,
    });
    spent.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn parts_make_no_more_than_the_whole() {
        let quota = Quota {
            count: 60,
            period: Duration::from_secs(60),
            burst: 10,
        };
        let Bound::Rate(part) = share(Bound::Rate(quota), 3, 0) else {
            panic!("another bound");
        };
        assert_eq!((part.interval(), part.burst), (3 * quota.interval(), 3));
        assert_eq!(share(Bound::Rate(quota), 1, 0), Bound::Rate(quota));
        let slots = |most| Bound::Slots { most };
        assert_eq!(share(slots(10), 3, 0), slots(3));
        assert_eq!(share(slots(1), 3, 0), slots(1));
        let budget = |most| Bound::Budget {
            most,
            amount: 1,
            life: Duration::from_secs(1),
        };
        assert_eq!(share(budget(100), 3, 40), budget(20));
        assert_eq!(share(budget(100), 3, 140), budget(0));
    }
}

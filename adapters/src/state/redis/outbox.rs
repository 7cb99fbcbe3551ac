//! What the store is told without anybody waiting for it. While one lot is under way the next gathers, and what concerns the
//! same thing becomes one.
//!
//! Every part has a bound. What was spent, what is to be removed and who was seen waits for the store to come back; what is
//! given back does not: slots are told anew with the next link, and cells that nobody gave back only make the bound stricter.

use super::entries;
use super::limits::{amount, bucket, millis};
use super::script::{GIVE, REFRESH, REMOVE, SPEND};
use super::tasks::{Seen, text};
use super::{Down, EXACT, Link, Shared, locked};
use crate::state::limit::{Key, Spent, Take};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    untold: AtomicU64,
}

/// All that waits, or a lot of it.
#[derive(Debug, Default)]
struct Waiting {
    /// Each with the link it was taken over, or is known to.
    given: Vec<(u64, Take)>,
    spent: HashMap<Key, (u64, Duration)>,
    removed: Vec<Vec<u8>>,
    seen: HashMap<Uuid, (u64, u64)>,
}

/// Of each kind.
const MOST: usize = 65_536;

/// So much in one script: longer ones would let others wait.
const LOT: usize = 256;

/// Sends what is to be told. Runs until it is aborted.
pub(super) async fn empty(shared: Arc<Shared>) {
    let mut up = shared.up.subscribe();
    loop {
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        let Ok(link) = shared.link() else {
            // Just about to be there, or just gone.
            tokio::task::yield_now().await;
            continue;
        };
        let lot = shared.outbox.lot();
        if lot.is_empty() {
            shared.outbox.filled.notified().await;
        } else {
            shared.tell(&link, lot).await;
        }
    }
}

// === impl Shared ===

impl Shared {
    async fn tell(&self, link: &Arc<Link>, mut lot: Waiting) {
        let of_this = |(over, _): &(u64, Take)| *over == link.standing.link;
        lot.given.retain(of_this);
        let told = self.tell_all(link, &mut lot).await;
        if told.is_err() {
            self.outbox.put_back(lot);
        }
    }

    /// Empties the lot as far as it gets.
    async fn tell_all(&self, link: &Arc<Link>, lot: &mut Waiting) -> Result<(), Down> {
        let given = std::mem::take(&mut lot.given);
        if !given.is_empty() {
            let asked = self.ask_over(link, &GIVE, |standing, command| {
                standing.keys(command, given.len());
                for (_, take) in &given {
                    command.arg(bucket(link, take));
                }
                standing.proof(command);
                for (_, take) in &given {
                    amount(command, &take.bound);
                }
            });
            asked.await?;
        }
        if !lot.spent.is_empty() {
            let spent: Vec<_> = lot.spent.iter().collect();
            let asked = self.ask_over(link, &SPEND, |standing, command| {
                standing.keys(command, spent.len());
                for (key, _) in &spent {
                    command.arg(standing.lasting(b'b', key.bytes()));
                }
                standing.proof(command);
                for (_, (amount, life)) in &spent {
                    command.arg(amount.min(&EXACT)).arg(millis(*life));
                }
            });
            asked.await?;
            lot.spent.clear();
        }
        if !lot.removed.is_empty() {
            let asked = self.ask_over(link, &REMOVE, |standing, command| {
                standing.keys(command, lot.removed.len());
                for name in &lot.removed {
                    command.arg(standing.key(entries::KIND, name));
                }
                standing.proof(command);
            });
            asked.await?;
            lot.removed.clear();
        }
        self.tell_seen(link, lot).await
    }

    async fn tell_seen(&self, link: &Arc<Link>, lot: &mut Waiting) -> Result<(), Down> {
        if lot.seen.is_empty() {
            return Ok(());
        }
        let asked = self.ask_over(link, &REFRESH, |standing, command| {
            standing.keys(command, 1);
            command.arg(standing.key(b'n', b"news"));
            standing.proof(command);
            command.arg(standing.base());
            for (id, (used, deadline)) in &lot.seen {
                let (used, deadline) = (used.min(&EXACT), deadline.min(&EXACT));
                command.arg(text(*id)).arg(used).arg(deadline);
            }
        });
        asked.await?;
        lot.seen.clear();
        Ok(())
    }
}

// === impl Outbox ===

impl Outbox {
    pub(super) fn untold(&self) -> u64 {
        self.untold.load(Ordering::Relaxed)
    }

    /// What was taken over this link, or over an older one and told again over this. Slots are as many as are held.
    pub(super) fn give(&self, link: u64, takes: &[Take]) {
        let mut waiting = locked(&self.waiting);
        if waiting.given.len() >= MOST {
            // While the store is away; the next link tells of slots without them.
            waiting.given.retain(|(over, _)| *over == link);
        }
        let room = MOST.saturating_sub(waiting.given.len());
        waiting
            .given
            .extend(takes.iter().take(room).map(|take| (link, *take)));
        self.pushed(takes.len().saturating_sub(room));
    }

    pub(super) fn spend(&self, spent: &[Spent]) {
        let mut waiting = locked(&self.waiting);
        let lost = spent.iter().filter(|one| !waiting.spend(one));
        self.pushed(lost.count());
    }

    pub(super) fn remove(&self, name: &[u8]) {
        let mut waiting = locked(&self.waiting);
        let room = waiting.removed.len() < MOST;
        if room {
            waiting.removed.push(name.to_vec());
        }
        self.pushed(usize::from(!room));
    }

    pub(super) fn refresh(&self, seen: &[Seen]) {
        let mut waiting = locked(&self.waiting);
        let lost = seen.iter().filter(|one| !waiting.see(one));
        self.pushed(lost.count());
    }

    fn pushed(&self, lost: usize) {
        self.untold.fetch_add(lost as u64, Ordering::Relaxed);
        self.filled.notify_one();
    }

    /// Some of what waits.
    fn lot(&self) -> Waiting {
        let mut waiting = locked(&self.waiting);
        let given = waiting.given.len().min(LOT);
        let removed = waiting.removed.len().min(LOT);
        Waiting {
            given: waiting.given.drain(..given).collect(),
            removed: waiting.removed.drain(..removed).collect(),
            spent: some(&mut waiting.spent),
            seen: some(&mut waiting.seen),
        }
    }

    /// What may not have been told: told twice, it is spent twice rather than never.
    fn put_back(&self, lot: Waiting) {
        let mut waiting = locked(&self.waiting);
        let mut lost = 0;
        for (key, (amount, life)) in lot.spent {
            let again = Spent { key, amount, life };
            lost += usize::from(!waiting.spend(&again));
        }
        for (id, (used, deadline)) in lot.seen {
            let again = Seen { id, used, deadline };
            lost += usize::from(!waiting.see(&again));
        }
        let room = MOST.saturating_sub(waiting.removed.len());
        lost += lot.removed.len().saturating_sub(room);
        waiting.removed.extend(lot.removed.into_iter().take(room));
        self.pushed(lost);
    }
}

fn some<K: Copy + Eq + std::hash::Hash, V>(all: &mut HashMap<K, V>) -> HashMap<K, V> {
    if all.len() <= LOT {
        return std::mem::take(all);
    }
    let keys: Vec<K> = all.keys().take(LOT).copied().collect();
    let taken = keys.into_iter().filter_map(|key| all.remove_entry(&key));
    taken.collect()
}

// === impl Waiting ===

impl Waiting {
    fn is_empty(&self) -> bool {
        self.given.is_empty()
            && self.spent.is_empty()
            && self.removed.is_empty()
            && self.seen.is_empty()
    }

    fn spend(&mut self, one: &Spent) -> bool {
        let room = self.spent.len() < MOST;
        match self.spent.get_mut(&one.key) {
            Some((amount, life)) => {
                *amount = amount.saturating_add(one.amount);
                *life = one.life.max(*life);
            }
            None if room => {
                self.spent.insert(one.key, (one.amount, one.life));
            }
            None => return false,
        }
        true
    }

    fn see(&mut self, one: &Seen) -> bool {
        let room = self.seen.len() < MOST;
        match self.seen.get_mut(&one.id) {
            Some((used, deadline)) => {
                *used = one.used.max(*used);
                *deadline = one.deadline.max(*deadline);
            }
            None if room => {
                self.seen.insert(one.id, (one.used, one.deadline));
            }
            None => return false,
        }
        true
    }
}

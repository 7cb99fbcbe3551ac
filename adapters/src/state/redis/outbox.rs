//! What the store is told without anybody waiting for it. While one lot is under way the next gathers, and what concerns the
//! same thing becomes one.
//!
//! Every part has a bound. What was spent, what is to be removed and who was seen waits for the store to come back; what is
//! given back does not: slots are told anew with the next link, and cells that nobody gave back only make the bound stricter.

use super::entries;
use super::limits::{amount, bucket, millis};
use super::script::{self, END_TASK, GIVE, REFRESH, REMOVE, SPEND, natural};
use super::tasks::{Seen, text};
use super::{Down, EXACT, Link, Shared, locked};
use crate::state::limit::{Bound, Key, Spent, Take};
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
    /// Ends that a store has forgotten.
    ended: Vec<(Uuid, Vec<u8>)>,
    /// What is given back, and slots that are held unasked, in their order.
    given: Vec<Given>,
    spent: HashMap<Key, (u64, Duration)>,
    removed: Vec<Vec<u8>>,
    seen: HashMap<Uuid, (u64, u64)>,
}

/// Something given back, or held unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Given {
    /// The link it was taken over, or is known to.
    link: u64,
    take: Take,
    unasked: bool,
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
        let later = lot.only(link.standing.link);
        let told = self.tell_all(link, &mut lot).await;
        if told.is_err() {
            self.outbox.put_back(lot);
        }
        self.outbox.put_back(later);
    }

    /// Empties the lot as far as it gets.
    async fn tell_all(&self, link: &Arc<Link>, lot: &mut Waiting) -> Result<(), Down> {
        while let Some((id, end)) = lot.ended.last() {
            let asked = self.ask_over(link, &END_TASK, |standing, command| {
                standing.task(command);
                command.arg(text(*id)).arg(end).arg("");
            });
            asked.await?;
            lot.ended.pop();
        }
        let given = std::mem::take(&mut lot.given);
        if !given.is_empty() {
            let asked = self.ask_over(link, &GIVE, |standing, command| {
                standing.keys(command, given.len());
                for one in &given {
                    command.arg(bucket(link, &one.take));
                }
                standing.proof(command);
                for one in &given {
                    amount(command, &one.take.bound, one.unasked);
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
            let answer = asked.await?;
            let told = script::parts(answer.into_iter().nth(1).unwrap_or_default())?;
            let mut memory = locked(&self.memory);
            for ((key, (_, life)), total) in spent.iter().zip(&told) {
                memory.spent(**key, natural(Some(total))?, *life);
            }
            drop(memory);
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
            standing.task(command);
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

    /// What was taken over this link, or over an older one and told again over this.
    pub(super) fn give(&self, link: u64, takes: &[Take]) {
        let mut waiting = locked(&self.waiting);
        let room = MOST.saturating_sub(waiting.given.len());
        waiting
            .given
            .extend(takes.iter().take(room).map(|take| Given {
                link,
                take: *take,
                unasked: false,
            }));
        self.pushed(takes.len().saturating_sub(room));
    }

    /// A slot that is held without the store having been asked: by now it may stand on a link that does not know of it.
    pub(super) fn hold(&self, link: u64, key: Key) {
        let bound = Bound::Slots { most: 1 };
        let mut waiting = locked(&self.waiting);
        let room = waiting.given.len() < MOST;
        if room {
            waiting.given.push(Given {
                link,
                take: Take { key, bound },
                unasked: true,
            });
        }
        self.pushed(usize::from(!room));
    }

    /// All ends there are to be told, in the place of those that waited.
    pub(super) fn end(&self, ended: Vec<(Uuid, Vec<u8>)>) {
        locked(&self.waiting).ended = ended;
        self.pushed(0);
    }

    pub(super) fn spend(&self, spent: &[Spent]) {
        let mut waiting = locked(&self.waiting);
        let lost = spent.iter().filter(|one| !waiting.spend(one));
        self.pushed(lost.count());
    }

    /// What is spent of a budget and not told yet.
    pub(super) fn owed(&self, key: &Key) -> u64 {
        let waiting = locked(&self.waiting);
        waiting.spent.get(key).map_or(0, |(amount, _)| *amount)
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
        let ended = waiting.ended.len().min(LOT);
        let given = waiting.given.len().min(LOT);
        let removed = waiting.removed.len().min(LOT);
        Waiting {
            ended: waiting.ended.drain(..ended).collect(),
            given: waiting.given.drain(..given).collect(),
            removed: waiting.removed.drain(..removed).collect(),
            spent: some(&mut waiting.spent),
            seen: some(&mut waiting.seen),
        }
    }

    /// What may not have been told: told twice, it is spent twice rather than never.
    fn put_back(&self, lot: Waiting) {
        if lot.is_empty() {
            return;
        }
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
        waiting.ended.extend(lot.ended);
        waiting.given.extend(lot.given);
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
        self.ended.is_empty()
            && self.given.is_empty()
            && self.spent.is_empty()
            && self.removed.is_empty()
            && self.seen.is_empty()
    }

    /// Leaves what may be given back over this link, and hands out what waits for a newer one. What was taken over an older one
    /// is already missing from the numbers that this one began with.
    fn only(&mut self, link: u64) -> Self {
        self.given.retain(|one| one.link >= link);
        let now = |one: &mut Given| one.link == link;
        let now = self.given.extract_if(.., now).collect();
        Self {
            given: std::mem::replace(&mut self.given, now),
            ..Self::default()
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::limit::Bound;

    fn slot(name: &[u8]) -> Take {
        Take {
            key: Key::of([name]),
            bound: Bound::Slots { most: 1 },
        }
    }

    #[test]
    fn what_is_given_back_goes_over_its_own_link() {
        let outbox = Outbox::default();
        for link in [1, 2, 3, 2] {
            outbox.give(link, &[slot(b"a")]);
        }
        let mut lot = outbox.lot();
        let later = lot.only(2);
        assert_eq!(lot.given.len(), 2);
        assert_eq!(
            later.given.iter().map(|one| one.link).collect::<Vec<_>>(),
            [3]
        );
        outbox.put_back(later);
        assert_eq!(outbox.lot().given.len(), 1);
    }

    #[test]
    fn every_part_has_a_bound_and_what_it_takes_to_be_over_it_is_counted() {
        let outbox = Outbox::default();
        let key = |number: usize| Key::of([&number.to_be_bytes()[..]]);
        let life = Duration::from_secs(1);
        let spent = (0..MOST + 3).map(|number| Spent {
            key: key(number),
            amount: 1,
            life,
        });
        outbox.spend(&spent.collect::<Vec<_>>());
        assert_eq!(outbox.untold(), 3);
        outbox.spend(&[Spent {
            key: key(0),
            amount: 1,
            life,
        }]);
        assert_eq!(outbox.untold(), 3, "what is known has room");
        let mut seen = 0;
        loop {
            let lot = outbox.lot();
            if lot.is_empty() {
                break;
            }
            assert!(lot.spent.len() <= LOT);
            seen += lot.spent.values().map(|(amount, _)| amount).sum::<u64>();
        }
        assert_eq!(seen, MOST as u64 + 1);
    }
}

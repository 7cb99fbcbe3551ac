//! What this replica remembers of what the store told it, to tell it again to one that has forgotten: how much was spent, and
//! which tasks have ended. Both only ever grow, so that the store has the most any replica knows once all have said it.

use crate::state::limit::Key;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Memory {
    spent: HashMap<Key, (u64, Instant)>,
    ended: HashMap<Uuid, (Vec<u8>, Instant)>,
}

/// Of each. What is new while so many are remembered is forgotten with the store.
const MOST: usize = 65_536;

/// For so long somebody may not have heard that a task has ended, and put it again.
const ENDED: Duration = Duration::from_secs(600);

/// So long is every budget's life at most, as far as memory goes.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

// === impl Memory ===

impl Memory {
    /// So much is spent, and that is remembered for so long.
    pub(super) fn spent(&mut self, key: Key, total: u64, life: Duration) {
        let until = Instant::now() + life.min(LONGEST);
        if let Some(known) = room(&mut self.spent, key) {
            let (spent, end) = known.or_insert((0, until));
            *spent = total.max(*spent);
            *end = until.max(*end);
        }
    }

    /// What the store last said is spent of it.
    pub(super) fn known(&self, key: &Key) -> u64 {
        let living = |(_, until): &&(u64, Instant)| *until > Instant::now();
        self.spent
            .get(key)
            .filter(living)
            .map_or(0, |(spent, _)| *spent)
    }

    /// So much less.
    pub(super) fn given(&mut self, key: &Key, amount: u64) {
        if let Some((spent, _)) = self.spent.get_mut(key) {
            *spent = spent.saturating_sub(amount);
        }
    }

    pub(super) fn ended(&mut self, id: Uuid, end: &[u8]) {
        let until = Instant::now() + ENDED;
        if let Some(known) = room(&mut self.ended, id) {
            known.or_insert_with(|| (end.to_vec(), until));
        }
    }

    /// Everything that is spent, and for how long that is remembered.
    pub(super) fn all_spent(&self) -> Vec<(Key, u64, Duration)> {
        let now = Instant::now();
        let spent = self.spent.iter().filter(|(_, (spent, _))| *spent > 0);
        let left = spent.map(|(key, (spent, until))| (*key, *spent, *until - now));
        left.filter(|(_, _, left)| !left.is_zero()).collect()
    }

    /// Every end.
    pub(super) fn all_ended(&self) -> Vec<(Uuid, Vec<u8>)> {
        let now = Instant::now();
        let ended = self.ended.iter().filter(|(_, (_, until))| *until > now);
        ended.map(|(id, (end, _))| (*id, end.clone())).collect()
    }
}

type Place<'a, K, V> = std::collections::hash_map::Entry<'a, K, (V, Instant)>;

/// The place of what is known or may still be remembered.
fn room<K: Eq + Hash, V>(all: &mut HashMap<K, (V, Instant)>, key: K) -> Option<Place<'_, K, V>> {
    if all.len() >= MOST && !all.contains_key(&key) {
        let now = Instant::now();
        all.retain(|_, (_, until)| *until > now);
        if all.len() >= MOST {
            return None;
        }
    }
    Some(all.entry(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_most_is_remembered_for_its_life() {
        let mut memory = Memory::default();
        let key = Key::of([&b"a"[..]]);
        let second = Duration::from_secs(1);
        memory.spent(key, 7, 2 * second);
        memory.spent(key, 5, second);
        assert_eq!(memory.all_spent(), [(key, 7, 2 * second)]);
        memory.given(&key, 3);
        tokio::time::advance(second).await;
        assert_eq!(memory.all_spent(), [(key, 4, second)]);
        assert_eq!(memory.known(&key), 4);
        tokio::time::advance(second).await;
        assert_eq!(memory.all_spent(), []);
        assert_eq!(memory.known(&key), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn it_has_a_bound_and_makes_room() {
        let mut memory = Memory::default();
        let key = |number: usize| Key::of([&number.to_be_bytes()[..]]);
        for number in 0..MOST {
            memory.spent(key(number), 1, Duration::from_secs(1));
        }
        memory.spent(key(MOST), 1, Duration::from_secs(1));
        assert_eq!(memory.all_spent().len(), MOST);
        memory.spent(key(0), 9, Duration::from_secs(9));
        tokio::time::advance(Duration::from_secs(2)).await;
        memory.spent(key(MOST), 1, Duration::from_secs(1));
        assert_eq!(memory.all_spent().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_the_first_that_was_told() {
        let mut memory = Memory::default();
        memory.ended(Uuid::nil(), b"closed");
        memory.ended(Uuid::nil(), b"idle");
        assert_eq!(memory.all_ended(), [(Uuid::nil(), b"closed".to_vec())]);
        tokio::time::advance(ENDED).await;
        assert_eq!(memory.all_ended(), []);
    }
}

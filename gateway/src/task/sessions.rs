//! All legacy sessions this process remembers, until nobody has used them for long.

use super::session::Session;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A session nobody has used for this long is forgotten (its sealed id still opens).
const IDLE: Duration = Duration::from_secs(60 * 60);
const SHARDS: usize = 16;

/// Sessions by key: principal, server and the server's own id.
type Shard = HashMap<Box<[u8]>, Arc<Session>>;

/// All sessions this process remembers.
#[derive(Debug)]
pub(crate) struct Sessions {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
}

// === impl Sessions ===

impl Default for Sessions {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Sessions {
    /// The memory of the session with this key, begun where there is none.
    pub(crate) fn of(&self, key: &[u8]) -> Arc<Session> {
        let Some(mut shard) = self.shard(key) else {
            return Arc::default();
        };
        let session = match shard.get(key) {
            Some(session) => Arc::clone(session),
            None => Arc::clone(shard.entry(Box::from(key)).or_default()),
        };
        drop(shard);
        session.touch();
        session
    }

    /// The memories of all sessions.
    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.values().cloned());
        }
        all
    }

    /// The memory of the session with this key, where there is one.
    pub(super) fn known(&self, key: &[u8]) -> Option<Arc<Session>> {
        self.shard(key)?.get(key).cloned()
    }

    /// Forgets a session that has ended.
    pub(crate) fn forget(&self, key: &[u8]) {
        if let Some(mut shard) = self.shard(key) {
            shard.remove(key);
        }
    }

    /// Forgets the sessions nobody has used for long and nobody holds; returns how many are left.
    pub(crate) fn sweep(&self) -> usize {
        let mut left = 0;
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, session| {
                Arc::strong_count(session) > 1
                    || session.unused().is_some_and(|unused| unused < IDLE)
            });
            left += shard.len();
        }
        left
    }

    fn shard(&self, key: &[u8]) -> Option<MutexGuard<'_, Shard>> {
        let at = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).ok()?;
        Some(
            self.shards
                .get(at)?
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_sessions_are_forgotten_unless_held() {
        let sessions = Sessions::default();
        let held = sessions.of(b"held");
        sessions.of(b"idle");
        tokio::time::advance(IDLE).await;
        assert_eq!(sessions.sweep(), 1);
        assert!(Arc::ptr_eq(&held, &sessions.of(b"held")));
        sessions.forget(b"held");
        assert!(!Arc::ptr_eq(&held, &sessions.of(b"held")));
    }
}

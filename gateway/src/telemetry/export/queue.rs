//! What waits for the collector: bounded in number and in memory. Whoever puts something in never waits; what there
//! is no room for is counted and gone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The most that wait.
const MOST: usize = 8_192;
/// The most memory they take.
const MOST_BYTES: usize = 24 << 20;
/// As many go in one message.
const BATCH: usize = 512;
/// No message is begun with more memory than this in it: collectors take 4 MiB.
const BATCH_BYTES: usize = 1 << 20;

/// A queue to one collector.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    /// Told when a whole batch waits.
    whole: Notify,
    /// What found no room and was not yet reported.
    refused: AtomicU64,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(usize, T)>,
    bytes: usize,
}

// === impl Queue ===

impl<T> Queue<T> {
    /// Puts in what takes about so many bytes.
    pub(crate) fn push(&self, bytes: usize, item: T) {
        let mut waiting = self.lock();
        if waiting.items.len() >= MOST || waiting.bytes.saturating_add(bytes) > MOST_BYTES {
            drop(waiting);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes = waiting.bytes.saturating_add(bytes);
        waiting.items.push_back((bytes, item));
        let whole = waiting.items.len() == BATCH;
        drop(waiting);
        if whole {
            self.whole.notify_one();
        }
    }

    /// The next message's worth.
    pub(crate) fn take(&self) -> Vec<T> {
        let mut waiting = self.lock();
        let mut batch = Vec::with_capacity(waiting.items.len().min(BATCH));
        let mut bytes: usize = 0;
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Some((weight, item)) = waiting.items.pop_front() else {
                break;
            };
            bytes = bytes.saturating_add(weight);
            waiting.bytes = waiting.bytes.saturating_sub(weight);
            batch.push(item);
        }
        batch
    }

    /// Until a whole batch waits.
    pub(super) async fn whole(&self) {
        self.whole.notified().await;
    }

    /// How many found no room since this was last asked.
    pub(super) fn refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        // Nothing under this lock can leave it half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                bytes: 0,
            }),
            whole: Notify::new(),
            refused: AtomicU64::new(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_by_number() {
        let queue = Queue::default();
        for number in 0..10_000 {
            queue.push(1, number);
        }
        assert_eq!((queue.refused(), queue.refused()), (10_000 - 8_192, 0));
        assert_eq!(queue.take(), (0..512).collect::<Vec<_>>());
        queue.push(1, 7);
        assert_eq!(queue.refused(), 0);
    }

    #[test]
    fn room_is_bounded_by_memory() {
        let queue = Queue::default();
        for number in 0..100 {
            queue.push(300 << 10, number);
        }
        assert_eq!(queue.refused(), 100 - 81);
        assert_eq!(queue.take().len(), 4);
        queue.push(25 << 20, 0);
        assert_eq!(queue.refused(), 1);
        let rest: usize =
            std::iter::from_fn(|| Some(queue.take().len()).filter(|many| *many > 0)).sum();
        assert_eq!((rest, queue.lock().bytes), (77, 0));
    }

    #[tokio::test]
    async fn a_whole_batch_is_told_at_once() {
        let queue = Queue::default();
        for number in 0..512 {
            queue.push(1, number);
        }
        queue.whole().await;
    }
}

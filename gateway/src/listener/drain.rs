//! Stopping without dropping anything: who is still open, and the two moments of a shutdown.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Shared by everything that has to end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    begun: CancellationToken,
    cut: CancellationToken,
    open: TaskTracker,
}

// === impl Drain ===

impl Drain {
    /// Fires when the drain begins: no new connections, no new requests, streams end properly.
    pub fn begun(&self) -> &CancellationToken {
        &self.begun
    }

    /// Fires when the deadline has passed: what is still open is cut.
    pub(crate) fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// What has to be waited for.
    pub fn open(&self) -> &TaskTracker {
        &self.open
    }

    /// Begins and waits; says how many were cut at the deadline.
    pub async fn finish(&self, deadline: Duration) -> usize {
        self.begun.cancel();
        self.open.close();
        if tokio::time::timeout(deadline, self.open.wait())
            .await
            .is_ok()
        {
            return 0;
        }
        let cut = self.open.len();
        self.cut.cancel();
        // A task that ignores the cut must not hold the process.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.open.wait()).await;
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_the_quick_and_cuts_the_slow() {
        let drain = Drain::default();
        drain
            .open()
            .spawn(tokio::time::sleep(Duration::from_secs(2)));
        let cut = drain.cut().clone();
        drain.open().spawn(async move { cut.cancelled().await });
        assert_eq!(drain.finish(Duration::from_secs(5)).await, 1);
        assert!(drain.open().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_open_takes_no_time() {
        let before = tokio::time::Instant::now();
        assert_eq!(Drain::default().finish(Duration::from_secs(30)).await, 0);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}

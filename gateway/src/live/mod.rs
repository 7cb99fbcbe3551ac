//! The snapshot in force, and how a new one takes its place: whole, or not at all.

mod watch;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::digest;

use crate::telemetry::Metrics;
use crate::telemetry::metrics::Reload;

pub use watch::watch;

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
    build: Box<Build<S>>,
    /// Told of each snapshot once it is in force.
    settle: Box<dyn Fn(&S) + Send + Sync>,
    /// Puts on record what becomes of a new snapshot.
    record: Box<Register<S>>,
    /// One reload at a time: a slow old one must not replace a newer.
    loading: Mutex<Prints>,
    standing: Mutex<Standing>,
    metrics: Arc<Metrics>,
}

/// Makes a snapshot from the files as they now are; the one in force lends what has not changed.
type Build<S> = dyn Fn(&S) -> Result<S, String> + Send + Sync;

/// Puts on record that the next snapshot takes the place of the one in force, or why it does not. What it cannot record
/// does not come into force.
type Register<S> = dyn Fn(&S, Result<&S, &str>) -> Result<(), String> + Send + Sync;

/// What a new snapshot brings with it.
pub struct Following<S> {
    /// Told of each snapshot once it is in force.
    pub settle: Box<dyn Fn(&S) + Send + Sync>,
    /// Puts on record what becomes of a new snapshot; an error keeps it out.
    pub record: Box<Register<S>>,
}

/// How the loading went, for operators.
#[derive(Debug, Clone)]
pub struct Standing {
    /// 1 for the first snapshot, one more for each that followed.
    pub version: u64,
    /// When the snapshot in force was loaded.
    pub loaded_at: SystemTime,
    /// Why the newest files are not in force, if they are not.
    pub last_error: Option<String>,
}

/// What files contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print([u8; 32]);

/// What the files of the snapshot in force contained when it was loaded, and when they were last looked at.
#[derive(Debug)]
struct Prints {
    loaded: Print,
    seen: Print,
}

// === impl Live ===

impl<S: Snapshot> Live<S> {
    /// Puts the first snapshot in force; `build` makes every later one from the files as they then are, and may
    /// take over from the one in force (its argument) what has not changed.
    pub fn new(
        first: S,
        metrics: Arc<Metrics>,
        build: impl Fn(&S) -> Result<S, String> + Send + Sync + 'static,
        following: Following<S>,
    ) -> Self {
        let standing = Standing {
            version: 1,
            loaded_at: SystemTime::now(),
            last_error: None,
        };
        metrics.loaded(first.digest(), seconds(standing.loaded_at));
        let print = Print::of(first.files());
        Self {
            current: ArcSwap::from_pointee(first),
            build: Box::new(build),
            settle: following.settle,
            record: following.record,
            loading: Mutex::new(Prints {
                loaded: print,
                seen: print,
            }),
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
        lock(&self.standing).clone()
    }

    /// Builds a new snapshot and puts it in force, or keeps the old one and says why. Blocks on files.
    ///
    /// # Errors
    /// Why the old one stays.
    pub fn reload(&self) -> Result<(), String> {
        let mut prints = lock(&self.loading);
        self.load(&mut prints, true)
    }

    /// As `reload`, but only if files say something else than when they were last looked at; `listing` says that
    /// files may have come or gone. Blocks on files.
    fn refresh(&self, listing: bool) {
        let mut prints = lock(&self.loading);
        let now = Print::of(self.look().files());
        if now != prints.seen || listing {
            prints.seen = now;
            // What is wrong has been logged and stands in `standing`.
            let _ = self.load(&mut prints, false);
        }
    }

    fn load(&self, prints: &mut Prints, forced: bool) -> Result<(), String> {
        let built = (self.build)(&self.look());
        match built.and_then(|next| self.check(next)) {
            Ok(next) => {
                let print = Print::of(next.files());
                prints.seen = print;
                if forced || print != prints.loaded {
                    if let Err(why) = (self.record)(&self.look(), Ok(&next)) {
                        return self.refuse(why, forced);
                    }
                    prints.loaded = print;
                    self.replace(next);
                } else {
                    lock(&self.standing).last_error = None;
                }
                Ok(())
            }
            Err(why) => self.refuse(why, forced),
        }
    }

    /// Keeps the old one; the same mistake is told once.
    fn refuse(&self, why: String, forced: bool) -> Result<(), String> {
        let known = lock(&self.standing).last_error.replace(why.clone());
        if forced || known.as_ref() != Some(&why) {
            self.metrics.reloads.count(Reload::Refused);
            tracing::error!("new configuration refused, the old one stays: {why}");
            if let Err(unrecorded) = (self.record)(&self.look(), Err(&why)) {
                tracing::error!("and that is not on record: {unrecorded}");
            }
        }
        Err(why)
    }

    fn check(&self, next: S) -> Result<S, String> {
        let fixed = self.look().restart_needed(&next);
        if fixed.is_empty() {
            return Ok(next);
        }
        Err(format!("a change of {} needs a restart", fixed.join(", ")))
    }

    fn replace(&self, next: S) {
        self.current.store(Arc::new(next));
        let now = self.look();
        (self.settle)(&now);
        tracing::info!(digest = now.digest(), "configuration loaded");
        self.metrics.reloads.count(Reload::Loaded);
        let mut standing = lock(&self.standing);
        standing.version = standing.version.saturating_add(1);
        standing.loaded_at = SystemTime::now();
        standing.last_error = None;
        self.metrics
            .loaded(now.digest(), seconds(standing.loaded_at));
    }
}

impl<S> std::fmt::Debug for Following<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Following").finish_non_exhaustive()
    }
}

impl<S> std::fmt::Debug for Live<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

// === impl Print ===

impl Print {
    fn of(files: &[PathBuf]) -> Self {
        let mut sum = digest::Context::new(&digest::SHA256);
        for file in files {
            sum.update(&contents(file));
        }
        let mut print = [0; 32];
        for (to, from) in print.iter_mut().zip(sum.finish().as_ref()) {
            *to = *from;
        }
        Self(print)
    }
}

/// A digest per file, so that two files cannot be taken for one; a missing one differs from an empty one.
fn contents(file: &Path) -> [u8; 33] {
    let mut print = [0; 33];
    if let Ok(bytes) = std::fs::read(file) {
        let sum = digest::digest(&digest::SHA256, &bytes);
        for (to, from) in print.iter_mut().zip(sum.as_ref().iter().chain(&[1])) {
            *to = *from;
        }
    }
    print
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

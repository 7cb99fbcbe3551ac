//! The keys of one issuer, fetched where its own metadata says they are, and kept while it does not answer.
//!
//! One fetch at a time. A key nobody has heard of causes at most one fetch in half a minute, whoever asks for it and
//! however often; until then it is unknown at once, so there is nothing to remember about keys that do not exist.

use super::jwt::{Algorithm, Key, KeySet};
use super::metadata::{Issuer, Metadata};
use crate::egress::{Fetcher, Identity};
use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use ipnet::IpNet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer.
    pub issuer: Url,
    /// Exactly as its tokens and its metadata write it.
    pub issuer_text: String,
    /// Where its keys are, without discovery.
    pub jwks: Option<Url>,
    /// Networks it may be in though they are not public.
    pub allow_private: Vec<IpNet>,
    /// Roots beside the system's.
    pub roots: Vec<PathBuf>,
    /// What it is shown.
    pub identity: Option<Identity>,
    /// Until when a connection must be there.
    pub connect: Duration,
    /// How long the last good keys are used while it does not answer.
    pub stale: Duration,
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct KeySource {
    settings: Settings,
    issuer: Issuer,
    fetcher: Fetcher,
    kept: ArcSwapOption<Kept>,
    generation: AtomicU64,
    tries: Mutex<Tries>,
    /// Held by the one fetch.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// No keys have been fetched yet.
    #[error("the issuer's keys are not known yet: {0}")]
    Cold(String),
    /// The issuer has no such key, as far as is known.
    #[error("its issuer publishes no such key")]
    Unknown,
    /// The issuer has not answered for longer than its keys are good.
    #[error("the issuer's keys are stale: {0}")]
    Stale(String),
}

#[derive(Debug)]
struct Kept {
    set: KeySet,
    at: Instant,
    print: [u8; 32],
}

#[derive(Debug, Default)]
struct Tries {
    /// When the last one ended.
    last: Option<Instant>,
    /// Since the last success.
    failures: u32,
    why: String,
}

/// The largest document an issuer may publish.
const DOCUMENT_MOST: usize = 256 * 1024;
/// How long one document may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a caller waits for the first keys.
const PATIENCE: Duration = Duration::from_secs(5);
/// Keys that are in use are looked at anew this often.
const REFRESH: Duration = Duration::from_secs(300);
/// The least time between two fetches while there are keys.
const APART: Duration = Duration::from_secs(30);
/// The most time between two tries at an issuer that does not answer.
const BACK_OFF_MOST: Duration = Duration::from_secs(30);

// === impl KeySource ===

impl KeySource {
    /// The keys of an issuer nobody has asked yet.
    ///
    /// # Errors
    ///
    /// A certificate that cannot be used.
    pub fn new(settings: Settings) -> Result<Arc<Self>, String> {
        let fetcher = Fetcher::new(
            (settings.allow_private.clone(), settings.connect),
            (&settings.roots, settings.identity.as_ref()),
            (DEADLINE, DOCUMENT_MOST),
        )?;
        let issuer = Issuer {
            url: settings.issuer.clone(),
            text: settings.issuer_text.clone(),
            allow_private: settings.allow_private.clone(),
        };
        Ok(Arc::new(Self {
            settings,
            issuer,
            fetcher,
            kept: ArcSwapOption::empty(),
            generation: AtomicU64::default(),
            tries: Mutex::default(),
            fetching: Arc::default(),
        }))
    }

    /// Fetches the keys, and again ahead of need while anybody holds this. Needs a tokio runtime.
    pub fn warm(self: &Arc<Self>) {
        tokio::spawn(keep_fresh(Arc::downgrade(self)));
    }

    /// A key that is known and fresh enough.
    #[must_use]
    pub fn known(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let kept = self.kept.load();
        let kept = kept
            .as_ref()
            .filter(|kept| kept.at.elapsed() < self.settings.stale)?;
        kept.set.key(kid, algorithm).cloned()
    }

    /// A key, fetched where that may help.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn key(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<Key>, KeyFault> {
        if let Some(key) = self.known(kid, algorithm) {
            return Ok(key);
        }
        match Arc::clone(&self.fetching).try_lock_owned() {
            // None runs and none is due: nothing will bring it.
            Ok(_) if !self.due() => return Err(self.fault()),
            Ok(turn) => {
                let source = Arc::clone(self);
                // Goes on when its caller leaves, or every caller of a slow issuer would begin anew.
                tokio::spawn(async move {
                    // Why it failed is kept with the tries.
                    source.fetch().await;
                    drop(turn);
                });
            }
            Err(_) => {}
        }
        let _ = timeout(PATIENCE, self.fetching.lock()).await;
        self.known(kid, algorithm).ok_or_else(|| self.fault())
    }

    /// Different after each fetch that brought other keys: what was verified before is verified anew.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How old the keys are.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.kept.load().as_ref().map(|kept| kept.at.elapsed())
    }

    /// Why a key is not known.
    fn fault(&self) -> KeyFault {
        let mut why = self.tries().why.clone();
        if why.is_empty() {
            "no answer yet".clone_into(&mut why);
        }
        match self.age() {
            None => KeyFault::Cold(why),
            Some(age) if age >= self.settings.stale => KeyFault::Stale(why),
            Some(_) => KeyFault::Unknown,
        }
    }

    /// Whether a caller may cause a fetch now.
    fn due(&self) -> bool {
        let tries = self.tries();
        tries.rest(self.apart(&tries)).is_zero()
    }

    /// How long the keys may stay as they are.
    fn fresh_for(&self) -> Duration {
        let tries = self.tries();
        let wait = match tries.failures {
            0 => REFRESH,
            _ => self.apart(&tries),
        };
        tries.rest(wait)
    }

    fn apart(&self, tries: &Tries) -> Duration {
        match self.age() {
            None => back_off(tries.failures),
            Some(_) => APART,
        }
    }

    /// Fetches the keys. What fails keeps those there are.
    async fn fetch(&self) {
        let fetched = self.fetch_set().await;
        let mut tries = self.tries();
        tries.last = Some(Instant::now());
        match fetched {
            Ok((set, print)) => {
                tries.failures = 0;
                tries.why = String::new();
                drop(tries);
                let at = Instant::now();
                let kept = Some(Arc::new(Kept { set, at, print }));
                let before = self.kept.swap(kept);
                if before.is_none_or(|before| before.print != print) {
                    self.generation.fetch_add(1, Ordering::Release);
                }
            }
            Err(why) => {
                tries.failures = tries.failures.saturating_add(1);
                tries.why = why;
            }
        }
    }

    /// The keys as they are published now, and a digest of how they are written.
    async fn fetch_set(&self) -> Result<(KeySet, [u8; 32]), String> {
        let url = match &self.settings.jwks {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let document = self
            .fetcher
            .get(&url)
            .await
            .map_err(|why| format!("its keys: {why}"))?;
        let set = KeySet::parse(&document).map_err(|why| why.to_string())?;
        if set.is_empty() {
            return Err("it publishes no key of use".to_owned());
        }
        let mut print = [0; 32];
        print.copy_from_slice(digest(&SHA256, &document).as_ref());
        Ok((set, print))
    }

    /// Where the issuer's own metadata says its keys are.
    async fn discover(&self) -> Result<Url, String> {
        let missing = || "does not say where its keys are".to_owned();
        let keys = |about: &Metadata<'_>| about.url("jwks_uri")?.ok_or_else(missing);
        self.issuer.discover(&self.fetcher, keys).await
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Tries ===

impl Tries {
    /// What is left of a wait that began when the last one ended.
    fn rest(&self, wait: Duration) -> Duration {
        let past = self.last.map_or(wait, |last| last.elapsed());
        wait.saturating_sub(past)
    }
}

/// Looks at the keys anew ahead of need, until nobody holds their source any more.
async fn keep_fresh(source: Weak<KeySource>) {
    loop {
        let Some(source) = source.upgrade() else {
            return;
        };
        let fetching = source.fetching.lock().await;
        // A caller may have been first.
        if source.fresh_for().is_zero() {
            source.fetch().await;
        }
        drop(fetching);
        let wait = source.fresh_for();
        drop(source);
        sleep(wait).await;
    }
}

/// One second, then twice as long each time.
fn back_off(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        _ => Duration::from_secs(1 << (failures - 1).min(5)).min(BACK_OFF_MOST),
    }
}

//! The keys of one issuer, fetched where its own metadata says they are, and kept while it does not answer.
//!
//! One fetch at a time. A key nobody has heard of causes at most one fetch in half a minute, whoever asks for it and
//! however often; until then it is unknown at once, so there is nothing to remember about keys that do not exist.

use super::jwt::{Algorithm, Key, KeySet};
use crate::egress::{Fetcher, Identity, embedded, is_public};
use crate::wire;
use crate::wire::scan::Bounds;
use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use ipnet::IpNet;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use url::{Host, Url};

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
/// Metadata is flat.
const BOUNDS: Bounds = Bounds {
    depth: 16,
    members: 10_000,
    number: 64,
};
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
        Ok(Arc::new(Self {
            settings,
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

    /// Where the issuer's own metadata says its keys are. A place that answers with something else is passed over: many
    /// servers answer everything with a page.
    async fn discover(&self) -> Result<Url, String> {
        let mut why = Vec::new();
        for place in places(&self.settings.issuer) {
            let document = self.fetcher.get(&place).await;
            match document
                .map_err(|why| why.to_string())
                .and_then(|document| self.read(&document))
            {
                Ok(url) => return Ok(url),
                Err(fault) => why.push(format!("{}: {fault}", place.path())),
            }
        }
        Err(format!("its metadata: {}", why.join("; ")))
    }

    fn read(&self, document: &[u8]) -> Result<Url, String> {
        wire::sound(document, &BOUNDS).map_err(|_| "is no sound JSON".to_owned())?;
        let document: Value =
            serde_json::from_slice(document).map_err(|_| "is no JSON".to_owned())?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(&self.settings.issuer_text) {
            return Err("names another issuer".to_owned());
        }
        let url = text("jwks_uri").and_then(|text| Url::parse(text).ok());
        let url = url.ok_or_else(|| "does not say where its keys are".to_owned())?;
        if !self.may_lead_to(&url) {
            return Err("leads to an address it may not lead to".to_owned());
        }
        Ok(url)
    }

    /// A URL that an operator wrote allows its own address to be dialled; one that an issuer wrote does not. Names
    /// other than `localhost` are judged when they are resolved.
    fn may_lead_to(&self, url: &Url) -> bool {
        let issuer = &self.settings.issuer;
        if url.scheme() != "https" && url.scheme() != issuer.scheme() {
            return false;
        }
        let address = match url.host() {
            host if host == issuer.host() => return true,
            Some(Host::Domain("localhost")) => Ipv4Addr::LOCALHOST.into(),
            Some(Host::Domain(_)) => return true,
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => embedded(address).map_or(address.into(), IpAddr::V4),
            None => return false,
        };
        let listed = |range: &IpNet| range.contains(&address);
        is_public(address) || self.settings.allow_private.iter().any(listed)
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

/// Where an issuer's metadata may be: RFC 8414 puts the well-known part before its path, OpenID Connect after it.
fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/').to_owned();
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let place = |path: &String| {
        let mut url = issuer.clone();
        url.set_path(path);
        url
    };
    paths.iter().map(place).collect()
}

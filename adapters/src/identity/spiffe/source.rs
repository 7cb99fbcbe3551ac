//! Bundles and the own SVID of one trust domain, kept current in the background.
//!
//! Whatever a reader takes is one consistent moment; taking it costs an atomic load. What cannot be refreshed is trusted
//! for [`STALE`] more, counted from when the Workload API or the file was last good, and then dropped: nobody of that
//! trust domain is verified until it is back.

use super::bundle::{Authorities, Bundle, JwtAuthorities};
use super::files;
use super::id::is_trust_domain;
use super::workload_api::{self, Feed};
use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a bundle is trusted after it could last be refreshed.
pub const STALE: Duration = Duration::from_hours(1);

/// What a source watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The gateway's own trust domain.
    pub trust_domain: String,
    /// Foreign trust domains whose workloads may be verified too.
    pub federates: Vec<String>,
    /// Where the material comes from.
    pub from: From,
}

/// Where bundles and the own SVID come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The SPIFFE Workload API, at `unix:/path` or `tcp://127.0.0.1:port`.
    WorkloadApi(String),
    /// Files, which are read again when they change.
    Files {
        /// The own trust domain: a SPIFFE bundle (JSON), or X.509 authorities alone (PEM).
        bundle: PathBuf,
        /// Those of foreign trust domains, by name.
        federated: Vec<(String, PathBuf)>,
        /// The own SVID: its chain and its key, both PEM.
        svid: Option<(PathBuf, PathBuf)>,
    },
}

/// The current material of one trust domain and those it federates with.
pub struct Source {
    settings: Settings,
    current: ArcSwap<Material>,
    /// What is wrong now, by what it is wrong with.
    troubles: Mutex<BTreeMap<String, String>>,
    /// Ends with the source.
    watch: Mutex<JoinSet<()>>,
}

/// What holds at one moment.
#[derive(Clone, Default)]
struct Material {
    epoch: u64,
    bundles: HashMap<String, Arc<Bundle>>,
    svid: Option<Arc<CertifiedKey>>,
}

/// Counted for all sources together, so that no two moments of any of them share a number.
static EPOCH: AtomicU64 = AtomicU64::new(1);

// === impl Source ===

impl Source {
    /// A source that [`Source::start`] makes watch. Files are read already now; the Workload API is not asked yet.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings or a file, in an operator's words.
    pub fn new(settings: Settings) -> Result<Arc<Self>, String> {
        settings.check()?;
        let source = Arc::new(Self {
            settings,
            current: ArcSwap::default(),
            troubles: Mutex::default(),
            watch: Mutex::default(),
        });
        source.reload()?;
        Ok(source)
    }

    /// Watches in the background until the last handle is dropped. Must be called inside a runtime; once is enough.
    pub fn start(self: &Arc<Self>) {
        let mut watch = lock(&self.watch);
        if !watch.is_empty() {
            return;
        }
        // The tasks hold no handle of their own: a source nobody needs any more must end.
        let weak = Arc::downgrade(self);
        match &self.settings.from {
            From::WorkloadApi(endpoint) => {
                for feed in [Feed::Svid, Feed::X509Bundles, Feed::JwtBundles] {
                    watch.spawn(workload_api::watch(feed, endpoint.clone(), weak.clone()));
                }
            }
            From::Files { .. } => {
                watch.spawn(files::watch(weak));
            }
        }
    }

    /// Reads files again now instead of at the next look; the Workload API tells of changes by itself.
    ///
    /// # Errors
    ///
    /// The files that cannot be used. What was read from them before stays, the others are taken.
    pub fn reload(&self) -> Result<(), String> {
        let faults = files::read(self);
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults.into_values().collect::<Vec<_>>().join("; ")),
        }
    }

    /// The bundle of the own or a listed trust domain.
    #[must_use]
    pub fn bundle(&self, trust_domain: &str) -> Option<Arc<Bundle>> {
        self.current.load().bundles.get(trust_domain).cloned()
    }

    /// A number that is another one after every change of the material; no other source ever has the same.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.current.load().epoch
    }

    /// The gateway's own SVID.
    #[must_use]
    pub fn svid(&self) -> Option<Arc<CertifiedKey>> {
        self.current.load().svid.clone()
    }

    /// Whether the own trust domain's bundle is known.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.bundle(&self.settings.trust_domain).is_some()
    }

    /// What keeps the material from being refreshed at this moment, in an operator's words.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let troubles = lock(&self.troubles);
        let texts: Vec<_> = troubles.values().map(String::as_str).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// What it was made from: a reloaded configuration that asks for the same keeps the source, and its material with it.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Notes what is wrong with `part`, or that nothing is any more.
    pub(super) fn note(&self, part: &str, trouble: Option<String>) {
        let mut troubles = lock(&self.troubles);
        match trouble {
            Some(text) => troubles.insert(part.to_owned(), text),
            None => troubles.remove(part),
        };
    }

    /// Replaces the own SVID.
    pub(super) fn set_svid(&self, svid: Option<&Arc<CertifiedKey>>) {
        self.change(|material| material.svid = svid.cloned());
    }

    /// Replaces one trust domain's bundle.
    pub(super) fn set_bundle(&self, trust_domain: &str, bundle: &Bundle) {
        self.change(|material| material.put(trust_domain, bundle.clone()));
    }

    /// Replaces the X.509 authorities of every trust domain: those not named have none.
    pub(super) fn set_x509(&self, set: &HashMap<String, Arc<Authorities>>) {
        self.change(|material| {
            for domain in self.settings.domains() {
                let mut bundle = material.bundle(domain);
                bundle.x509 = set.get(domain).cloned().unwrap_or_default();
                material.put(domain, bundle);
            }
        });
    }

    /// Replaces the keys of JWT-SVIDs of every trust domain: those not named have none.
    pub(super) fn set_jwt(&self, set: &HashMap<String, JwtAuthorities>) {
        self.change(|material| {
            for domain in self.settings.domains() {
                let mut bundle = material.bundle(domain);
                bundle.jwt = set.get(domain).cloned().unwrap_or_default();
                material.put(domain, bundle);
            }
        });
    }

    fn change(&self, change: impl Fn(&mut Material)) {
        self.current.rcu(|before| {
            let mut after = Material::clone(before);
            change(&mut after);
            if after.same(before) {
                return Arc::clone(before);
            }
            after.epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
            Arc::new(after)
        });
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("settings", &self.settings)
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    /// Every trust domain whose bundle is wanted.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.trust_domain.as_str()).chain(self.federates.iter().map(String::as_str))
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = Vec::new();
        for domain in self.domains() {
            if !is_trust_domain(domain) {
                return Err(format!("`{domain}` is not the name of a trust domain"));
            }
            if seen.contains(&domain) {
                return Err(format!("trust domain `{domain}` is named twice"));
            }
            seen.push(domain);
        }
        match &self.from {
            From::WorkloadApi(endpoint) => workload_api::check(endpoint),
            From::Files { federated, .. } => {
                let named: Vec<_> = federated.iter().map(|(name, _)| name.as_str()).collect();
                let mut foreign = self.federates.iter().map(String::as_str);
                if let Some(name) = foreign.find(|name| !named.contains(name)) {
                    return Err(format!("trust domain `{name}` has no bundle file"));
                }
                match named.iter().find(|name| !seen.contains(name)) {
                    Some(name) => Err(format!("trust domain `{name}` is not federated with")),
                    None => Ok(()),
                }
            }
        }
    }
}

// === impl Material ===

impl Material {
    fn bundle(&self, domain: &str) -> Bundle {
        self.bundles
            .get(domain)
            .map(|bundle| Bundle::clone(bundle))
            .unwrap_or_default()
    }

    fn put(&mut self, domain: &str, bundle: Bundle) {
        match bundle.is_empty() {
            true => self.bundles.remove(domain),
            false => self.bundles.insert(domain.to_owned(), Arc::new(bundle)),
        };
    }

    /// A renewed SVID always has a new certificate, even where it keeps its key.
    fn same(&self, other: &Self) -> bool {
        let chain = |one: &Self| one.svid.as_ref().map(|svid| svid.cert.clone());
        self.bundles == other.bundles && chain(self) == chain(other)
    }
}

/// Nothing panics while one of these is held, and what it guards is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

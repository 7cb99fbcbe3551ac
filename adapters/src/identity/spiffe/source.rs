//! Bundles and the own SVID of one trust domain, kept current in the background.

use super::bundle::Bundle;
use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

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
}

/// What holds at one moment.
#[derive(Default)]
struct Material {
    epoch: u64,
    bundles: HashMap<String, Arc<Bundle>>,
    svid: Option<Arc<CertifiedKey>>,
}

// === impl Source ===

impl Source {
    /// A source that knows nothing yet: [`Source::start`] makes it watch.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings, in an operator's words.
    pub fn new(settings: Settings) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            settings,
            current: ArcSwap::default(),
        }))
    }

    /// Watches in the background until the last handle is dropped. Must be called inside a runtime.
    pub fn start(self: &Arc<Self>) {}

    /// Reads files again now instead of at the next look; the Workload API tells of changes by itself.
    ///
    /// # Errors
    ///
    /// The file that cannot be used. What was read before stays.
    pub fn reload(&self) -> Result<(), String> {
        Ok(())
    }

    /// The bundle of the own or a listed trust domain.
    #[must_use]
    pub fn bundle(&self, trust_domain: &str) -> Option<Arc<Bundle>> {
        self.current.load().bundles.get(trust_domain).cloned()
    }

    /// A number that is another one after every change of the material.
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
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("settings", &self.settings)
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}

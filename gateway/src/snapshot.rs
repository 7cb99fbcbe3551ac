//! One loaded configuration, compiled and immutable: a call takes it once, and every record carries its digest.

use crate::admin::Readiness;
use crate::cli::serve::Configured;
use crate::config::{Config, Server as Settings};
use crate::credentials::Source;
use crate::forward::Eras;
use crate::identity::{Registry, Sources};
use crate::listener::Edge;
use crate::live;
use crate::task::seal::KeyRing;
use crate::telemetry::metrics::Health;
use adapters::upstream::Upstream;
use adapters::wire::scan::Bounds;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything a call needs to know of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration it was made from.
    pub config: Config,
    /// What the listener checks before anything else.
    pub edge: Arc<Edge>,
    /// The servers, ready to be called.
    pub(crate) servers: HashMap<Arc<str>, Arc<Server>>,
    /// What calls can go out with.
    pub(crate) credentials: HashMap<Arc<str>, Arc<Source>>,
    /// The public keys of what it signs, as others fetch them.
    pub(crate) published: serde_json::Value,
    /// Who is registered.
    pub(crate) registry: Registry,
    /// What verifies proofs.
    pub(crate) sources: Sources,
    /// Different in every snapshot of this process: what was worked out under another is worked out anew.
    pub(crate) epoch: u64,
    /// Seals and opens handles.
    pub(crate) keys: Arc<KeyRing>,
    /// The scanner's bounds.
    pub(crate) scan_bounds: Bounds,
}

/// A server, ready to be called.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its settings.
    pub(crate) settings: Settings,
    /// A digest of the certificates its connections are made with.
    pub(crate) material: [u8; 32],
    /// What stands behind it.
    pub(crate) upstream: Arc<dyn Upstream>,
    /// What it speaks.
    pub(crate) eras: Eras,
    /// Different for every server, and every setting of one, of this process.
    pub(crate) number: u64,
    /// Whether it answers.
    pub(crate) health: Arc<Health>,
}

// === impl Snapshot ===

impl Snapshot {
    /// What agents call the gateway, without a trailing slash.
    pub(crate) fn public(&self) -> &str {
        self.config
            .gateway
            .public_url
            .as_str()
            .trim_end_matches('/')
    }
}

impl live::Snapshot for Snapshot {
    fn files(&self) -> &[PathBuf] {
        &self.config.files
    }

    fn digest(&self) -> &str {
        &self.config.digest
    }

    fn restart_needed(&self, next: &Self) -> Vec<String> {
        crate::config::restart_needed(&self.config, &next.config)
    }
}

impl Configured for Snapshot {
    fn config(&self) -> &Config {
        &self.config
    }

    fn readiness(&self) -> Readiness {
        self.sources.readiness(&self.config)
    }
}

//! One loaded configuration, compiled and immutable: a call takes it once, and every record carries its digest.

use crate::cli::serve::Configured;
use crate::config::{Config, Server as Settings};
use crate::forward::Eras;
use crate::identity::Principal;
use crate::listener::Edge;
use crate::live;
use crate::task::seal::KeyRing;
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
    /// Callers that are the same in every request.
    pub(crate) principals: Principals,
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
}

/// Callers that are the same in every request, made once.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    local: HashMap<Arc<str>, Arc<Principal>>,
}

// === impl Principals ===

impl Principals {
    /// The principals of this configuration's agents.
    pub(crate) fn of(config: &Config) -> Self {
        let local = config
            .agents
            .iter()
            .filter(|(_, agent)| agent.local)
            .map(|(name, _)| {
                let subject = Arc::from("local");
                (
                    Arc::clone(name),
                    Arc::new(Principal {
                        agent: Arc::clone(name),
                        subject,
                    }),
                )
            })
            .collect();
        Self { local }
    }

    /// The agent that calls from this machine.
    pub(crate) fn local(&self, agent: &str) -> Option<Arc<Principal>> {
        self.local.get(agent).cloned()
    }
}

// === impl Snapshot ===

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
}

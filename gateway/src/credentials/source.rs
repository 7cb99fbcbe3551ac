//! A configured credential with its issuer, ready to be asked.

use crate::config::Credential;
use adapters::credential::Issuer;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A configured credential with its issuer. One that is as before is kept when the configuration changes.
#[derive(Debug)]
pub(crate) struct Source {
    /// As configured.
    pub(crate) name: Arc<str>,
    /// As configured.
    pub(crate) settings: Credential,
    /// A digest of the files and variables it was made of.
    pub(crate) material: [u8; 32],
    /// Different for every source of this process: leases of one are never another's.
    pub(crate) number: u64,
    /// Who is asked.
    pub(crate) issuer: Arc<dyn Issuer>,
    /// Revocations at once: one backend that hangs does not hold up another.
    pub(crate) places: Semaphore,
}

/// Revocations of one credential at once.
const PLACES: usize = 64;

// === impl Source ===

impl Source {
    /// A credential with its issuer.
    pub(crate) fn new(
        name: &Arc<str>,
        settings: &Credential,
        (material, number): ([u8; 32], u64),
        issuer: Arc<dyn Issuer>,
    ) -> Self {
        Self {
            name: Arc::clone(name),
            settings: settings.clone(),
            material,
            number,
            issuer,
            places: Semaphore::new(PLACES),
        }
    }
}

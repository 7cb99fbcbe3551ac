//! A configured credential with its issuer, ready to be asked.

use crate::config::Credential;
use adapters::credential::Issuer;
use std::sync::Arc;

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
}

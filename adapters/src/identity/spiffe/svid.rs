//! A client's X.509-SVID: its chain judged against the bundle of the trust domain it names.

use super::id::{IdFault, SpiffeId};
use super::source::Source;
use rustls::pki_types::{CertificateDer, UnixTime};

/// A verified X.509-SVID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svid {
    /// Whose it is.
    pub id: SpiffeId,
    /// Unix seconds at which the first certificate of its chain expires.
    pub expires: u64,
    /// SHA-256 of the leaf.
    pub fingerprint: [u8; 32],
}

/// Why a chain is no SVID of anybody, in the operator's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No certificate at all.
    #[error("the client sent no certificate")]
    Empty,
    /// A certificate that is no X.509, or has the same extension twice.
    #[error("a certificate of the chain cannot be read")]
    Unreadable,
    /// Something in the only place an ID may stand that is no SPIFFE ID.
    #[error("the certificate's URI name {0}")]
    Id(#[from] IdFault),
}

/// Judges a chain, leaf first, as it is at `now`.
///
/// # Errors
///
/// Why it proves nothing.
pub fn verify(
    chain: &[CertificateDer<'_>],
    _source: &Source,
    _now: UnixTime,
) -> Result<Svid, Fault> {
    let _leaf = chain.first().ok_or(Fault::Empty)?;
    Err(Fault::Unreadable)
}

//! The authorities of one trust domain.

use rustls::pki_types::CertificateDer;
use std::fmt;

/// What one trust domain signs with: its X.509 authorities, and the keys of its JWT-SVIDs.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    x509: Vec<CertificateDer<'static>>,
    jwt: Box<[u8]>,
}

// === impl Bundle ===

impl Bundle {
    /// How many X.509 authorities there are.
    #[must_use]
    pub fn x509_authorities(&self) -> usize {
        self.x509.len()
    }

    /// The keys of its JWT-SVIDs: a JWK set as JSON, with no keys in it where the trust domain signs no tokens.
    /// Members that only a SPIFFE bundle has (`use` = `jwt-svid`) are taken off.
    #[must_use]
    pub fn jwt_authorities(&self) -> &[u8] {
        &self.jwt
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("x509_authorities", &self.x509.len())
            .finish_non_exhaustive()
    }
}

//! The authorities of one trust domain, read from what a Workload API or a file holds.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;
use webpki::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// What one trust domain signs with: its X.509 authorities, and the keys of its JWT-SVIDs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    pub(super) x509: Arc<Authorities>,
    pub(super) jwt: JwtAuthorities,
}

/// X.509 authorities, in a shape that chains can be built to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Authorities {
    anchors: Vec<TrustAnchor<'static>>,
    /// When each of them holds, in Unix seconds: an anchor by itself does not say.
    validity: Vec<(i64, i64)>,
}

/// A JWK set.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct JwtAuthorities(Arc<[u8]>);

/// Why something is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// Neither a SPIFFE bundle nor certificates.
    #[error("is neither a SPIFFE bundle (JSON with `keys`) nor certificates (PEM)")]
    Format,
    /// Nothing to verify with.
    #[error("holds no authority")]
    Empty,
    /// A certificate nobody can read.
    #[error("holds a certificate that cannot be read")]
    Certificate,
    /// A certificate that may not sign others: trusting it would let its owner mint identities.
    #[error("holds a certificate that is not of an authority (no `CA:TRUE`)")]
    NotAnAuthority,
    /// A member `x5c` other than exactly one certificate.
    #[error("has a key for `x509-svid` without exactly one certificate in `x5c`")]
    X5c,
    /// A key no token could name.
    #[error("has a key for `jwt-svid` without `kid`")]
    Kid,
}

// === impl Bundle ===

impl Bundle {
    /// Reads a SPIFFE bundle (JSON), or X.509 authorities alone (PEM).
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(text: &[u8]) -> Result<Self, BundleFault> {
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        let bundle = if first == Some(&b'{') {
            Self::from_json(text)?
        } else {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
            let certificates = certificates.map_err(|_| BundleFault::Format)?;
            if certificates.is_empty() {
                return Err(BundleFault::Format);
            }
            Self {
                x509: Arc::new(Authorities::new(&certificates)?),
                jwt: JwtAuthorities::default(),
            }
        };
        if bundle.is_empty() {
            return Err(BundleFault::Empty);
        }
        Ok(bundle)
    }

    fn from_json(text: &[u8]) -> Result<Self, BundleFault> {
        let mut document: Value = serde_json::from_slice(text).map_err(|_| BundleFault::Format)?;
        let Some(Value::Array(keys)) = document.get_mut("keys").map(Value::take) else {
            return Err(BundleFault::Format);
        };
        let mut x509 = Vec::new();
        let mut jwt = Vec::new();
        for key in keys {
            let Value::Object(key) = key else {
                return Err(BundleFault::Format);
            };
            // The standard has readers pass over every other use, and over keys without one.
            match key.get("use").and_then(Value::as_str) {
                Some("x509-svid") => x509.push(certificate(&key)?),
                Some("jwt-svid") if !key.get("kid").is_some_and(Value::is_string) => {
                    return Err(BundleFault::Kid);
                }
                Some("jwt-svid") => jwt.push(key),
                _ => {}
            }
        }
        Ok(Self {
            x509: Arc::new(Authorities::new(&x509)?),
            jwt: JwtAuthorities::new(jwt),
        })
    }

    /// How many X.509 authorities there are.
    #[must_use]
    pub fn x509_authorities(&self) -> usize {
        self.x509.anchors.len()
    }

    /// The keys of its JWT-SVIDs: a JWK set as JSON, with no keys in it where the trust domain signs no tokens.
    /// The member `use` = `jwt-svid`, which only a SPIFFE bundle has, is taken off.
    #[must_use]
    pub fn jwt_authorities(&self) -> &[u8] {
        &self.jwt.0
    }

    /// Whether nothing can be verified with it.
    pub(super) fn is_empty(&self) -> bool {
        self.x509.anchors.is_empty() && self.jwt == JwtAuthorities::default()
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("x509_authorities", &self.x509_authorities())
            .field("jwt_authorities", &self.jwt)
            .finish()
    }
}

// === impl Authorities ===

impl Authorities {
    /// Of certificates, each of which must be an authority's.
    pub(super) fn new(certificates: &[CertificateDer<'_>]) -> Result<Self, BundleFault> {
        let mut authorities = Self::default();
        for certificate in certificates {
            let Ok((&[], parsed)) = X509Certificate::from_der(certificate) else {
                return Err(BundleFault::Certificate);
            };
            if !parsed.is_ca() {
                return Err(BundleFault::NotAnAuthority);
            }
            let anchor = webpki::anchor_from_trusted_cert(certificate)
                .map_err(|_| BundleFault::Certificate)?;
            authorities.anchors.push(anchor.to_owned());
            let validity = parsed.validity();
            authorities.validity.push((
                validity.not_before.timestamp(),
                validity.not_after.timestamp(),
            ));
        }
        Ok(authorities)
    }

    /// For building chains to.
    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// When an anchor's certificate expires; the last, where one key has several.
    ///
    /// # Errors
    ///
    /// That it does not hold at `now`.
    pub(super) fn expiry(&self, anchor: &TrustAnchor<'_>, now: UnixTime) -> Result<u64, Error> {
        let moment = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let known = self.anchors.iter().zip(&self.validity);
        let begun = known
            .filter(|(known, (begin, _))| *known == anchor && *begin <= moment)
            .map(|(_, (_, end))| *end)
            .max();
        match begun {
            None => Err(Error::CertNotValidYet {
                time: now,
                not_before: now,
            }),
            Some(end) if end < moment => Err(Error::CertExpired {
                time: now,
                not_after: now,
            }),
            Some(end) => Ok(u64::try_from(end).unwrap_or(0)),
        }
    }
}

// === impl JwtAuthorities ===

impl JwtAuthorities {
    /// Of keys. Their order does not matter: equal sets are equal bytes.
    pub(super) fn new(keys: Vec<Map<String, Value>>) -> Self {
        let mut keys: Vec<_> = keys
            .into_iter()
            .map(|mut key| {
                if key.get("use").and_then(Value::as_str) == Some("jwt-svid") {
                    key.remove("use");
                }
                Value::Object(key)
            })
            .collect();
        keys.sort_by_cached_key(Value::to_string);
        Self(json!({ "keys": keys }).to_string().into_bytes().into())
    }
}

impl Default for JwtAuthorities {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl fmt::Debug for JwtAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

fn certificate(key: &Map<String, Value>) -> Result<CertificateDer<'static>, BundleFault> {
    use base64::Engine as _;
    let chain = key.get("x5c").and_then(Value::as_array);
    let Some([Value::String(text)]) = chain.map(Vec::as_slice) else {
        return Err(BundleFault::X5c);
    };
    let der = base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| BundleFault::Certificate)?;
    Ok(der.into())
}

//! Both ends of a TLS listener: the certificate it asks for, and the one it shows.

use super::source::Source;
use rustls::DigitallySignedStruct;
use rustls::DistinguishedName;
use rustls::Error;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// Asks every client for a certificate, lets in those without one, and checks that whoever shows one has its key.
///
/// Whose certificate it is, is *not* judged here, on purpose: a handshake happens once, and a connection may outlive the
/// SVID, the authority that signed it, and the trust domain's place in the configuration. The chain stays with the
/// connection, and each request has it judged by [`verify`](super::verify) against what holds then. So a client whose
/// chain is worthless also learns so in an HTTP answer, in words, and not by a broken handshake.
/// **A connection accepted by this proves possession of a key and nothing else.**
#[derive(Debug)]
pub struct Offered(WebPkiSupportedAlgorithms);

/// Shows the source's current SVID, as server and as client. Without one, a handshake fails.
#[derive(Debug)]
pub struct OwnCertificate(Arc<Source>);

// === impl Offered ===

impl Offered {
    /// With the signature algorithms of the gateway's one crypto library.
    #[must_use]
    pub fn new() -> Self {
        Self(rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms)
    }
}

impl Default for Offered {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientCertVerifier for Offered {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

// === impl OwnCertificate ===

impl OwnCertificate {
    /// Of this source.
    #[must_use]
    pub fn new(source: Arc<Source>) -> Self {
        Self(source)
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.svid()
    }
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(
        &self,
        _root_hints: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.0.svid()
    }

    fn has_certs(&self) -> bool {
        self.0.svid().is_some()
    }
}

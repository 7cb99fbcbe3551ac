//! An authority of the test's own, and what it issues.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Issues certificates nobody else trusts.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
}

/// A certificate with its key, as PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The chain.
    pub cert: String,
    /// The private key.
    pub key: String,
}

// === impl Authority ===

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("key");
        let pem = params.self_signed(&key).expect("self-signed").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate for these names or addresses.
    pub fn issue(&self, names: &[&str]) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.vouch(CertificateParams::new(names).expect("params"))
    }

    /// A certificate of exactly these parameters.
    pub fn vouch(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().expect("key");
        let cert = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Issued {
            cert,
            key: key.serialize_pem(),
        }
    }

    /// What a workload of this SPIFFE ID shows; several make it nobody's.
    pub fn svid(&self, ids: &[&str]) -> Issued {
        self.vouch(workload(ids))
    }

    /// A client configuration that trusts only this authority.
    pub fn client(&self, protocols: &[&str]) -> rustls::ClientConfig {
        self.client_with(None, protocols)
    }

    /// The same; the client shows a certificate of its own.
    pub fn client_with(&self, own: Option<&Issued>, protocols: &[&str]) -> rustls::ClientConfig {
        let builder = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(self.roots());
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("key");
                builder
                    .with_client_auth_cert(own.chain(), key)
                    .expect("client certificate")
            }
        };
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config
    }

    /// Trust in this authority.
    pub fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        let cert = CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("own certificate");
        roots.add(cert).expect("root");
        roots
    }
}

// === impl Issued ===

impl Issued {
    /// Writes both files into a folder and gives their paths.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (
            folder.join(format!("{name}.pem")),
            folder.join(format!("{name}.key")),
        );
        std::fs::write(&cert, &self.cert).expect("certificate file");
        std::fs::write(&key, &self.key).expect("key file");
        (cert, key)
    }

    /// A server configuration; `clients` is the authority whose clients are let in.
    pub fn server(&self, clients: Option<&Authority>, protocols: &[&str]) -> rustls::ServerConfig {
        let builder = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier =
                    rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider());
                builder.with_client_cert_verifier(verifier.build().expect("verifier"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("key");
        let mut config = builder
            .with_single_cert(self.chain(), key)
            .expect("certificate");
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config
    }

    /// The certificates, the own one first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain = CertificateDer::pem_slice_iter(self.cert.as_bytes());
        chain.map(|cert| cert.expect("PEM")).collect()
    }
}

/// The parameters of an X.509-SVID.
pub fn workload(ids: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    let uri = |id: &&str| SanType::URI((*id).try_into().expect("ASCII"));
    params.subject_alt_names = ids.iter().map(uri).collect();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

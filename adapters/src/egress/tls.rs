//! TLS towards servers: the system's roots and those of the configuration, TLS 1.2 and 1.3, HTTP/2 where it is offered.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// A client certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The chain.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be used.
    #[error("{}: {why}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The parts do not fit together.
    #[error("{0}")]
    Config(#[from] Error),
}

/// Loaded once: reading them takes longer than a call.
static SYSTEM: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// The configuration of one server's connections.
///
/// # Errors
///
/// The file that cannot be used.
pub fn client_config(
    roots: &[PathBuf],
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(SYSTEM.iter().cloned());
    for file in roots {
        let certificates = certificates(file)?;
        for certificate in certificates {
            store
                .add(certificate)
                .map_err(|error| broken(file, &error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_file(&identity.key)
                .map_err(|error| broken(&identity.key, &error))?;
            builder
                .with_client_auth_cert(certificates(&identity.cert)?, key)
                .map_err(|error| broken(&identity.key, &error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Why a handshake failed, in our words: those of a certificate are the server's.
#[must_use]
pub fn handshake_fault(error: &io::Error) -> String {
    let why = match rustls_error(error) {
        Some(Error::InvalidCertificate(why)) => certificate_fault(why),
        Some(Error::AlertReceived(alert)) => return format!("the server refused: {alert:?}"),
        Some(Error::PeerIncompatible(_)) => "the server speaks no TLS that we do",
        Some(_) => "the handshake failed",
        None => "the server broke off the handshake",
    };
    why.to_owned()
}

/// Whether the server broke a connection because of our certificate. In TLS 1.3 it says so after the handshake.
#[must_use]
pub fn refuses_identity(error: &io::Error) -> bool {
    matches!(
        rustls_error(error),
        Some(Error::AlertReceived(
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
        ))
    )
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn certificate_fault(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name"
        }
        // A signature by another key of that name is what a renewed authority looks like.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is of no known issuer; `ca` can name one"
        }
        _ => "the server's certificate is not valid",
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(broken(file, &"holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(broken(file, &error)),
    }
}

fn broken(file: &Path, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

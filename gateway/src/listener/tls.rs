//! Inbound TLS: 1.2 and 1.3, HTTP/2 only when the handshake chose it.
//!
//! Clients may show a certificate. Unless `client_ca` says who must have issued it, the handshake proves its key and
//! nothing else; who it is of is judged with each request.

use std::path::Path;
use std::sync::Arc;

use adapters::identity::spiffe::{Offered, OwnCertificate as OwnSvid, Source};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, crypto};

use crate::config::{InboundTls, OwnCertificate, Tls};

/// ALPN name of HTTP/2.
pub(crate) const H2: &[u8] = b"h2";

/// What the accept loop hands to rustls. Read anew for each snapshot; open connections keep theirs.
pub(crate) fn server_config(
    settings: &Tls,
    svid: Option<&Arc<Source>>,
) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let clients: Arc<dyn ClientCertVerifier> = match &settings.client_ca {
        None => Arc::new(Offered::new()),
        Some(file) => WebPkiClientVerifier::builder_with_provider(roots(file)?, provider.clone())
            .build()
            .map_err(|why| format!("`tls.client_ca` {}: {why}", file.display()))?,
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|why| format!("`tls`: {why}"))?
        .with_client_cert_verifier(clients);
    let mut config = match (&settings.own, svid) {
        (OwnCertificate::Files(files), _) => {
            let (chain, key) = pair(files)?;
            builder
                .with_single_cert(chain, key)
                .map_err(|why| format!("`tls` {}: {why}", files.cert.display()))?
        }
        (OwnCertificate::Svid(_), Some(source)) => {
            builder.with_cert_resolver(Arc::new(OwnSvid::new(Arc::clone(source))))
        }
        (OwnCertificate::Svid(name), None) => {
            return Err(format!("`tls.svid`: `{name}` has no SVID"));
        }
    };
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn pair(
    files: &InboundTls,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let cert = files.cert.display();
    let chain = certificates(&files.cert).map_err(|why| format!("`tls.cert` {cert}: {why}"))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|why| format!("`tls.key` {}: {why}", files.key.display()))?;
    Ok((chain, key))
}

fn roots(file: &Path) -> Result<Arc<RootCertStore>, String> {
    let named = |why: &dyn std::fmt::Display| format!("`tls.client_ca` {}: {why}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file).map_err(|why| named(&why))? {
        roots.add(certificate).map_err(|why| named(&why))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|why| why.to_string())?;
    match chain.is_empty() {
        true => Err("no certificate in it".to_owned()),
        false => Ok(chain),
    }
}

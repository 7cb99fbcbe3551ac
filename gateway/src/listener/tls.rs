//! Inbound TLS: 1.2 and 1.3, HTTP/2 only when the handshake chose it.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};

use crate::config::InboundTls;

/// ALPN name of HTTP/2.
pub(crate) const H2: &[u8] = b"h2";

/// What the accept loop hands to rustls. Read anew for each snapshot; open connections keep theirs.
pub(crate) fn server_config(files: &InboundTls) -> Result<Arc<ServerConfig>, String> {
    let cert = files.cert.display();
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|why| format!("`tls.cert` {cert}: {why}"))?;
    if chain.is_empty() {
        return Err(format!("`tls.cert` {cert}: no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|why| format!("`tls.key` {}: {why}", files.key.display()))?;
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|why| format!("`tls`: {why}"))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|why| format!("`tls` {cert}: {why}"))?;
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

//! Handshakes between real peers: what the listener asks for, what it shows, and what it leaves to each request.

use crate::authority::{Authority, Folder, Leaf, files};
use adapters::identity::spiffe::{Offered, OwnCertificate, Source};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs::default_provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier as _;
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, SupportedProtocolVersion,
};
use std::sync::Arc;

const ID: &str = "spiffe://example.org/agent";

/// What each side saw of the other.
struct Met {
    by_server: Option<Vec<CertificateDer<'static>>>,
    by_client: Option<Vec<CertificateDer<'static>>>,
}

/// A source whose own SVID is the returned leaf.
fn gateway(folder: &Folder, root: &Authority) -> (Arc<Source>, Leaf) {
    let own = root.leaf("spiffe://example.org/gateway", |_| {});
    let cert = folder.write("svid.pem", &own.cert.pem());
    let key = folder.write("svid.key", &own.key.serialize_pem());
    let bundle = folder.write("bundle.pem", &root.pem());
    (Source::new(files(&bundle, Some((cert, key)))).unwrap(), own)
}

fn server(source: &Arc<Source>, version: &'static SupportedProtocolVersion) -> ServerConnection {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(Arc::new(Offered::new()))
        .with_cert_resolver(Arc::new(OwnCertificate::new(Arc::clone(source))));
    ServerConnection::new(Arc::new(config)).unwrap()
}

fn client(
    own: Option<Arc<dyn rustls::client::ResolvesClientCert>>,
    version: &'static SupportedProtocolVersion,
) -> ClientConnection {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_cert_resolver(own),
    };
    let name = ServerName::try_from("gateway.example").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

/// Passes records to and fro until both have nothing more to say.
fn meet(mut server: ServerConnection, mut client: ClientConnection) -> Result<Met, Error> {
    while server.wants_write() || client.wants_write() {
        let mut records = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut records).unwrap();
        }
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut records = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut records).unwrap();
        }
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    let owned = |certs: Option<&[CertificateDer<'_>]>| {
        certs.map(|list| list.iter().map(|one| one.clone().into_owned()).collect())
    };
    Ok(Met {
        by_server: owned(server.peer_certificates()),
        by_client: owned(client.peer_certificates()),
    })
}

static EACH_VERSION: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn a_certificate_is_asked_for_and_not_required() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let (source, own) = gateway(&folder, &root);
    for version in EACH_VERSION {
        let met = meet(server(&source, version), client(None, version)).unwrap();
        assert_eq!(met.by_server, None);
        assert_eq!(met.by_client, Some(vec![own.der()]));
        let (whoever, key) = shown(&Authority::new("stranger").leaf(ID, |_| {}));
        let met = meet(server(&source, version), client(Some(key), version)).unwrap();
        assert_eq!(
            met.by_server,
            Some(vec![whoever]),
            "judged later, so let in now"
        );
    }
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let (source, _) = gateway(&folder, &root);
    let (real, thief) = (root.leaf(ID, |_| {}), root.leaf(ID, |_| {}));
    for version in EACH_VERSION {
        // What a thief of the certificate alone can do: sign with a key of his own.
        let key = provider()
            .key_provider
            .load_private_key(secret(&thief))
            .unwrap();
        let stolen = CertifiedKey::new(vec![real.der()], key);
        let stolen = Arc::new(rustls::sign::SingleCertAndKey::from(stolen));
        let refused = meet(server(&source, version), client(Some(stolen), version)).err();
        let fault = rustls::CertificateError::BadSignature;
        assert_eq!(
            refused,
            Some(Error::InvalidCertificate(fault)),
            "{version:?}"
        );
    }
}

#[test]
fn the_current_svid_is_shown_on_both_ends() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let (source, first) = gateway(&folder, &root);
    let version = &rustls::version::TLS13;
    let both = || {
        let own = OwnCertificate::new(Arc::clone(&source));
        let met = meet(
            server(&source, version),
            client(Some(Arc::new(own)), version),
        )
        .unwrap();
        assert_eq!(met.by_server, met.by_client);
        met.by_client.unwrap()
    };
    assert_eq!(both(), [first.der()]);
    let second = root.leaf("spiffe://example.org/gateway", |_| {});
    folder.write("svid.pem", &second.cert.pem());
    folder.write("svid.key", &second.key.serialize_pem());
    source.reload().unwrap();
    assert_eq!(both(), [second.der()]);
}

#[test]
fn without_an_svid_nothing_is_shown() {
    let (folder, root) = (Folder::new(), Authority::new("root"));
    let bundle = folder.write("bundle.pem", &root.pem());
    let source = Source::new(files(&bundle, None)).unwrap();
    let version = &rustls::version::TLS13;
    assert!(meet(server(&source, version), client(None, version)).is_err());
    let own = OwnCertificate::new(source);
    assert!(!rustls::client::ResolvesClientCert::has_certs(&own));
    assert!(!Offered::new().client_auth_mandatory());
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn secret(leaf: &Leaf) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(leaf.key.serialize_der()).into()
}

fn shown(
    leaf: &Leaf,
) -> (
    CertificateDer<'static>,
    Arc<dyn rustls::client::ResolvesClientCert>,
) {
    let key = CertifiedKey::from_der(vec![leaf.der()], secret(leaf), &provider()).unwrap();
    (
        leaf.der(),
        Arc::new(rustls::sign::SingleCertAndKey::from(key)),
    )
}

/// A client that does not care whom it speaks to.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

//! Authorities that sign whatever a test wants signed, and sources that trust them.

use adapters::identity::spiffe::{From, Settings, Source};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The kinds of names in a certificate, as its encoding numbers them.
pub(crate) const EMAIL: u8 = 0x81;
pub(crate) const DNS: u8 = 0x82;
pub(crate) const URI: u8 = 0x86;
pub(crate) const IP: u8 = 0x87;

/// One that signs.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A leaf with its key.
pub(crate) struct Leaf {
    pub(crate) cert: rcgen::Certificate,
    pub(crate) key: KeyPair,
}

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

// === impl Authority ===

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub(crate) fn with(name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params(name);
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// An authority below this one.
    pub(crate) fn below(&self, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = params(name);
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap(),
        }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A proper SVID but for what `edit` does to it.
    pub(crate) fn leaf(&self, uri: &str, edit: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = leaf_params();
        name(&mut params, &[(URI, uri.as_bytes())]);
        edit(&mut params);
        self.sign(&params)
    }

    pub(crate) fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let cert = self.certify(params, &key);
        Leaf { cert, key }
    }

    pub(crate) fn certify(&self, params: &CertificateParams, key: &KeyPair) -> rcgen::Certificate {
        params.signed_by(key, &self.issuer).unwrap()
    }
}

// === impl Leaf ===

impl Leaf {
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.cert.der().clone()
    }
}

// === impl Folder ===

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hopgate-spiffe-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The moment at which everything is judged: the start of 2030. Certificates hold from 2029 to the end of 2030.
pub(crate) fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000))
}

/// When they end: the start of 2031.
pub(crate) const END: u64 = 1_924_992_000;

/// A leaf as the standard wants it, still without a name.
pub(crate) fn leaf_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2029, 1, 1);
    params.not_after = date_time_ymd(2031, 1, 1);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

/// Gives a certificate these names, byte for byte.
pub(crate) fn name(params: &mut CertificateParams, names: &[(u8, &[u8])]) {
    let oid = [2, 5, 29, 17];
    let names = names.iter().flat_map(|(tag, text)| der(*tag, text));
    let content = der(0x30, &names.collect::<Vec<_>>());
    params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, content)];
}

/// One value with its tag and length.
pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 128 => out.push(short),
        _ => {
            out.push(0x82);
            out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// A source that trusts `own` for `example.org` and `foreign` for `partner.example`.
pub(crate) fn source(own: &[&Authority], foreign: &[&Authority]) -> (Arc<Source>, Folder) {
    let folder = Folder::new();
    let pem = |list: &[&Authority]| list.iter().map(|one| one.pem()).collect::<String>();
    let bundle = folder.write("own.pem", &pem(own));
    let partner = folder.write("partner.pem", &pem(foreign));
    let source = Source::new(Settings {
        trust_domain: "example.org".to_owned(),
        federates: vec!["partner.example".to_owned()],
        from: From::Files {
            bundle,
            federated: vec![("partner.example".to_owned(), partner)],
            svid: None,
        },
    });
    (source.unwrap(), folder)
}

/// Settings for files of one trust domain.
pub(crate) fn files(bundle: &Path, svid: Option<(PathBuf, PathBuf)>) -> Settings {
    Settings {
        trust_domain: "example.org".to_owned(),
        federates: Vec::new(),
        from: From::Files {
            bundle: bundle.to_owned(),
            federated: Vec::new(),
            svid,
        },
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2029, 1, 1);
    params.not_after = date_time_ymd(2031, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

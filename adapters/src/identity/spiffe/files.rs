//! Bundles and the own SVID from files, which are looked at again every few seconds.
//!
//! They are read, not asked for their age: a mounted secret changes by a symbolic link, and two changes may share a second.

use super::bundle::Bundle;
use super::source::{From, STALE, Source};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// A bundle of a thousand authorities is smaller.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// What the own SVID is called among the faults: no trust domain is.
const SVID: &str = "(svid)";

/// Reads the files again and again while somebody holds the source.
pub(super) async fn watch(source: Weak<Source>) {
    let mut lost: HashMap<String, Instant> = HashMap::new();
    loop {
        sleep(PAUSE).await;
        let Some(held) = source.upgrade() else { return };
        let reading = tokio::task::spawn_blocking(move || {
            let faults = read(&held);
            (held, faults)
        });
        let Ok((held, faults)) = reading.await else {
            return;
        };
        lost.retain(|part, _| faults.contains_key(part));
        for part in faults.into_keys() {
            let since = *lost.entry(part.clone()).or_insert_with(Instant::now);
            if part != SVID && since.elapsed() >= STALE {
                held.set_bundle(&part, &Bundle::default());
            }
        }
    }
}

/// Takes over each file that can be used, and tells of the others, by trust domain.
pub(super) fn read(source: &Source) -> HashMap<String, String> {
    let mut faults = HashMap::new();
    let From::Files {
        bundle,
        federated,
        svid,
    } = &source.settings().from
    else {
        return faults;
    };
    let own = (&source.settings().trust_domain, bundle);
    let foreign = federated.iter().map(|(name, path)| (name, path));
    for (name, path) in std::iter::once(own).chain(foreign) {
        let read = read_bundle(path);
        if let Ok(bundle) = &read {
            source.set_bundle(name, bundle);
        }
        note(source, name, read.err(), &mut faults);
    }
    if let Some((chain, key)) = svid {
        let read = read_svid(chain, key);
        if let Ok(svid) = &read {
            source.set_svid(Some(svid));
        }
        note(source, SVID, read.err(), &mut faults);
    }
    faults
}

fn note(source: &Source, part: &str, fault: Option<String>, faults: &mut HashMap<String, String>) {
    source.note(part, fault.clone());
    if let Some(fault) = fault {
        faults.insert(part.to_owned(), fault);
    }
}

fn read_bundle(path: &Path) -> Result<Bundle, String> {
    let text = read_file(path)?;
    Bundle::parse(&text).map_err(|fault| format!("{} {fault}", path.display()))
}

fn read_svid(chain: &Path, key: &Path) -> Result<Arc<CertifiedKey>, String> {
    let broken = |path: &Path, why: &str| format!("{} {why}", path.display());
    let text = read_file(chain)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| broken(chain, "holds no certificate"))?;
    let secret = PrivateKeyDer::from_pem_slice(&read_file(key)?)
        .map_err(|_| broken(key, "holds no private key"))?;
    // While both files are being replaced they may not fit: the next look finds them whole.
    CertifiedKey::from_der(certificates, secret, &default_provider())
        .map(Arc::new)
        .map_err(|_| {
            broken(
                key,
                "does not belong to the certificate, or is of no known kind",
            )
        })
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let broken = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(|error| broken(&error))?;
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|error| broken(&error))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(broken(&"is larger than 4 MiB"));
    }
    Ok(text)
}

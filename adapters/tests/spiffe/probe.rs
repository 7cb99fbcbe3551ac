//! Shows what a source makes of a real Workload API: the tests against SPIRE start it and ask it line by line.
//!
//! `spiffe-probe TRUST_DOMAIN ENDPOINT [FEDERATED]...`, then on its input `state` or `verify FILE` (a chain as PEM), and on
//! its output one line of JSON for each.

use adapters::identity::spiffe::{From, Settings, Source, verify};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead as _, Write as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(trust_domain), Some(endpoint)) = (arguments.next(), arguments.next()) else {
        return Err("usage: spiffe-probe TRUST_DOMAIN ENDPOINT [FEDERATED]...".into());
    };
    let settings = Settings {
        trust_domain,
        federates: arguments.collect(),
        from: From::WorkloadApi(endpoint),
    };
    let source = Source::new(settings.clone())?;
    source.start();
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            let answer = match line.split_once(' ') {
                None if line == "state" => state(&settings, &source)?,
                Some(("verify", file)) => judge(&source, file)?,
                _ => return Err(format!("unknown: {line}").into()),
            };
            writeln!(std::io::stdout(), "{answer}")?;
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    })
    .await?
    .map_err(|error| error.to_string().into())
}

fn state(settings: &Settings, source: &Source) -> Result<Value, serde_json::Error> {
    let mut bundles = json!({});
    let own = std::iter::once(&settings.trust_domain);
    for domain in own.chain(&settings.federates) {
        let Some(bundle) = source.bundle(domain) else {
            continue;
        };
        if let Some(bundles) = bundles.as_object_mut() {
            let jwt: Value = serde_json::from_slice(bundle.jwt_authorities())?;
            let about = json!({ "x509": bundle.x509_authorities(), "jwt": jwt });
            bundles.insert(domain.clone(), about);
        }
    }
    let svid = source.svid();
    let leaf = svid.as_ref().and_then(|svid| svid.cert.first());
    Ok(json!({
        "ready": source.ready(),
        "epoch": source.epoch(),
        "trouble": source.trouble(),
        "svid": leaf.map(|leaf| sha256(leaf)),
        "bundles": bundles,
    }))
}

fn judge(source: &Source, file: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)?.collect();
    Ok(match verify(&chain?, source, UnixTime::now()) {
        Ok(svid) => json!({ "id": svid.id.as_str(), "expires": svid.expires }),
        Err(fault) => json!({ "fault": fault.to_string() }),
    })
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

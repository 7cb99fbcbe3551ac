//! Builds the issuers of credentials, a function for each kind.

use crate::config::{Config, Credential, Fixed as FixedSettings, Kind, SecretFrom};
use crate::credentials::Source;
use crate::snapshot::Snapshot;
use adapters::credential::fixed::Fixed;
use adapters::credential::{Field, Issuer};
use adapters::secret::Secret;
use aws_lc_rs::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The next source's number.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// Every configured credential with its issuer. What is as before keeps its issuer, and what that holds.
///
/// # Errors
///
/// What cannot be built.
pub(super) fn sources(
    config: &Config,
    before: Option<&Snapshot>,
) -> Result<HashMap<Arc<str>, Arc<Source>>, String> {
    let mut sources = HashMap::with_capacity(config.credentials.len());
    for (name, settings) in &config.credentials {
        let named = |why: String| format!("credentials.{name}: {why}");
        let material = material(config, settings).map_err(named)?;
        let same = before.and_then(|before| before.credentials.get(name));
        let same = same.filter(|same| same.settings == *settings && same.material == material);
        let source = match same {
            Some(same) => Arc::clone(same),
            None => Arc::new(Source {
                name: Arc::clone(name),
                settings: settings.clone(),
                material,
                number: NUMBER.fetch_add(1, Ordering::Relaxed),
                issuer: issuer(settings).map_err(named)?,
            }),
        };
        sources.insert(Arc::clone(name), source);
    }
    Ok(sources)
}

fn issuer(settings: &Credential) -> Result<Arc<dyn Issuer>, String> {
    match &settings.kind {
        Kind::Fixed(settings) => Ok(Arc::new(fixed(settings)?)),
    }
}

fn fixed(settings: &FixedSettings) -> Result<Fixed, String> {
    let field = |(name, from): &(Box<str>, SecretFrom)| {
        let value = Secret::from(from.read()?.as_str());
        Ok(match &**name {
            "username" => Field::open(name, value),
            _ => Field::secret(name, value),
        })
    };
    let fields: Result<Vec<Field>, String> = settings.fields.iter().map(field).collect();
    Ok(Fixed::new(fields?))
}

/// What a credential is made of beside its settings: the secrets and certificates as they now are.
fn material(config: &Config, settings: &Credential) -> Result<[u8; 32], String> {
    let mut hash = Context::new(&SHA256);
    for from in settings.kind.secrets() {
        hash.update(from.read()?.as_bytes());
        hash.update(&[0]);
    }
    let pair = settings.reach.client_cert.iter();
    let pair = pair.flat_map(|pair| [&pair.cert, &pair.key]);
    for file in config
        .gateway
        .ca
        .iter()
        .chain(&settings.reach.ca)
        .chain(pair)
    {
        let content = std::fs::read(file);
        hash.update(&content.map_err(|why| format!("{}: {why}", file.display()))?);
        hash.update(&[0]);
    }
    hash.update(format!("{:?}", config.gateway.allow_private).as_bytes());
    hash.finish()
        .as_ref()
        .try_into()
        .map_err(|_| "SHA-256 is 32 bytes".to_owned())
}

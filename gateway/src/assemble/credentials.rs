//! Builds the issuers of credentials, a function for each kind.

mod aws;
mod github_app;
mod oauth;
mod postgres;
mod vault;

use crate::config::{
    Config, Credential, Fixed as FixedSettings, Kind, Mint as MintSettings, SecretFrom,
};
use crate::credentials::Source;
use crate::snapshot::Snapshot;
use crate::task::seal::KeyRing;
use adapters::credential::fixed::Fixed;
use adapters::credential::mint::{self, Mint};
use adapters::credential::{Field, Issuer, SigningKey};
use adapters::secret::Secret;
use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
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
    ring: &KeyRing,
    before: Option<&Snapshot>,
) -> Result<HashMap<Arc<str>, Arc<Source>>, String> {
    let mut sources = HashMap::with_capacity(config.credentials.len());
    for (name, settings) in &config.credentials {
        let named = |why: String| format!("credentials.{name}: {why}");
        let material = material(config, ring, settings).map_err(named)?;
        let same = before.and_then(|before| before.credentials.get(name));
        let same = same.filter(|same| same.settings == *settings && same.material == material);
        let source = match same {
            Some(same) => Arc::clone(same),
            None => {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let issuer = issuer(config, ring, settings).map_err(named)?;
                Arc::new(Source::new(name, settings, (material, number), issuer))
            }
        };
        sources.insert(Arc::clone(name), source);
    }
    Ok(sources)
}

fn issuer(
    config: &Config,
    ring: &KeyRing,
    settings: &Credential,
) -> Result<Arc<dyn Issuer>, String> {
    match &settings.kind {
        Kind::Fixed(settings) => Ok(Arc::new(fixed(settings)?)),
        Kind::Aws(own) => Ok(Arc::new(aws::aws(config, settings, own)?)),
        Kind::Exchange(own) => Ok(Arc::new(oauth::exchange(config, settings, own)?)),
        Kind::GithubApp(own) => Ok(Arc::new(github_app::github_app(config, settings, own)?)),
        Kind::Mint(settings) => Ok(Arc::new(mint(config, ring, settings)?)),
        Kind::Postgres(own) => Ok(Arc::new(postgres::postgres(config, settings, own)?)),
        Kind::OAuth(own) => Ok(Arc::new(oauth::oauth(config, settings, own)?)),
        Kind::Vault(own) => Ok(Arc::new(vault::vault(config, settings, own)?)),
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

fn mint(config: &Config, ring: &KeyRing, settings: &MintSettings) -> Result<Mint, String> {
    let keys = match &settings.key {
        Some(file) => {
            let pem = crate::config::read_file(file);
            let key = pem.and_then(|pem| SigningKey::from_pem(pem.as_bytes(), settings.algorithm));
            let key = key.map_err(|why| format!("{}: {why}", file.display()));
            vec![Arc::new(key?)]
        }
        None => ring.signing_keys()?,
    };
    let public = || config.gateway.public_url.as_str().trim_end_matches('/');
    let settings = mint::Settings {
        issuer: settings
            .issuer
            .clone()
            .unwrap_or_else(|| public().to_owned()),
        audience: settings.audience.clone(),
        subject: settings.subject.clone(),
        claims: settings.claims.clone(),
    };
    Ok(Mint::new(settings, keys))
}

/// The public keys of the gateway and of what it mints, as others fetch them.
pub(super) fn published(ring: &KeyRing, sources: &HashMap<Arc<str>, Arc<Source>>) -> Value {
    let mut keys: BTreeMap<String, Value> = BTreeMap::new();
    for key in sources
        .values()
        .flat_map(|source| source.issuer.public_keys())
    {
        if let Some(kid) = key.get("kid").and_then(Value::as_str) {
            keys.insert(kid.to_owned(), Value::Object(key));
        }
    }
    let mut published = ring.published();
    if let Some(list) = published.get_mut("keys").and_then(Value::as_array_mut) {
        list.extend(keys.into_values());
    }
    published
}

/// What a credential is made of beside its settings: the secrets and certificates as they now are.
fn material(config: &Config, ring: &KeyRing, settings: &Credential) -> Result<[u8; 32], String> {
    let mut hash = Context::new(&SHA256);
    for from in settings.kind.secrets() {
        hash.update(from.read()?.as_bytes());
        hash.update(&[0]);
    }
    if let Kind::Mint(_) = &settings.kind {
        hash.update(config.gateway.public_url.as_str().as_bytes());
        for (_, public) in ring.public() {
            hash.update(public);
        }
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

//! Builds the issuers that ask authorization servers.

use crate::config::{
    Actor, ClientProof, Config, Credential, Exchange as ExchangeSettings, OAuth as OAuthSettings,
    Place, Reach, Registration as RegistrationSettings, SecretFrom, read_file,
};
use adapters::credential::SigningKey;
use adapters::credential::exchange::{self, Exchange, IdJag};
use adapters::credential::oauth::{self, Client, ClientKey, OAuth, Proof, Registration};
use adapters::egress::Identity;
use adapters::secret::Secret;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long one exchange with an authorization server may take.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn oauth(
    config: &Config,
    credential: &Credential,
    settings: &OAuthSettings,
) -> Result<OAuth, String> {
    let registration = registration(config, &credential.reach, &settings.registration)?;
    Ok(OAuth::new(registration, settings.audience.clone()))
}

pub(super) fn exchange(
    config: &Config,
    credential: &Credential,
    settings: &ExchangeSettings,
) -> Result<Exchange, String> {
    let reach = &credential.reach;
    let id_jag = match &settings.id_jag {
        None => None,
        Some(other) => Some(IdJag {
            registration: registration(config, reach, &other.registration)?,
            audience: other.audience.clone(),
        }),
    };
    let what = exchange::Settings {
        subject: settings.subject,
        actor: settings.actor.as_ref().map(|actor| match actor {
            Actor::Signed => exchange::Actor::Signed,
            Actor::File(file) => exchange::Actor::File(file.clone()),
        }),
        audience: settings.audience.clone(),
    };
    let registration = registration(config, reach, &settings.registration)?;
    Ok(Exchange::new(registration, what, id_jag))
}

fn registration(
    config: &Config,
    reach: &Reach,
    settings: &RegistrationSettings,
) -> Result<Registration, String> {
    let gateway = &config.gateway;
    let ranges = gateway.allow_private.iter().chain(&reach.allow_private);
    let server = oauth::Settings {
        place: place(&settings.place)?,
        allow_private: ranges.copied().collect(),
        roots: gateway.ca.iter().chain(&reach.ca).cloned().collect(),
        identity: reach.client_cert.as_ref().map(|pair| Identity {
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        }),
        connect: gateway.deadlines.connect,
        deadline: DEADLINE,
    };
    let client = Client {
        id: settings.id.clone(),
        proof: proof(&settings.proof)?,
    };
    Registration::new(server, client)
}

fn place(place: &Place) -> Result<oauth::Place, String> {
    Ok(match place {
        Place::Issuer(text) => oauth::Place::Issuer {
            url: Url::parse(text).map_err(|why| format!("`{text}`: {why}"))?,
            text: text.clone(),
        },
        Place::Endpoints { token, revocation } => oauth::Place::Endpoints {
            token: token.clone(),
            revocation: revocation.clone(),
        },
    })
}

fn proof(proof: &ClientProof) -> Result<Proof, String> {
    let secret = |from: &SecretFrom| from.read().map(|text| Secret::from(text.as_str()));
    Ok(match proof {
        ClientProof::Basic(from) => Proof::Basic(secret(from)?),
        ClientProof::Post(from) => Proof::Post(secret(from)?),
        ClientProof::Assertion(file) => Proof::Assertion(file.clone()),
        ClientProof::Key {
            file,
            algorithm,
            kid,
            audience,
        } => Proof::Key(ClientKey {
            key: Arc::new(key(file, *algorithm)?),
            kid: kid.clone(),
            audience: audience.clone(),
        }),
    })
}

fn key(
    file: &Path,
    algorithm: Option<adapters::identity::jwt::Algorithm>,
) -> Result<SigningKey, String> {
    let pem = read_file(file);
    let key = pem.and_then(|pem| SigningKey::from_pem(pem.as_bytes(), algorithm));
    key.map_err(|why| format!("{}: {why}", file.display()))
}

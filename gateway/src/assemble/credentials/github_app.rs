//! Builds the issuers that ask GitHub.

use crate::config::{Config, Credential, GithubApp as Settings, read_file};
use adapters::credential::SigningKey;
use adapters::credential::github_app::GithubApp;
use adapters::egress::{self, Identity};
use adapters::identity::jwt::Algorithm;
use std::time::Duration;

/// How long one exchange with the API may take.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn github_app(
    config: &Config,
    credential: &Credential,
    settings: &Settings,
) -> Result<GithubApp, String> {
    let pem = read_file(&settings.key);
    let key = pem.and_then(|pem| SigningKey::from_pem(pem.as_bytes(), Some(Algorithm::RS256)));
    let key = key.map_err(|why| format!("{}: {why}", settings.key.display()))?;
    let (gateway, reach) = (&config.gateway, &credential.reach);
    let ranges = gateway.allow_private.iter().chain(&reach.allow_private);
    let reach = egress::Settings {
        url: settings.api.clone(),
        allow_private: ranges.copied().collect(),
        roots: gateway.ca.iter().chain(&reach.ca).cloned().collect(),
        identity: reach.client_cert.as_ref().map(|pair| Identity {
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        }),
        connect: gateway.deadlines.connect,
    };
    let who = (settings.app.clone(), key);
    GithubApp::new(&reach, DEADLINE, who, settings.installation)
}

//! Builds the issuers that ask AWS.

use crate::config::{Aws as AwsSettings, AwsProof, Config, Credential, SecretFrom};
use adapters::credential::aws::{AccessKey, Aws, Proof, Settings};
use adapters::egress::{self, Identity};
use adapters::secret::Secret;
use std::time::Duration;

/// How long one exchange with STS may take.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn aws(
    config: &Config,
    credential: &Credential,
    settings: &AwsSettings,
) -> Result<Aws, String> {
    let secret = |from: &SecretFrom| from.read().map(|text| Secret::from(text.as_str()));
    let proof = match &settings.proof {
        AwsProof::Key {
            id,
            secret: own,
            session,
        } => Proof::Key(AccessKey {
            id: id.clone(),
            secret: secret(own)?,
            session: session.as_ref().map(secret).transpose()?,
        }),
        AwsProof::File(file) => Proof::File(file.clone()),
        AwsProof::Caller => Proof::Caller,
    };
    let (gateway, reach) = (&config.gateway, &credential.reach);
    let ranges = gateway.allow_private.iter().chain(&reach.allow_private);
    let reach = egress::Settings {
        url: settings.endpoint.clone(),
        allow_private: ranges.copied().collect(),
        roots: gateway.ca.iter().chain(&reach.ca).cloned().collect(),
        identity: reach.client_cert.as_ref().map(|pair| Identity {
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        }),
        connect: gateway.deadlines.connect,
    };
    let settings = Settings {
        role: settings.role.clone(),
        region: settings.region.clone(),
        proof,
        external_id: settings.external_id.clone(),
        tags: settings.tags,
    };
    Aws::new(&reach, DEADLINE, settings)
}

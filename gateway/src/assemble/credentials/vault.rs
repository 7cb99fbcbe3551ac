//! Builds the issuers that ask a Vault or OpenBao.

use crate::config::{Config, Credential, SecretFrom, Vault as Settings, VaultLogin};
use adapters::credential::vault::{self, Login, Material, Vault};
use adapters::egress::{self, Caller, Identity};
use adapters::secret::Secret;
use std::time::Duration;

/// How long one exchange with a vault may take: a revocation takes up to three.
const DEADLINE: Duration = Duration::from_secs(3);

pub(super) fn vault(
    config: &Config,
    credential: &Credential,
    settings: &Settings,
) -> Result<Vault, String> {
    let (gateway, reach) = (&config.gateway, &credential.reach);
    let ranges = gateway.allow_private.iter().chain(&reach.allow_private);
    let place = egress::Settings {
        url: settings.address.clone(),
        allow_private: ranges.copied().collect(),
        roots: gateway.ca.iter().chain(&reach.ca).cloned().collect(),
        identity: reach.client_cert.as_ref().map(|pair| Identity {
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        }),
        connect: gateway.deadlines.connect.min(DEADLINE),
    };
    let caller = Caller::new(&place, DEADLINE)?;
    let settings = vault::Settings {
        login: login(&settings.login)?,
        path: settings.path.clone(),
        parameters: settings.parameters.clone(),
        namespace: settings.namespace.as_deref().map(Box::from),
    };
    Vault::new(caller, settings)
}

fn login(settings: &VaultLogin) -> Result<Login, String> {
    Ok(match settings {
        VaultLogin::Jwt { mount, role, jwt } => Login::Jwt {
            mount: mount.as_str().into(),
            role: role.as_str().into(),
            jwt: jwt.clone(),
        },
        VaultLogin::AppRole {
            mount,
            role_id,
            secret_id,
        } => Login::AppRole {
            mount: mount.as_str().into(),
            role_id: role_id.as_str().into(),
            secret_id: match secret_id {
                SecretFrom::File(file) => Material::File(file.clone()),
                from @ SecretFrom::Env(_) => Material::Held(Secret::from(from.read()?.as_str())),
            },
        },
        VaultLogin::Token(file) => Login::Token(file.clone()),
    })
}

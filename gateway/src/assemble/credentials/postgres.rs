//! `kind = "postgres"`.

use crate::config::{Config, Credential, Postgres as Settings};
use adapters::credential::postgres::{self, Postgres};
use adapters::egress::{self, Identity};
use adapters::secret::{Secret, Supply};
use std::time::Duration;

/// One role is made, or dropped, within this time.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn postgres(
    config: &Config,
    credential: &Credential,
    settings: &Settings,
) -> Result<Postgres, String> {
    let (gateway, reach) = (&config.gateway, &credential.reach);
    let ranges = gateway.allow_private.iter().chain(&reach.allow_private);
    let password = settings.password.clone().map(|from| {
        Supply::new(move || from.read().map(|password| Secret::from(password.as_str())))
    });
    Postgres::new(postgres::Settings {
        reach: egress::Settings {
            url: settings.place.clone(),
            allow_private: ranges.copied().collect(),
            roots: gateway.ca.iter().chain(&reach.ca).cloned().collect(),
            identity: reach.client_cert.as_ref().map(|pair| Identity {
                cert: pair.cert.clone(),
                key: pair.key.clone(),
            }),
            connect: gateway.deadlines.connect.min(DEADLINE),
        },
        database: settings.database.clone(),
        user: settings.user.clone(),
        password,
        roles: settings.roles.clone(),
        grants: settings.grants.clone(),
        owner: settings.owner.clone(),
        deadline: DEADLINE,
    })
}

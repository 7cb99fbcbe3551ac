//! Where tasks are kept, and the store that several gateways share.

use super::store;
use crate::config::{Config, SharedState, State};
use crate::fleet::Fleet;
use crate::snapshot::Snapshot;
use crate::task::{Keeper, Outbox};
use adapters::egress::{self, Identity};
use adapters::secret::{Secret, Supply};
use adapters::state::Entry;
use adapters::state::redis::{Redis, Settings};
use std::sync::Arc;
use url::Url;
use uuid::Uuid;

/// The store several gateways share, where the configuration names one. Needs a tokio runtime.
///
/// # Errors
///
/// What is wrong with its settings. That it does not answer is no mistake.
pub(super) fn shared(config: &Config) -> Result<Option<Arc<Redis>>, String> {
    let State::Redis(settings) = &config.gateway.state else {
        return Ok(None);
    };
    let named = |why: String| format!("`state`: {why}");
    let password = settings.password.clone().map(|from| {
        // Read for each connection: it may have changed.
        Supply::new(move || from.read().map(|password| Secret::from(password.as_str())))
    });
    let opened = Redis::open(Settings {
        reach: reach(config, settings).map_err(named)?,
        username: settings.username.clone(),
        password,
        timeout: settings.timeout,
        prefix: settings.prefix.clone(),
        instance: Uuid::new_v4(),
    });
    opened.map(Some).map_err(named)
}

/// Where tasks are kept, and what was left there.
///
/// # Errors
///
/// What keeps the file from being read.
pub(super) fn keeper(
    first: &Snapshot,
    shared: Option<&Arc<Redis>>,
) -> Result<(Keeper, Vec<Entry>), String> {
    match (&first.config.gateway.state, shared) {
        (State::Redis(settings), Some(shared)) => {
            let keys = Arc::clone(&first.keys);
            let fleet = Fleet::new(Arc::clone(shared), settings.stale, keys);
            let outbox = Outbox::new(Arc::new(fleet));
            Ok((Keeper::Fleet(Arc::new(outbox)), Vec::new()))
        }
        _ => {
            let (kept, entries) = store(&first.config, "tasks.redb")?;
            Ok((Keeper::Disk(kept), entries))
        }
    }
}

fn reach(config: &Config, settings: &SharedState) -> Result<egress::Settings, String> {
    let gateway = &config.gateway;
    let ranges = gateway.allow_private.iter().chain(&settings.allow_private);
    let identity = settings.client_cert.as_ref();
    Ok(egress::Settings {
        url: place(settings)?,
        allow_private: ranges.copied().collect(),
        roots: gateway.ca.iter().chain(&settings.ca).cloned().collect(),
        identity: identity.map(|pair| Identity {
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        }),
        connect: gateway.deadlines.connect,
    })
}

fn place(settings: &SharedState) -> Result<Url, String> {
    let url = &settings.url;
    let scheme = match url.scheme() {
        "https" => "rediss",
        _ => "redis",
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let place = format!("{scheme}://{host}:{port}/{}", settings.database);
    Url::parse(&place).map_err(|why| why.to_string())
}

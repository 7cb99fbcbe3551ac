//! Builds the gateway from its configuration: the only place that makes adapters.

use crate::audit::{Ledger, Record};
use crate::cli::serve::House;
use crate::config::{Config, HttpUpstream as Http, Server as Settings, Upstream as Behind};
use crate::forward::{Eras, Shared};
use crate::limit::Limits;
use crate::listener::{Drain, Edge};
use crate::live::Live;
use crate::pipeline::Pipeline;
use crate::snapshot::{Principals, Server, Snapshot};
use crate::task::Tasks;
use crate::telemetry::Metrics;
use adapters::egress::Identity;
use adapters::upstream::Upstream;
use adapters::upstream::http::{self, HttpUpstream};
use adapters::upstream::notes::Notes;
use adapters::wire::scan::Bounds;
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How often idle tasks and sessions are let go of.
const SWEEP: Duration = Duration::from_secs(60);
/// The longest number a message may hold.
const NUMBER_MOST: usize = 64;

/// Builds the house that serves the configuration in `file`, loaded as `config`.
///
/// # Errors
///
/// What cannot be built: a key, a certificate, a server.
/// Needs a tokio runtime.
pub fn house(
    file: &Path,
    config: Config,
    tap: Option<UnboundedSender<Record>>,
) -> Result<House<Snapshot, Pipeline>, String> {
    let metrics = Arc::new(Metrics::default());
    let drain = Drain::default();
    let first = snapshot(config, None)?;
    let file = file.to_owned();
    let live = Arc::new(Live::new(
        first,
        Arc::clone(&metrics),
        move |now: &Snapshot| {
            let loaded = crate::config::load(&file).map_err(|broken| broken.to_string())?;
            snapshot(loaded.config, Some(now))
        },
    ));
    let shared = Shared {
        live: Arc::clone(&live),
        tasks: Arc::default(),
        mirrors: Arc::default(),
        limits: Arc::new(Limits::new(Arc::clone(&metrics))),
        draining: drain.begun().clone(),
    };
    tokio::spawn(sweep(Arc::clone(&shared.tasks), drain.begun().clone()));
    let ledger = Arc::new(Ledger::new(Arc::clone(&metrics), tap));
    let door = Arc::new(Pipeline::new(ledger, shared));
    Ok(House {
        live,
        door,
        metrics,
        drain,
    })
}

/// Lets go, once a minute, of what nobody uses any more.
async fn sweep(tasks: Arc<Tasks>, stop: CancellationToken) {
    while timeout(SWEEP, stop.cancelled()).await.is_err() {
        let sessions = tasks.sweep();
        tracing::debug!(sessions, "swept");
    }
}

/// Compiles a configuration. Servers whose settings and certificates are as before keep their connections.
///
/// # Errors
///
/// What cannot be built.
fn snapshot(config: Config, before: Option<&Snapshot>) -> Result<Snapshot, String> {
    let edge = Arc::new(Edge::agents(&config.gateway)?);
    let keys = Arc::new(crate::task::keys::load(&config.gateway)?);
    let mut servers = HashMap::with_capacity(config.servers.len());
    for (name, settings) in &config.servers {
        let server = server(&config, name, settings, before)?;
        servers.insert(Arc::clone(name), server);
    }
    let bounds = &config.gateway.bounds;
    let scan_bounds = Bounds {
        depth: bounds.depth,
        members: bounds.members,
        number: NUMBER_MOST,
    };
    let principals = Principals::of(&config);
    Ok(Snapshot {
        edge,
        servers,
        principals,
        keys,
        scan_bounds,
        config,
    })
}

fn server(
    config: &Config,
    name: &str,
    settings: &Settings,
    before: Option<&Snapshot>,
) -> Result<Arc<Server>, String> {
    let material = material(config, settings)?;
    let same = before.and_then(|before| before.servers.get(name));
    if let Some(same) = same.filter(|same| same.settings == *settings && same.material == material)
    {
        return Ok(Arc::clone(same));
    }
    let upstream: Arc<dyn Upstream> = match &settings.upstream {
        Behind::Notes => Arc::new(Notes::default()),
        Behind::Http(http) => {
            let upstream = HttpUpstream::new(&http_settings(config, settings, http));
            Arc::new(upstream.map_err(|error| format!("servers.{name}: {error}"))?)
        }
    };
    let eras = Eras::new(settings.protocol);
    Ok(Arc::new(Server {
        settings: settings.clone(),
        material,
        upstream,
        eras,
    }))
}

fn http_settings(config: &Config, settings: &Settings, http: &Http) -> http::Settings {
    let identity = http.client_cert.as_ref();
    let ranges = config
        .gateway
        .allow_private
        .iter()
        .chain(&http.allow_private);
    http::Settings {
        url: http.url.clone(),
        allow_private: ranges.copied().collect(),
        roots: config.gateway.ca.iter().chain(&http.ca).cloned().collect(),
        identity: identity.map(|pair| Identity {
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        }),
        connect: settings.deadlines.connect,
    }
}

/// What the server's connections are made of beside its settings: the certificates as they now are.
fn material(config: &Config, settings: &Settings) -> Result<[u8; 32], String> {
    let Behind::Http(http) = &settings.upstream else {
        return Ok([0; 32]);
    };
    let mut bytes = Vec::new();
    let pair = http
        .client_cert
        .iter()
        .flat_map(|pair| [&pair.cert, &pair.key]);
    for file in config.gateway.ca.iter().chain(&http.ca).chain(pair) {
        let content =
            std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        bytes.extend_from_slice(digest(&SHA256, &content).as_ref());
    }
    bytes.extend_from_slice(format!("{:?}", config.gateway.allow_private).as_bytes());
    digest(&SHA256, &bytes)
        .as_ref()
        .try_into()
        .map_err(|_| "SHA-256 is 32 bytes".to_owned())
}

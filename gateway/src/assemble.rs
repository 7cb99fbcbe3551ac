//! Builds the gateway from its configuration: the only place that makes adapters.

use crate::ask::Mirrors;
use crate::audit::{Ledger, Record};
use crate::config::{Config, Server as Settings, Upstream as Behind};
use crate::forward::{Eras, Forward, Shared};
use crate::limit::Limits;
use crate::listener::{Drain, Edge};
use crate::live::Live;
use crate::pipeline::Pipeline;
use crate::snapshot::{Principals, Server, Snapshot};
use crate::task::Tasks;
use crate::telemetry::Metrics;
use adapters::upstream::Upstream;
use adapters::upstream::http::HttpUpstream;
use adapters::upstream::notes::Notes;
use adapters::wire::scan::Bounds;
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// The longest number a message may hold.
const NUMBER_MOST: usize = 64;

/// A gateway, ready to serve.
#[derive(Debug)]
pub struct Gateway {
    /// The way of a call.
    pub pipeline: Arc<Pipeline>,
    /// The snapshot in force.
    pub live: Arc<Live<Snapshot>>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// How it stops.
    pub drain: Drain,
}

/// Builds the gateway that serves the configuration in `file`, loaded as `config`.
///
/// # Errors
///
/// What cannot be built: a key, a certificate, a server.
pub fn gateway(file: &Path, config: Config, tap: Option<UnboundedSender<Record>>) -> Result<Gateway, String> {
    let metrics = Arc::new(Metrics::default());
    let drain = Drain::default();
    let first = snapshot(config, None)?;
    let live = {
        let file = file.to_owned();
        Arc::new(Live::new(first, Arc::clone(&metrics), move |now: &Snapshot| {
            let loaded = crate::config::load(&file).map_err(|broken| broken.to_string())?;
            snapshot(loaded.config, Some(now))
        }))
    };
    let ledger = Arc::new(Ledger::new(Arc::clone(&metrics), tap));
    let shared = Shared {
        live: Arc::clone(&live),
        tasks: Arc::new(Tasks::default()),
        mirrors: Arc::new(Mirrors::default()),
        limits: Arc::new(Limits::default()),
        draining: drain.begun().clone(),
    };
    let pipeline = Arc::new(Pipeline::new(ledger, Forward { shared }));
    Ok(Gateway { pipeline, live, metrics, drain })
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
    let scan_bounds = Bounds { depth: bounds.depth, members: bounds.members, number: NUMBER_MOST };
    let principals = Principals::of(&config);
    Ok(Snapshot { edge, servers, principals, keys, scan_bounds, config })
}

fn server(
    config: &Config,
    name: &str,
    settings: &Settings,
    before: Option<&Snapshot>,
) -> Result<Arc<Server>, String> {
    let material = material(config, settings)?;
    let same = before.and_then(|before| before.servers.get(name));
    if let Some(same) = same.filter(|same| same.settings == *settings && same.material == material) {
        return Ok(Arc::clone(same));
    }
    let upstream: Arc<dyn Upstream> = match &settings.upstream {
        Behind::Notes => Arc::new(Notes::default()),
        Behind::Http(http) => {
            let upstream = HttpUpstream::new(http_settings(config, settings, http));
            Arc::new(upstream.map_err(|error| format!("servers.{name}: {error}"))?)
        }
    };
    let eras = Eras::new(settings.protocol);
    Ok(Arc::new(Server { settings: settings.clone(), material, upstream, eras }))
}

/// What the server's connections are made of beside its settings: the certificates as they now are.
fn material(config: &Config, settings: &Settings) -> Result<[u8; 32], String> {
    let Behind::Http(http) = &settings.upstream else {
        return Ok([0; 32]);
    };
    let mut bytes = Vec::new();
    let pair = http.client_cert.iter().flat_map(|pair| [&pair.cert, &pair.key]);
    for file in config.gateway.ca.iter().chain(&http.ca).chain(pair) {
        let content = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        bytes.extend_from_slice(digest(&SHA256, &content).as_ref());
    }
    bytes.extend_from_slice(format!("{:?}", config.gateway.allow_private).as_bytes());
    digest(&SHA256, &bytes).as_ref().try_into().map_err(|_| "SHA-256 is 32 bytes".to_owned())
}

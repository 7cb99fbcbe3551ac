//! Builds what tells of the gateway: its records, and who is sent them, spans, metrics and log lines.

use crate::audit::lost::{self, Reach};
use crate::audit::shipping::Backlog;
use crate::audit::{self, Journal, Ledger, Signer, event};
use crate::config::{Config, Deadlines, Durability, Signal, Target};
use crate::snapshot::Snapshot;
use crate::telemetry::{Collectors, Metrics, Tracer};
use adapters::collector::{Collector, Settings};
use adapters::egress::Identity;
use std::sync::Arc;
use std::time::Duration;

/// Requests on one HTTP/2 connection.
const STREAMS_MOST: usize = 100;
/// So much of the records is read for calls that were cut off: a second's work for a disk of today.
const LOOKED_BACK: u64 = 1 << 30;

/// Where telemetry goes.
pub(super) fn collectors(config: &Config) -> Result<Collectors, String> {
    let made = |target: Option<&Target>| {
        let made = target.map(|target| collector(config, target));
        made.transpose().map_err(|why| format!("telemetry: {why}"))
    };
    Ok(Collectors {
        traces: made(config.telemetry.target(Signal::Traces))?,
        metrics: made(config.telemetry.target(Signal::Metrics))?,
        logs: made(config.telemetry.target(Signal::Logs))?,
        records: made(config.telemetry.records.as_ref())?,
    })
}

fn collector(config: &Config, target: &Target) -> Result<Collector, String> {
    let gateway = &config.gateway;
    Collector::new(&Settings {
        url: target.url.clone(),
        protocol: target.protocol,
        headers: target.headers.clone(),
        roots: gateway.ca.iter().chain(&target.ca).cloned().collect(),
        identity: target.client_cert.as_ref().map(|pair| Identity {
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        }),
        allow_private: [gateway.allow_private.as_slice(), &target.allow_private].concat(),
        timeout: target.timeout,
    })
}

/// The records, with the start of the gateway as the first of this process. Needs a tokio runtime.
pub(super) fn ledger(
    first: &Snapshot,
    (metrics, tracer): (&Arc<Metrics>, &Tracer),
) -> Result<Ledger, String> {
    let config = &first.config;
    let folder = config.gateway.data_dir.join("audit");
    let signer = Signer::new(Arc::clone(&first.keys))?;
    let mut settings = settings(config);
    let (below, reach) = (folder.clone(), reach(config));
    settings.first = Some(Box::new(move || Box::new(lost::ended(&below, reach))));
    if let Some(copies) = tracer.records() {
        settings.on_written = Some(Box::new(move |log, lines| copies.put(log, lines)));
    }
    let backlog = backlog(config, metrics)?;
    if let Some(backlog) = backlog.clone() {
        settings.on_checkpoint = Some(Box::new(move |line| backlog.push(line)));
    }
    let journal = Journal::open(&folder, settings, signer)?;
    let ledger = Ledger::new(journal, Arc::clone(metrics)).shipping(backlog);
    ledger.bound(config.audit.refusals);
    let lines = event::started(&config.digest, &config.files, &first.keys);
    let queued = ledger.queue(lines);
    queued.map_err(|why| format!("{}: {why}", folder.display()))?;
    Ok(ledger)
}

/// What waits to be kept on another host, and the task that sends it there.
fn backlog(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<Arc<Backlog>>, String> {
    let Some(target) = &config.audit.checkpoints else {
        return Ok(None);
    };
    let receiver = collector(config, target).map_err(|why| format!("audit.checkpoints: {why}"))?;
    let backlog = Arc::new(Backlog::new(Arc::clone(metrics)));
    let own = Arc::clone(&backlog);
    tokio::spawn(async move { own.ship(receiver).await });
    Ok(Some(backlog))
}

fn settings(config: &Config) -> audit::Settings {
    let bounds = &config.gateway.bounds;
    // One place for each request that may be open, and one for each stream.
    let places = bounds.connections.saturating_mul(STREAMS_MOST) + bounds.streams;
    audit::Settings {
        durability: match config.audit.durability {
            Durability::Process => audit::Durability::Process,
            Durability::Power => audit::Durability::Power,
        },
        capacity: u32::try_from(places).unwrap_or(u32::MAX >> 3),
        segment_bytes: config.audit.segment,
        segment_age: config.audit.age,
        ..audit::Settings::default()
    }
}

/// The longest that any call may have been open.
fn reach(config: &Config) -> Reach {
    let own = config.servers.values().map(|server| &server.deadlines);
    let longest = |deadlines: &Deadlines| deadlines.stream.max(deadlines.call);
    let all = own.chain([&config.gateway.deadlines]).map(longest);
    Reach {
        time: all.max().unwrap_or(Duration::ZERO),
        bytes: LOOKED_BACK,
    }
}

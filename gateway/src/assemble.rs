//! Builds the gateway from its configuration: the only place that makes adapters.

mod credentials;
mod records;
mod state;

use crate::audit::{Change, Ledger, event};
use crate::cli::serve::House;
use crate::config::{
    Config, HttpUpstream as Http, Identity as Proof, OwnCertificate, Server as Settings,
    Upstream as Behind,
};
use crate::credentials::Leases;
use crate::forward::{Eras, Shared};
use crate::identity::sources::{Issuer, Mesh};
use crate::identity::{Registry, Sources};
use crate::limit::Limits;
use crate::listener::{Drain, Edge};
use crate::live::{Following, Live};
use crate::pipeline::Pipeline;
use crate::snapshot::{Server, Snapshot};
use crate::task::{Table, Tasks};
use crate::telemetry::metrics::Servers;
use crate::telemetry::{Metrics, Outlets, Tracer};
use adapters::egress::{self, Identity};
use adapters::state::limit::Memory;
use adapters::state::{Durable, Entry};
use adapters::upstream::Upstream;
use adapters::upstream::http::HttpUpstream;
use adapters::upstream::notes::Notes;
use adapters::wire::scan::Bounds;
use aws_lc_rs::digest::{SHA256, digest};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::{interval, timeout};

/// How often tasks that are due are looked for.
const SWEEP: Duration = Duration::from_secs(2);
/// In how many of these rounds once limits are looked at for what has had its time.
const LIMITS: u32 = 5;
/// In how many of these rounds once sessions are looked at.
const SESSIONS: u32 = 30;
/// The epoch of the next snapshot.
static EPOCH: AtomicU64 = AtomicU64::new(1);
/// The number of the next server.
static NUMBER: AtomicU64 = AtomicU64::new(1);
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
    outlets: Outlets,
) -> Result<House<Snapshot, Pipeline>, String> {
    let metrics = Arc::new(Metrics::default());
    let drain = Drain::default();
    let tracer = records::collectors(&config)
        .and_then(|made| Tracer::start(&config.telemetry, made, &metrics, outlets))?;
    let tracer = Arc::new(tracer);
    let first = snapshot(config, None, &metrics.servers)?;
    let store_of_all = state::shared(&first.config)?;
    let kept = state::keeper(&first, store_of_all.as_ref())?;
    let table = Table::load(kept, first.config.gateway.bounds.tasks);
    let leases = Arc::new(OnceLock::<Arc<Leases>>::new());
    let (ended, leased) = (Arc::clone(&tracer), Arc::clone(&leases));
    table.tell(move |task| {
        crate::pipeline::over(&ended, task);
        if let Some(leases) = leased.get() {
            leases.end_task(task);
        }
    });
    let tasks = Arc::new(Tasks::new(table));
    tasks.review(&first);
    let ledger = records::ledger(&first, (&metrics, &tracer))?;
    let ledger = Arc::new(ledger);
    let (journal, left) = store(&first.config, "leases.redb")?;
    let own = || Leases::new(journal, Arc::clone(&ledger), Arc::clone(&metrics));
    let leases = Arc::clone(leases.get_or_init(|| Arc::new(own())));
    leases.recover(&left, &first);
    let usage = Memory::new(Some(store(&first.config, "budgets.redb")?));
    let limits = Limits::new(usage, store_of_all, Arc::clone(&metrics));
    let limits = Arc::new(limits);
    let (file, counted) = (file.to_owned(), Arc::clone(&metrics));
    let live = Arc::new(Live::new(
        first,
        Arc::clone(&metrics),
        move |now: &Snapshot| {
            let loaded = crate::config::load(&file).map_err(|broken| broken.to_string())?;
            snapshot(loaded.config, Some(now), &counted.servers)
        },
        following((&tasks, &leases), &ledger, &metrics),
    ));
    let shared = Shared {
        live: Arc::clone(&live),
        tasks: Arc::clone(&tasks),
        mirrors: Arc::default(),
        limits: Arc::clone(&limits),
        leases: Arc::clone(&leases),
        ledger: Arc::clone(&ledger),
        draining: drain.begun().clone(),
    };
    tokio::spawn(sweep(shared.clone(), Arc::clone(&metrics)));
    tokio::spawn(tick(Arc::clone(&ledger), Arc::clone(&limits)));
    tokio::spawn(crate::fleet::serve(shared.clone(), Arc::clone(&metrics)));
    let door = Arc::new(Pipeline::new(shared, Arc::clone(&tracer)));
    Ok(House {
        live,
        door,
        tasks,
        leases,
        limits,
        ledger,
        metrics,
        tracer,
        drain,
    })
}

/// What a snapshot brings with it when it takes the place of another.
fn following(
    (tasks, leases): (&Arc<Tasks>, &Arc<Leases>),
    ledger: &Arc<Ledger>,
    metrics: &Arc<Metrics>,
) -> Following<Snapshot> {
    let metrics = Arc::clone(metrics);
    let leases = Arc::clone(leases);
    let (tasks, told, records) = (Arc::clone(tasks), Arc::clone(ledger), Arc::clone(ledger));
    Following {
        settle: Box::new(move |now| {
            tasks.review(now);
            leases.review(now);
            told.bound(now.config.audit.refusals);
            told.follow(Arc::clone(&now.keys));
            metrics
                .servers
                .keep(|server| now.servers.contains_key(server));
        }),
        record: Box::new(move |now, next| {
            let mut lines = event::changed(&Change {
                previous: &now.config.digest,
                next: next.map(|next| &*next.config.digest),
                files: &next.unwrap_or(now).config.files,
            });
            if let Ok(next) = next {
                lines.extend(event::loaded(&next.keys, Some(&now.keys)));
            }
            let queued = records.queue(lines);
            queued.map_err(|why| format!("the change cannot be put on record: {why}"))
        }),
    }
}

/// What the records and the limits need once a second.
async fn tick(ledger: Arc<Ledger>, limits: Arc<Limits>) {
    let mut seconds = interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        ledger.tick();
        limits.tick();
    }
}

/// A file of what must outlive the process.
fn store(config: &Config, name: &str) -> Result<(Durable, Vec<Entry>), String> {
    let folder = &config.gateway.data_dir;
    std::fs::create_dir_all(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    Durable::open(&folder.join(name)).map_err(|why| why.to_string())
}

/// Ends what is due, and lets go of what nobody uses any more.
async fn sweep(shared: Shared, metrics: Arc<Metrics>) {
    let mut rounds: u32 = 0;
    while timeout(SWEEP, shared.draining.cancelled()).await.is_err() {
        rounds = rounds.wrapping_add(1);
        let tasks = shared.tasks.sweep(crate::identity::now());
        metrics.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
        // A call that began under a former configuration may have minted under it since.
        shared.leases.review(&shared.live.look());
        shared.leases.sweep();
        if rounds.is_multiple_of(LIMITS) {
            shared.limits.sweep();
        }
        if rounds.is_multiple_of(SESSIONS) {
            // An agent may expire without anything else changing.
            shared.tasks.review(&shared.live.look());
            let sessions = shared.tasks.sweep_sessions();
            tracing::debug!(tasks, sessions, "swept");
        }
    }
}

/// Compiles a configuration. Servers whose settings and certificates are as before keep their connections.
///
/// # Errors
///
/// What cannot be built.
fn snapshot(
    config: Config,
    before: Option<&Snapshot>,
    healths: &Servers,
) -> Result<Snapshot, String> {
    let sources = sources(&config, before.map(|before| &before.sources))?;
    let own = match config.gateway.tls.as_ref().map(|tls| &tls.own) {
        Some(OwnCertificate::Svid(name)) => sources.meshes.get(name).map(|mesh| &mesh.source),
        _ => None,
    };
    let edge = Arc::new(Edge::agents(&config.gateway, own)?);
    let keys = Arc::new(crate::task::keys::load(&config.gateway)?);
    let mut servers = HashMap::with_capacity(config.servers.len());
    for (name, settings) in &config.servers {
        let server = server(&config, (name, settings), before, healths)?;
        servers.insert(Arc::clone(name), server);
    }
    let credentials = credentials::sources(&config, &keys, before)?;
    let published = credentials::published(&keys, &credentials);
    let bounds = &config.gateway.bounds;
    let scan_bounds = Bounds {
        depth: bounds.depth,
        members: bounds.members,
        number: NUMBER_MOST,
    };
    Ok(Snapshot {
        edge,
        servers,
        credentials,
        published,
        registry: Registry::of(&config),
        sources,
        epoch: EPOCH.fetch_add(1, Ordering::Relaxed),
        keys,
        scan_bounds,
        config,
    })
}

/// What verifies proofs. What is as before keeps its keys, and goes on watching them.
fn sources(config: &Config, before: Option<&Sources>) -> Result<Sources, String> {
    let mut sources = Sources::default();
    for (name, identity) in &config.identities {
        match identity {
            Proof::Oidc(settings) => {
                let known = before.and_then(|before| before.issuer(&settings.issuer));
                let issuer = match known
                    .filter(|known| known.settings == **settings && known.name == *name)
                {
                    Some(known) => Arc::clone(known),
                    None => {
                        let issuer = Arc::new(Issuer::new(config, name, settings)?);
                        issuer.keys.warm();
                        issuer
                    }
                };
                sources.add_issuer(issuer);
            }
            Proof::Spiffe(settings) => {
                let known = before.and_then(|before| before.meshes.get(name));
                let mesh = match known.filter(|known| known.settings == **settings) {
                    Some(known) => Arc::clone(known),
                    None => {
                        let mesh = Arc::new(Mesh::new(name, settings)?);
                        mesh.source.start();
                        mesh
                    }
                };
                sources.meshes.insert(Arc::clone(name), mesh);
            }
            Proof::Local | Proof::Key(_) => {}
        }
    }
    Ok(sources)
}

fn server(
    config: &Config,
    (name, settings): (&Arc<str>, &Settings),
    before: Option<&Snapshot>,
    healths: &Servers,
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
        number: NUMBER.fetch_add(1, Ordering::Relaxed),
        health: healths.health(name),
    }))
}

fn http_settings(config: &Config, settings: &Settings, http: &Http) -> egress::Settings {
    let identity = http.client_cert.as_ref();
    let ranges = config
        .gateway
        .allow_private
        .iter()
        .chain(&http.allow_private);
    egress::Settings {
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

//! `hopgate serve`: takes the data directory, opens both ports, watches the files, and drains at the end.

use std::fmt::Display;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::ends::{End, Ends};
use crate::admin::{self, Board, Notice, Readiness};
use crate::audit::{Ledger, event};
use crate::config::{Config, Gateway};
use crate::credentials::Leases;
use crate::limit::Limits;
use crate::listener::{Door, Drain, Edge, Listener};
use crate::live::{self, Live, Snapshot};
use crate::task::{Tasks, Terms};
use crate::telemetry::{self, Metrics, Outlets, Sink, Tracer};

/// How long the last spans, log lines and metrics may take.
const FLUSH: Duration = Duration::from_secs(3);

/// A snapshot that still knows what it was made from.
pub trait Configured: Snapshot {
    /// The configuration.
    fn config(&self) -> &Config;

    /// Whether anybody can be served, and what it cannot do yet.
    fn readiness(&self) -> Readiness;
}

/// A gateway put together, before it opens its ports.
#[derive(Debug)]
pub struct House<S, D> {
    /// The snapshot in force.
    pub live: Arc<Live<S>>,
    /// Where requests go.
    pub door: Arc<D>,
    /// The tasks.
    pub(crate) tasks: Arc<Tasks>,
    /// The leases.
    pub(crate) leases: Arc<Leases>,
    /// What calls have taken.
    pub(crate) limits: Arc<Limits>,
    /// The records.
    pub(crate) ledger: Arc<Ledger>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// Where spans go.
    pub tracer: Arc<Tracer>,
    /// How it stops.
    pub drain: Drain,
}

/// A house whose ports are open.
#[derive(Debug)]
pub struct Open {
    /// Where agents are served, as bound.
    pub agents: Vec<std::net::SocketAddr>,
    /// Where operators are, as bound.
    pub admin: Vec<std::net::SocketAddr>,
    drain: Drain,
    admin_drain: Drain,
    tasks: Arc<Tasks>,
    leases: Arc<Leases>,
    limits: Arc<Limits>,
    ledger: Arc<Ledger>,
}

/// The data directory, taken: one process each.
#[derive(Debug)]
pub struct Taken {
    _lock: File,
}

/// What operators see of a house.
#[derive(Debug)]
struct Office<S> {
    live: Arc<Live<S>>,
    tasks: Arc<Tasks>,
    leases: Arc<Leases>,
    ledger: Arc<Ledger>,
    drain: Drain,
}

/// The whole command. `assemble` gets a configuration without mistakes, a data directory that is ours, and the log
/// lines that go to a collector.
pub fn run<S, D, E>(
    level: &str,
    config: Result<Config, E>,
    assemble: impl FnOnce(Config, Outlets) -> Result<House<S, D>, String>,
) -> ExitCode
where
    S: Configured,
    D: Door,
    E: Display,
{
    let config = match config {
        Ok(config) => config,
        Err(mistakes) => return fail(mistakes),
    };
    let outlets = Outlets {
        spans: None,
        lines: config.telemetry.logs.as_ref().map(|_| Sink::default()),
    };
    if let Err(why) = telemetry::log::start(config.log.json, level, outlets.lines.as_ref()) {
        return fail(why);
    }
    #[cfg(debug_assertions)]
    if let Err(why) = crate::credentials::failpoint() {
        return fail(why);
    }
    super::memory::close();
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(why) => return fail(why),
    };
    let served = runtime.block_on(async move {
        let _taken = Taken::take(&config.gateway.data_dir)?;
        serve(assemble(config, outlets)?).await
    });
    // What ignores the end of the drain must not hold the process.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(why),
    }
}

/// Opens the house, and closes it at the first SIGTERM or SIGINT; a second one does not wait.
async fn serve<S: Configured, D: Door>(house: House<S, D>) -> Result<(), String> {
    let mut ends = Ends::listen()?;
    let live = house.live.clone();
    let tracer = house.tracer.clone();
    // The start, and calls that the last process left without an outcome, are on record before anybody calls.
    if let Err(why) = house.ledger.write(Vec::new()).await {
        tracing::error!("the start is not on record: {why}");
    }
    let open = open(house)?;
    tracing::info!(agents = ?open.agents, admin = ?open.admin, "serving");
    let told = ends.next().await;
    let deadlines = live.look().config().gateway.deadlines.clone();
    // Somebody at a terminal is no balancer that has to notice first.
    let linger = match told {
        End::Terminate => deadlines.linger,
        End::Interrupt => Duration::ZERO,
    };
    tracing::info!(?linger, "draining");
    tokio::select! {
        cut = open.close(linger, deadlines.drain) => match cut {
            0 => tracing::info!("drained"),
            cut => tracing::warn!(cut, "drain deadline passed, connections cut"),
        },
        _ = ends.next() => {
            tracing::warn!("not drained");
            return Ok(());
        }
    }
    tokio::select! {
        sent = tracer.flush(FLUSH) => if !sent {
            tracing::warn!("the last telemetry was not sent: the collector is too slow");
        },
        _ = ends.next() => {}
    }
    Ok(())
}

/// Opens both ports and watches the files. Needs a tokio runtime.
///
/// # Errors
/// Names the address that cannot be bound, or the token that cannot be made.
pub fn open<S: Configured, D: Door>(house: House<S, D>) -> Result<Open, String> {
    let House {
        live,
        door,
        tasks,
        leases,
        limits,
        ledger,
        metrics,
        tracer: _,
        drain,
    } = house;
    let gateway = live.look().config().gateway.clone();
    if gateway.admin_token.is_none() {
        admin::make_token(&gateway.data_dir)?;
    }
    let bind = |addresses: &[_], key: &str| {
        Listener::bind(addresses).map_err(|why| format!("`{key}`: {why}"))
    };
    let agents = bind(&gateway.listen, "listen")?;
    let operators = bind(&[gateway.admin], "admin")?;
    let admin_drain = Drain::default();
    let open = Open {
        agents: agents.addresses(),
        admin: operators.addresses(),
        drain: drain.clone(),
        admin_drain: admin_drain.clone(),
        tasks: tasks.clone(),
        leases: leases.clone(),
        limits,
        ledger: ledger.clone(),
    };
    let office = Office {
        live: live.clone(),
        tasks: tasks.clone(),
        leases,
        ledger,
        drain: drain.clone(),
    };
    tokio::spawn(admin::serve(
        operators,
        office,
        metrics.clone(),
        admin_drain,
    ));
    tokio::spawn(live::watch(live, drain.begun().clone()));
    tokio::spawn(agents.serve(door, metrics, drain));
    Ok(open)
}

fn fail(why: impl Display) -> ExitCode {
    eprintln!("hopgate: {why}");
    ExitCode::FAILURE
}

// === impl Open ===

impl Open {
    /// Drains, operators last; says how many of the agents' connections were cut.
    pub async fn close(self, linger: Duration, deadline: Duration) -> usize {
        self.drain.linger(linger).await;
        let cut = self.drain.finish(deadline).await;
        if !self.leases.close().await {
            tracing::error!("not every lease is revoked: the next start goes on with it");
        }
        // Operators may still look while agents finish, not longer.
        self.admin_drain.finish(Duration::from_millis(100)).await;
        if let Err(why) = self.tasks.table.settled().await {
            tracing::error!("not every task is kept: {why}");
        }
        if let Some(fleet) = self.tasks.fleet() {
            fleet.leave().await;
        }
        if let Err(why) = self.limits.settled().await {
            tracing::error!("not all that was spent is on disk: {why}");
        }
        if let Err(why) = self.ledger.close(event::stopped()).await {
            tracing::error!("not every record is on disk: {why}");
        }
        cut
    }
}

// === impl Taken ===

impl Taken {
    /// Makes the directory if it is not there, and keeps every other process out while the result lives.
    ///
    /// # Errors
    /// Another process has it, or it cannot be made.
    pub fn take(data_dir: &Path) -> Result<Self, String> {
        let named = |why: &dyn Display| format!("`data_dir` {}: {why}", data_dir.display());
        let mut folder = DirBuilder::new();
        folder
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .map_err(|why| named(&why))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options
            .open(data_dir.join("lock"))
            .map_err(|why| named(&why))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(named(&"another hopgate is using it")),
            Err(TryLockError::Error(why)) => Err(named(&why)),
        }
    }
}

// === impl Office ===

impl<S: Configured> Board for Office<S> {
    fn edge(&self) -> Edge {
        Edge::admin(&self.live.look().config().gateway)
    }

    fn token_file(&self) -> PathBuf {
        let snapshot = self.live.look();
        let Gateway {
            admin_token,
            data_dir,
            ..
        } = &snapshot.config().gateway;
        admin_token
            .clone()
            .unwrap_or_else(|| data_dir.join(admin::TOKEN_FILE))
    }

    fn metrics_open(&self) -> bool {
        self.live.look().config().gateway.metrics_open
    }

    fn readiness(&self) -> Readiness {
        let mut readiness = self.live.look().readiness();
        if self.drain.leaving().is_cancelled() {
            readiness.ready = false;
            readiness.unready.push("draining".to_owned());
        }
        if let Some(why) = self.tasks.fleet().and_then(|fleet| fleet.unready()) {
            readiness.ready = false;
            readiness.unready.push(why.to_owned());
        }
        match self.leases.untried() {
            0 => {}
            left => {
                readiness.ready = false;
                let why = format!("{left} leases of the last run are being revoked");
                readiness.unready.push(why);
            }
        }
        readiness
    }

    fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    fn leases(&self) -> &Leases {
        &self.leases
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn terms(&self) -> (Terms, Vec<Arc<str>>) {
        let snapshot = self.live.look();
        let config = snapshot.config();
        let agents = config.agents.keys().cloned().collect();
        (Terms::of(&config.gateway.deadlines), agents)
    }

    fn notice(&self) -> Notice {
        let standing = self.live.standing();
        let snapshot = self.live.look();
        let config = snapshot.config();
        let names = |name: &Arc<str>| name.to_string();
        Notice {
            version: standing.version,
            digest: snapshot.digest().to_owned(),
            loaded_at: standing.loaded_at,
            files: snapshot.files().to_vec(),
            last_error: standing.last_error,
            agents: config.agents.keys().map(names).collect(),
            servers: config.servers.keys().map(names).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_has_one_process() {
        let folder = std::env::temp_dir().join(format!("hopgate-taken-{}", std::process::id()));
        let first = Taken::take(&folder).unwrap();
        let second = Taken::take(&folder).unwrap_err();
        assert!(second.ends_with("another hopgate is using it"), "{second}");
        drop(first);
        Taken::take(&folder).unwrap();
        let file = folder.join("lock");
        assert!(Taken::take(&file).unwrap_err().contains("lock"));
    }
}

//! The configuration as the gateway needs it: only valid values, every mistake already reported.
//!
//! `load` reads the files, `keys` says what may be written, `resolve` turns the tree into these types; nothing here is
//! checked again afterwards.

mod audit;
mod credential;
mod file;
mod form;
mod identity;
mod keys;
mod load;
mod resolve;
mod state;
mod telemetry;

pub use audit::{Arguments, Audit, Durability};
pub use credential::{
    Actor, Aws, AwsProof, ClientProof, Exchange, IdJag, OAuth, Place, Registration,
};
pub use credential::{
    Choice, Credential, Fixed, GithubApp, Inject, Kind, Mint, Part, Per, Postgres, Reach,
    SecretFrom, Template, Vault, VaultLogin, Where,
};
pub(crate) use file::read as read_file;
pub(crate) use form::duration;
pub use identity::{Agent, Binding, Identity, Oidc, Spiffe, SpiffeFrom, StaticKey};
pub(crate) use keys::ROOT;
pub(crate) use load::stands_for;
pub use load::{Broken, Loaded, load};
pub use state::{SharedState, State};
pub use telemetry::{Always, Sample, Signal, Target, Telemetry};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One loaded configuration.
#[derive(Debug)]
pub struct Config {
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[log]`.
    pub log: Log,
    /// `[audit]`.
    pub audit: Audit,
    /// `[telemetry]`, and the `OTEL_*` variables.
    pub telemetry: Telemetry,
    /// `[identities.X]` in name order.
    pub identities: BTreeMap<Arc<str>, Identity>,
    /// `[agents.X]`, the part identity needs (the envelope is in `policy`).
    pub agents: BTreeMap<Arc<str>, Agent>,
    /// `[credentials.X]`.
    pub credentials: BTreeMap<Arc<str>, Credential>,
    /// `[servers.X]`, the gateway's part.
    pub servers: BTreeMap<Arc<str>, Server>,
    /// Compiled agents' envelopes, groups, rules: what `policy::decide` reads.
    pub policy: Arc<policy::Policy>,
    /// SHA-256 over all files read, in hex: the name of this snapshot in every record.
    pub digest: Arc<str>,
    /// Every file that was read (configuration, includes, secrets, certificates): watched for change.
    pub files: Vec<PathBuf>,
}

/// `[gateway]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Agents' addresses.
    pub listen: Vec<SocketAddr>,
    /// Operators' address.
    pub admin: SocketAddr,
    /// What agents call us: scheme, host, port; no path, no trailing slash.
    pub public_url: url::Url,
    /// Where state is kept; one process each.
    pub data_dir: PathBuf,
    /// Where state is kept that several gateways would have to share.
    pub state: State,
    /// Inbound TLS.
    pub tls: Option<Tls>,
    /// Host names accepted, lower case, without port; never empty.
    pub hosts: Vec<String>,
    /// Origins that get CORS; empty = CORS off.
    pub origins: Vec<String>,
    /// PEM files of roots added to the system's, for every upstream.
    pub ca: Vec<PathBuf>,
    /// Non-public networks that may be dialled.
    pub allow_private: Vec<ipnet::IpNet>,
    /// Key ring files: the first seals, all open. Empty: made in `data_dir/keys`.
    pub keys: Vec<KeyFile>,
    /// Replaces `data_dir/admin.token`.
    pub admin_token: Option<PathBuf>,
    /// Whether `/metrics` needs no token.
    pub metrics_open: bool,
    /// How often, and how many at once, of all that is called; all hold.
    pub limits: Vec<Arc<policy::limit::Limit>>,
    /// `[gateway.bounds]`.
    pub bounds: Bounds,
    /// `[gateway.deadlines]`.
    pub deadlines: Deadlines,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundTls {
    /// PEM chain.
    pub cert: PathBuf,
    /// PEM key.
    pub key: PathBuf,
}

/// `tls = { … }` of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// What agents are shown.
    pub own: OwnCertificate,
    /// Who must have issued every client's certificate, where every client must have one.
    pub client_ca: Option<PathBuf>,
}

/// What agents are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnCertificate {
    /// A certificate in files.
    Files(InboundTls),
    /// The gateway's own SVID, of this identity.
    Svid(Arc<str>),
}

/// `keys = [{ id, file }]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Named in every sealed handle.
    pub id: String,
    /// 32 random bytes in base64.
    pub file: PathBuf,
}

/// `[gateway.bounds]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Request body, bytes.
    pub body: usize,
    /// Answer read whole, bytes.
    pub answer: usize,
    /// One server-sent event, bytes.
    pub event: usize,
    /// JSON nesting.
    pub depth: usize,
    /// JSON members in one message.
    pub members: usize,
    /// Messages in a 2025-03-26 batch.
    pub batch: usize,
    /// Open client connections.
    pub connections: usize,
    /// Calls without an answer yet.
    pub calls: usize,
    /// How late the gateway may get to what is ready, before it refuses calls.
    pub lag: Duration,
    /// Open streams (GET, SSE answers).
    pub streams: usize,
    /// Open tasks; beyond it the longest idle ones end early.
    pub tasks: usize,
}

/// `[gateway.deadlines]`; a server may set its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// Request head.
    pub header: Duration,
    /// Request body.
    pub body: Duration,
    /// Upstream connection.
    pub connect: Duration,
    /// One call.
    pub call: Duration,
    /// One GET or listen stream.
    pub stream: Duration,
    /// Shutdown: until the drain begins.
    pub linger: Duration,
    /// Shutdown: the drain.
    pub drain: Duration,
    /// One task, from its opening or its principal's newest proof.
    pub task: Duration,
    /// A task in which nothing happens.
    pub idle: Duration,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// JSON lines instead of text.
    pub json: bool,
}

/// `[servers.X]`, the gateway's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub upstream: Upstream,
    /// What it speaks.
    pub protocol: Protocol,
    /// The gateway's deadlines with this server's own put in.
    pub deadlines: Deadlines,
    /// The agent this server is, where it is one: it gets hop tokens.
    pub agent: Option<Arc<str>>,
    /// With what its calls go out, where no rule says otherwise.
    pub credential: Choice,
    /// How often, and how many at once, of all that goes to it; all hold.
    pub limits: Vec<Arc<policy::limit::Limit>>,
}

impl Server {
    /// The host and port it is called at, where there is one.
    #[must_use]
    pub fn address(&self) -> Option<(Box<str>, u16)> {
        let Upstream::Http(http) = &self.upstream else {
            return None;
        };
        let host = http.url.host_str()?;
        Some((host.into(), http.url.port_or_known_default()?))
    }
}

/// What stands behind a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstream {
    /// Streamable HTTP.
    Http(HttpUpstream),
    /// The sample server inside the binary.
    Notes,
}

/// `url = "…"` and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUpstream {
    /// The MCP endpoint.
    pub url: url::Url,
    /// Roots added to the system's and the gateway's.
    pub ca: Vec<PathBuf>,
    /// Client certificate and key.
    pub client_cert: Option<InboundTls>,
    /// Networks this server may be in, with the gateway's.
    pub allow_private: Vec<ipnet::IpNet>,
}

/// `protocol = "auto" | "modern" | "legacy"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Probed when needed and cached.
    Auto,
    /// 2026-07-28 and later only.
    Modern,
    /// `initialize` revisions only.
    Legacy,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(15),
            connect: Duration::from_secs(5),
            call: Duration::from_secs(10 * 60),
            stream: Duration::from_secs(24 * 60 * 60),
            linger: Duration::from_secs(5),
            drain: Duration::from_secs(30),
            task: Duration::from_secs(60 * 60),
            idle: Duration::from_secs(5 * 60),
        }
    }
}

/// Keys that differ between two configurations and cannot change while the process runs.
#[must_use]
pub fn restart_needed(now: &Config, next: &Config) -> Vec<String> {
    let durability = now.audit.durability != next.audit.durability;
    let otlp = now.audit.otlp != next.audit.otlp;
    let checkpoints = now.audit.checkpoints != next.audit.checkpoints;
    let telemetry = now.telemetry != next.telemetry && !otlp;
    let (now, next) = (&now.gateway, &next.gateway);
    let fixed = [
        ("`audit.durability`", durability),
        ("`audit.otlp`", otlp),
        ("`audit.checkpoints`", checkpoints),
        ("`listen`", now.listen != next.listen),
        ("`admin`", now.admin != next.admin),
        ("`data_dir`", now.data_dir != next.data_dir),
        ("`state`", now.state != next.state),
        ("`tls` (on or off)", now.tls.is_some() != next.tls.is_some()),
        ("`[telemetry]`", telemetry),
    ];
    fixed
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| (*key).to_owned())
        .collect()
}

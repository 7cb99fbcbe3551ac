//! `[telemetry]`: where spans, metrics and logs go, which calls get spans, and what the environment adds.

mod environment;
mod keys;

pub(super) use environment::Environment;
pub(super) use keys::{HEADERS, TELEMETRY};

use adapters::collector::{Protocol, Secret};
use http::HeaderName;
use std::path::PathBuf;
use std::time::Duration;

use super::InboundTls;

/// For one message, where nothing is said.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// How often metrics go, where nothing is said.
const INTERVAL: Duration = Duration::from_secs(60);

/// What is exported, to where.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Where spans go.
    pub traces: Option<Target>,
    /// Where metrics go, beside `/metrics`.
    pub metrics: Option<Target>,
    /// Where log lines go, beside standard error.
    pub logs: Option<Target>,
    /// Where records of audit are copied to.
    pub records: Option<Target>,
    /// Which calls get spans.
    pub sample: Sample,
    /// Keys of inbound baggage that are passed on.
    pub baggage: Vec<String>,
    /// How often metrics go.
    pub interval: Duration,
    /// What `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say of this process.
    pub resource: Vec<(String, String)>,
    /// What the environment asks for in vain, for the log.
    pub ignored: Vec<String>,
}

/// Who is sent something, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole URL for HTTP, scheme and authority for gRPC.
    pub url: url::Url,
    /// Which of them.
    pub protocol: Protocol,
    /// Sent with every message.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Roots beside the system's and the gateway's.
    pub ca: Vec<PathBuf>,
    /// Client certificate and key.
    pub client_cert: Option<InboundTls>,
    /// Networks it may be in, with the gateway's.
    pub allow_private: Vec<ipnet::IpNet>,
    /// For one message.
    pub timeout: Duration,
}

/// `sample`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The share of traces, 0 to 1.
    pub ratio: f64,
    /// Whether the flag of an authenticated caller is followed.
    pub parent: bool,
    /// What gets a span outside the sample too.
    pub always: Vec<Always>,
}

/// A kind of call that gets a span though it was not sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Always {
    /// Refused here.
    Deny,
    /// Failed at the server, or on the way.
    Error,
    /// A person was asked.
    Ask,
}

/// What is sent to a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Log lines.
    Logs,
}

// === impl Telemetry ===

impl Telemetry {
    /// Where a signal goes.
    #[must_use]
    pub fn target(&self, signal: Signal) -> Option<&Target> {
        match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
            Signal::Logs => self.logs.as_ref(),
        }
    }
}

impl Default for Telemetry {
    /// Nothing is exported.
    fn default() -> Self {
        Self {
            traces: None,
            metrics: None,
            logs: None,
            records: None,
            sample: Sample::default(),
            baggage: Vec::new(),
            interval: INTERVAL,
            resource: Vec::new(),
            ignored: Vec::new(),
        }
    }
}

// === impl Sample ===

impl Default for Sample {
    fn default() -> Self {
        Self {
            ratio: 1.0,
            parent: true,
            always: vec![Always::Deny, Always::Error, Always::Ask],
        }
    }
}

// === impl Always ===

impl Always {
    /// As the file writes it.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text {
            "deny" => Some(Self::Deny),
            "error" => Some(Self::Error),
            "ask" => Some(Self::Ask),
            _ => None,
        }
    }
}

// === impl Signal ===

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// As standard variables and paths spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

/// The address of a signal beneath a collector's, over HTTP.
pub(super) fn beneath(url: &url::Url, signal: Signal) -> url::Url {
    let mut whole = url.clone();
    let path = url.path().trim_end_matches('/');
    whole.set_path(&format!("{path}/v1/{}", signal.name()));
    whole
}

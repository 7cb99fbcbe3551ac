//! What the gateway says about itself to a collector: metrics and log lines, whatever state the collector is in.

mod context;
mod dashboard;
mod faults;
mod settings;
mod signals;
mod traces;

use tests::{Collector, Setup, Upstream};

/// A gateway with one server that sends everything here, often.
fn setup(upstream: &Upstream, collector: &Collector, protocol: &str) -> Setup {
    Setup::new(&upstream.url()).tail(&format!(
        "\n[telemetry]\notlp = {{ endpoint = \"{}\", protocol = \"{protocol}\", timeout = \"1s\" }}\n\
         logs = true\nmetrics = \"50ms\"\n",
        collector.url()
    ))
}

//! `[telemetry]`: the collectors the file names, or else the environment, and which calls get spans. Also who else is
//! sent what the gateway says of itself: checkpoints of `[audit]`.

use super::Resolver;
use super::values::{networks, texts};
use crate::config::telemetry::{Environment, TIMEOUT, beneath};
use crate::config::{Always, Sample, Signal, Target, Telemetry, form};
use adapters::collector::{Protocol, Secret};
use http::{HeaderName, HeaderValue};
use policy::document::{Datum, Entry, Table, Value};
use policy::{Code, Diagnostic};

impl Resolver<'_> {
    pub(super) fn telemetry(&mut self) -> Telemetry {
        let environment = Environment::of_process();
        let empty = Table::default();
        let table = self.root.table("telemetry").unwrap_or(&empty);
        let mut telemetry = Telemetry {
            sample: self.sample(table),
            baggage: texts(table.items("baggage")),
            ..Telemetry::default()
        };
        let sampled = table.get("sample").is_some();
        self.noted(environment.complete(&mut telemetry, sampled));
        let interval = self.noted(environment.interval()).flatten();
        let own = table.text("metrics").and_then(form::duration);
        telemetry.interval = own.or(interval).unwrap_or(telemetry.interval);
        let audit = self.root.table("audit");
        let copied = audit.and_then(|audit| audit.value("otlp"));
        let copied = copied.filter(|value| value.datum == Datum::Bool(true));
        if environment.disabled() {
            let why = "OTEL_SDK_DISABLED: records are copied to no collector";
            telemetry.ignored.extend(copied.map(|_| why.to_owned()));
            return telemetry;
        }
        let logs = table
            .value("logs")
            .map(|value| value.datum == Datum::Bool(true));
        let named = table.get("otlp").and_then(|entry| self.otlp(entry));
        for signal in Signal::ALL {
            let asked = self.noted(environment.wants(signal)).flatten();
            let wanted = match signal {
                Signal::Logs => logs.or(asked).unwrap_or(false),
                Signal::Traces | Signal::Metrics => asked.unwrap_or(true),
            };
            if !wanted {
                continue;
            }
            let target = self.target(&environment, signal, named.as_ref());
            match signal {
                Signal::Traces => telemetry.traces = target,
                Signal::Metrics => telemetry.metrics = target,
                Signal::Logs => telemetry.logs = target,
            }
        }
        if copied.is_some() {
            telemetry.records = self.target(&environment, Signal::Logs, named.as_ref());
        }
        let logged = table.value("logs").filter(|_| logs == Some(true));
        let aimless = [
            (logged, &telemetry.logs, "`logs` go to no collector"),
            (
                copied,
                &telemetry.records,
                "`otlp` copies records to no collector",
            ),
        ];
        for (value, target, message) in aimless {
            // A collector that is named wrongly was reported as such.
            if let Some(value) = value.filter(|_| target.is_none() && table.get("otlp").is_none()) {
                let one = Diagnostic::error(Code::Conflict, value.span, message);
                self.diagnostics.push(one.help(
                    "name one: `otlp = { endpoint = \"http://127.0.0.1:4317\" }` in `[telemetry]`",
                ));
            }
        }
        telemetry
    }

    /// Where a signal goes: as the file says, or else the environment.
    fn target(
        &mut self,
        environment: &Environment,
        signal: Signal,
        named: Option<&Target>,
    ) -> Option<Target> {
        let table = self.root.table("telemetry");
        match named {
            Some(named) => Some(aimed(named, signal)),
            None if table.is_some_and(|table| table.get("otlp").is_some()) => None,
            None => self.noted(environment.target(signal)).flatten(),
        }
    }

    /// `[audit] checkpoints`.
    pub(super) fn checkpoints(&mut self) -> Option<Target> {
        let table = self.root.table("audit")?.table("checkpoints")?;
        let url = form::url(table.text("url")?).ok()?;
        Some(self.addressed(table, (url, Protocol::Json)))
    }

    fn otlp(&mut self, entry: &Entry) -> Option<Target> {
        let table = entry.value.table()?;
        let endpoint = table.value("endpoint")?;
        let url = form::url(endpoint.text()?).ok()?;
        let protocol = match table.text("protocol") {
            Some("http") => Protocol::Http,
            _ => Protocol::Grpc,
        };
        if url.query().is_some() || (protocol == Protocol::Grpc && url.path() != "/") {
            let message = "a collector's address over gRPC is scheme, host and port";
            let one = Diagnostic::error(Code::InvalidValue, endpoint.span, message);
            self.diagnostics
                .push(one.help("take the path out, or write `protocol = \"http\"`"));
        }
        Some(self.addressed(table, (url, protocol)))
    }

    /// How whoever listens at a URL is spoken to.
    fn addressed(&mut self, table: &Table, (url, protocol): (url::Url, Protocol)) -> Target {
        let headers = table.table("headers").into_iter().flat_map(Table::iter);
        let headers = headers
            .filter_map(|(name, entry)| {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, self.header(&entry.value)?))
            })
            .collect();
        let timeout = table.text("timeout").and_then(form::duration);
        Target {
            url,
            protocol,
            headers,
            ca: self.paths(table.items("ca")),
            client_cert: table.get("client_cert").and_then(|entry| self.pair(entry)),
            allow_private: networks(table.items("allow_private")),
            timeout: timeout.unwrap_or(TIMEOUT),
        }
    }

    /// The value of a header, by reference.
    fn header(&mut self, value: &Value) -> Option<Secret> {
        let table = value.table()?;
        if let Some(file) = table.value("file") {
            return self.path(file).map(Secret::File);
        }
        let name = table.value("env")?;
        let found = variable(name.text()?);
        let header = found.and_then(|text| HeaderValue::from_str(text.trim()).ok());
        let Some(mut header) = header else {
            let variable = name.text()?.escape_debug();
            let message = format!("the variable `{variable}` is not set to a header's value");
            self.diagnostics.push(Diagnostic::error(
                Code::UnreachableReference,
                name.span,
                message,
            ));
            return None;
        };
        header.set_sensitive(true);
        Some(Secret::Value(header))
    }

    fn sample(&mut self, table: &Table) -> Sample {
        let mut sample = Sample::default();
        let Some(value) = table.value("sample") else {
            return sample;
        };
        let ratio = match value.table() {
            Some(inner) => {
                if inner.get("always").is_some() {
                    let names = texts(inner.items("always"));
                    sample.always = names.iter().filter_map(|name| Always::read(name)).collect();
                }
                inner.value("ratio")
            }
            None => Some(value),
        };
        if let Some(value) = ratio {
            let number = match &value.datum {
                Datum::Integer(0) => Some(0.0),
                Datum::Integer(1) => Some(1.0),
                Datum::Float(text) => text.replace('_', "").parse::<f64>().ok(),
                _ => None,
            };
            match number.filter(|number| (0.0..=1.0).contains(number)) {
                Some(number) => sample.ratio = number,
                None => {
                    let message = "expected a share from 0 to 1";
                    let one = Diagnostic::error(Code::InvalidValue, value.span, message);
                    self.diagnostics.push(one.help("0.1 is one trace in ten"));
                }
            }
        }
        sample
    }

    /// What a variable says, where it can be followed.
    fn noted<T>(&mut self, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(why) => {
                let one = Diagnostic::placeless(Code::InvalidValue, why);
                self.diagnostics
                    .push(one.help("it is a variable of the environment"));
                None
            }
        }
    }
}

/// The collector as one signal sees it.
fn aimed(named: &Target, signal: Signal) -> Target {
    let mut target = named.clone();
    if named.protocol == Protocol::Http {
        target.url = beneath(&named.url, signal);
    }
    target
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a secret of the configuration comes from the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

//! The standard `OTEL_*` variables. The file's `otlp` and `sample` go before what these say of the same.

use super::{Always, Sample, Signal, Target, Telemetry};
use crate::config::{InboundTls, form};
use adapters::collector::{Protocol, Secret};
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::time::Duration;

/// The `OTEL_*` variables of a process. An empty one is as good as none.
#[derive(Debug, Default)]
pub(in crate::config) struct Environment(BTreeMap<String, String>);

/// Known variables that this gateway does not follow, with why.
const UNFOLLOWED: [(&str, &str); 4] = [
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "messages go as they are"),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "metrics are cumulative",
    ),
    ("OTEL_PROPAGATORS", "contexts are W3C's"),
    (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "buckets are those of the conventions",
    ),
];

// === impl Environment ===

impl Environment {
    /// Those of this process.
    pub(in crate::config) fn of_process() -> Self {
        let all = std::env::vars_os();
        Self::of(all.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Those among some variables.
    pub(in crate::config) fn of(all: impl Iterator<Item = (String, String)>) -> Self {
        Self(
            all.filter(|(name, value)| name.starts_with("OTEL_") && !value.trim().is_empty())
                .collect(),
        )
    }

    /// Whether everything is switched off.
    pub(in crate::config) fn disabled(&self) -> bool {
        self.is("OTEL_SDK_DISABLED", "true")
    }

    /// Whether this signal is wanted: `None` where nothing is said.
    ///
    /// # Errors
    ///
    /// An exporter that is not known.
    pub(in crate::config) fn wants(&self, signal: Signal) -> Result<Option<bool>, String> {
        let name = format!("OTEL_{}_EXPORTER", upper(signal));
        let Some(text) = self.0.get(&name) else {
            return Ok(None);
        };
        let mut wanted = false;
        for exporter in text.split(',').map(str::trim) {
            match exporter {
                "otlp" => wanted = true,
                "none" => {}
                // `/metrics` is always there.
                "prometheus" if signal == Signal::Metrics => {}
                other => {
                    let other = other.escape_debug();
                    return Err(format!("{name}: `{other}` is neither `otlp` nor `none`"));
                }
            }
        }
        Ok(Some(wanted))
    }

    /// The collector these variables name for a signal, if they name one.
    ///
    /// # Errors
    ///
    /// The variable that cannot be followed.
    pub(in crate::config) fn target(&self, signal: Signal) -> Result<Option<Target>, String> {
        let protocol = match self.otlp(signal, "PROTOCOL") {
            None => Protocol::Http,
            Some((_, "grpc")) => Protocol::Grpc,
            Some((_, "http/protobuf")) => Protocol::Http,
            Some((name, other)) => {
                let other = other.escape_debug();
                return Err(format!(
                    "{name}: `{other}` is neither `grpc` nor `http/protobuf`"
                ));
            }
        };
        let Some(url) = self.url(signal, protocol)? else {
            return Ok(None);
        };
        let path = |what| {
            let found = self.otlp(signal, what);
            found.map(|(_, text)| std::path::PathBuf::from(text))
        };
        let client_cert = match (path("CLIENT_CERTIFICATE"), path("CLIENT_KEY")) {
            (Some(cert), Some(key)) => Some(InboundTls { cert, key }),
            _ => None,
        };
        let timeout = match self.otlp(signal, "TIMEOUT") {
            None => super::TIMEOUT,
            Some((name, text)) => millis(&name, text)?,
        };
        Ok(Some(Target {
            url,
            protocol,
            headers: self.headers(signal)?,
            ca: path("CERTIFICATE").into_iter().collect(),
            client_cert,
            allow_private: Vec::new(),
            timeout,
        }))
    }

    fn url(&self, signal: Signal, protocol: Protocol) -> Result<Option<url::Url>, String> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", upper(signal));
        let (name, text, whole) = match (self.0.get(&own), self.get(GENERIC)) {
            (Some(text), _) => (own.as_str(), text.as_str(), true),
            (None, Some(text)) => (GENERIC, text, false),
            // Somebody who asks for OTLP by name means the standard's own address.
            (None, None) if self.wants(signal) == Ok(Some(true)) => match protocol {
                Protocol::Grpc => (GENERIC, "http://localhost:4317", false),
                Protocol::Http | Protocol::Json => (GENERIC, "http://localhost:4318", false),
            },
            (None, None) => return Ok(None),
        };
        // For gRPC the standard allows host and port alone, which means TLS.
        let text = match protocol {
            Protocol::Grpc if !text.contains("://") => format!("https://{text}"),
            _ => text.to_owned(),
        };
        let url = form::url(&text).map_err(|fault| format!("{name}: {}", fault.message))?;
        Ok(Some(match protocol {
            Protocol::Http if !whole => super::beneath(&url, signal),
            _ => url,
        }))
    }

    fn headers(&self, signal: Signal) -> Result<Vec<(HeaderName, Secret)>, String> {
        let Some((name, text)) = self.otlp(signal, "HEADERS") else {
            return Ok(Vec::new());
        };
        // The text is not repeated: it holds secrets.
        let broken = || format!("{name}: expected `name=value` pairs with commas between them");
        let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
        let header = |pair: &str| {
            let (key, value) = pair.split_once('=').ok_or_else(broken)?;
            let key = HeaderName::from_bytes(key.trim().as_bytes()).map_err(|_| broken())?;
            let value = percent_decode_str(value.trim()).decode_utf8();
            let value = value.map_err(|_| broken())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| broken())?;
            value.set_sensitive(true);
            Ok((key, Secret::Value(value)))
        };
        pairs.map(header).collect()
    }

    /// Changes what the file left open.
    ///
    /// # Errors
    ///
    /// The variable that cannot be followed.
    pub(in crate::config) fn complete(
        &self,
        telemetry: &mut Telemetry,
        sampled: bool,
    ) -> Result<(), String> {
        self.sampler(&mut telemetry.sample, sampled)?;
        let mut resource = BTreeMap::new();
        if let Some(text) = self.get("OTEL_RESOURCE_ATTRIBUTES") {
            for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
                let decoded = pair.split_once('=').and_then(|(key, value)| {
                    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                    Some((key.trim().to_owned(), value.into_owned()))
                });
                let (key, value) = decoded.ok_or(
                    "OTEL_RESOURCE_ATTRIBUTES: expected `key=value` pairs with commas between them",
                )?;
                resource.insert(key, value);
            }
        }
        if let Some(name) = self.get("OTEL_SERVICE_NAME") {
            resource.insert("service.name".to_owned(), name.to_owned());
        }
        telemetry.resource = resource.into_iter().collect();
        let unfollowed = UNFOLLOWED.iter();
        telemetry.ignored = unfollowed
            .filter(|(name, _)| self.0.contains_key(*name))
            .map(|(name, why)| format!("{name} is not followed: {why}"))
            .collect();
        Ok(())
    }

    /// How often metrics go.
    ///
    /// # Errors
    ///
    /// A value that is no number of milliseconds.
    pub(in crate::config) fn interval(&self) -> Result<Option<Duration>, String> {
        let name = "OTEL_METRIC_EXPORT_INTERVAL";
        self.get(name).map(|text| millis(name, text)).transpose()
    }

    /// Whether a caller's flag is followed is for the variable alone to say; the share, only where the file does not.
    fn sampler(&self, sample: &mut Sample, sampled: bool) -> Result<(), String> {
        let name = "OTEL_TRACES_SAMPLER";
        let Some(text) = self.get(name) else {
            return Ok(());
        };
        let bare = text.strip_prefix("parentbased_");
        sample.parent = bare.is_some();
        let (ratio, always) = match bare.unwrap_or(text) {
            "always_on" => (1.0, sample.always.clone()),
            "always_off" => (0.0, Vec::<Always>::new()),
            "traceidratio" => {
                let arg = "OTEL_TRACES_SAMPLER_ARG";
                let ratio = self.get(arg).map_or(Some(1.0), |text| {
                    text.parse()
                        .ok()
                        .filter(|ratio| (0.0..=1.0).contains(ratio))
                });
                let ratio = ratio.ok_or(format!("{arg}: expected a number from 0 to 1"))?;
                (ratio, sample.always.clone())
            }
            _ => {
                let text = text.escape_debug();
                return Err(format!("{name}: `{text}` is no sampler known here"));
            }
        };
        if !sampled {
            sample.ratio = ratio;
            sample.always = always;
        }
        Ok(())
    }

    /// The signal's own variable, or the one for all.
    fn otlp(&self, signal: Signal, what: &str) -> Option<(String, &str)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", upper(signal));
        let all = format!("OTEL_EXPORTER_OTLP_{what}");
        [own, all].into_iter().find_map(|name| {
            let text = self.0.get(&name)?.trim();
            Some((name, text))
        })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim())
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.get(name)
            .is_some_and(|text| text.eq_ignore_ascii_case(value))
    }
}

/// The endpoint of every signal that has none of its own.
const GENERIC: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

fn upper(signal: Signal) -> String {
    signal.name().to_ascii_uppercase()
}

fn millis(name: &str, text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("{name}: expected a number of milliseconds")),
        Ok(number) => Ok(Duration::from_millis(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment::of(pairs.iter().map(owned))
    }

    fn url(pairs: &[(&str, &str)], signal: Signal) -> Option<String> {
        let target = environment(pairs).target(signal).unwrap();
        target.map(|target| target.url.to_string())
    }

    #[test]
    fn a_signals_own_variable_goes_first_and_says_the_whole_address() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://all.example/otlp/");
        let own = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://own.example/x",
        );
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        for (pairs, signal, wanted) in [
            (
                &[all, own][..],
                Signal::Traces,
                Some("https://own.example/x"),
            ),
            (
                &[all, own],
                Signal::Logs,
                Some("https://all.example/otlp/v1/logs"),
            ),
            (&[own], Signal::Metrics, None),
            (&[own, grpc], Signal::Traces, Some("https://own.example/x")),
            (&[grpc], Signal::Traces, None),
            (&[], Signal::Traces, None),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "  ")],
                Signal::Traces,
                None,
            ),
            (
                &[grpc, ("OTEL_EXPORTER_OTLP_ENDPOINT", "a.example:4317")],
                Signal::Metrics,
                Some("https://a.example:4317/"),
            ),
            (
                &[("OTEL_TRACES_EXPORTER", "otlp")],
                Signal::Traces,
                Some("http://localhost:4318/v1/traces"),
            ),
            (
                &[grpc, ("OTEL_TRACES_EXPORTER", "otlp")],
                Signal::Traces,
                Some("http://localhost:4317/"),
            ),
        ] {
            assert_eq!(url(pairs, signal).as_deref(), wanted, "{pairs:?}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_said_and_no_secret_with_it() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x=hunter2%0A"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://u:hunter2@a.example",
            ),
        ] {
            let why = environment(&[endpoint, (name, value)])
                .target(Signal::Traces)
                .unwrap_err();
            assert!(why.starts_with(name) && !why.contains("hunter2"), "{why}");
        }
        let wants = |value| environment(&[("OTEL_LOGS_EXPORTER", value)]).wants(Signal::Logs);
        assert_eq!(
            (wants("otlp"), wants("none")),
            (Ok(Some(true)), Ok(Some(false)))
        );
        assert!(wants("console").is_err() && wants("") == Ok(None));
    }

    #[test]
    fn samplers() {
        let read = |sampler: &str, arg: &str, sampled: bool| {
            let pairs = [
                ("OTEL_TRACES_SAMPLER", sampler),
                ("OTEL_TRACES_SAMPLER_ARG", arg),
            ];
            let mut telemetry = Telemetry::default();
            telemetry.sample.ratio = 0.25;
            let done = environment(&pairs).complete(&mut telemetry, sampled);
            let sample = telemetry.sample;
            done.map(|()| (sample.ratio, sample.parent, sample.always.len()))
        };
        assert_eq!(read("", "", true), Ok((0.25, true, 3)));
        assert_eq!(read("traceidratio", "0.5", false), Ok((0.5, false, 3)));
        assert_eq!(read("traceidratio", "0.5", true), Ok((0.25, false, 3)));
        assert_eq!(
            read("parentbased_traceidratio", "", false),
            Ok((1.0, true, 3))
        );
        assert_eq!(read("parentbased_always_on", "", false), Ok((1.0, true, 3)));
        assert_eq!(read("always_off", "", false), Ok((0.0, false, 0)));
        assert!(read("jaeger_remote", "", false).is_err());
        assert!(read("traceidratio", "2", false).is_err());
    }
}

//! The keys of `[telemetry]` and the forms of its strings.

use crate::config::form::{DURATION, URL};
use crate::config::keys::{FILES, NETWORKS, PAIR};
use http::HeaderName;
use policy::shape::{Choice, Fault, Form, Key, Shape};

/// The name of a header.
const HEADER: Form = Form {
    name: "a header such as \"authorization\"",
    pattern: Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
    check: |text| match HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) if !of_transport(text) => Ok(()),
        Ok(_) => Err(Fault::new(
            format!("`{text}` belongs to the transport"),
            "name a header of the collector's own",
        )),
        Err(_) => Err(Fault::new(
            format!("`{}` is no header", text.escape_debug()),
            "write a name such as `authorization`",
        )),
    },
};

/// Headers by name, their values by reference.
pub(in crate::config) const HEADERS: Shape = Shape::Secrets(HEADER);

/// A key of W3C baggage.
const BAGGAGE: Form = Form {
    name: "a key of baggage",
    pattern: Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
    check: |text| match HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::new(
            format!("`{}` is no key of baggage", text.escape_debug()),
            "write letters, digits, `.`, `-` and `_`",
        )),
    },
};

const OTLP: &[Key] = &[
    Key::new(
        "endpoint",
        Shape::Text(URL),
        "The collector; over HTTP `/v1/traces` and so on are added.",
    )
    .required(),
    Key::new(
        "protocol",
        Shape::Choice(&[Choice::new("grpc"), Choice::new("http")]),
        "How messages travel: over gRPC, or HTTP with protobuf bodies.",
    )
    .default("\"grpc\""),
    Key::new(
        "headers",
        HEADERS,
        "Sent with every message; each is read from a file or a variable.",
    ),
    Key::new(
        "timeout",
        Shape::Text(DURATION),
        "For one message, connecting included.",
    )
    .default("\"10s\""),
    Key::new(
        "ca",
        FILES,
        "PEM files of roots beside the system's and the gateway's.",
    ),
    Key::new(
        "client_cert",
        Shape::Table(PAIR),
        "The certificate the gateway shows the collector.",
    ),
    Key::new(
        "allow_private",
        NETWORKS,
        "Networks the collector may be in though they are not public.",
    )
    .default("[]"),
];

const SAMPLE: &[Key] = &[
    Key::new(
        "ratio",
        Shape::Number,
        "The share of traces that get spans, 0 to 1.",
    )
    .default("1.0"),
    Key::new(
        "always",
        Shape::List(&Shape::Choice(&[
            Choice::new("deny"),
            Choice::new("error"),
            Choice::new("ask"),
        ])),
        "Calls that get a span though they were not sampled.",
    )
    .default("[\"deny\", \"error\", \"ask\"]"),
];

/// `[telemetry]`.
pub(crate) const TELEMETRY: &[Key] = &[
    Key::new(
        "otlp",
        Shape::Table(OTLP),
        "Where spans and metrics go; without it the `OTEL_*` variables say.",
    ),
    Key::new(
        "sample",
        Shape::OrTable(&Shape::Number, SAMPLE),
        "Which calls get spans: a share of all traces, or a table.",
    )
    .default("1.0"),
    Key::new(
        "baggage",
        Shape::List(&Shape::Text(BAGGAGE)),
        "Keys of inbound baggage that are passed on; all others are dropped.",
    )
    .default("[]"),
    Key::new("logs", Shape::Bool, "Whether log lines go over OTLP too.").default("false"),
    Key::new(
        "metrics",
        Shape::Text(DURATION),
        "How often metrics go over OTLP.",
    )
    .default("\"60s\""),
];

fn of_transport(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let known = [
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    known.contains(&lower.as_str()) || lower.starts_with("grpc-") || lower.ends_with("-bin")
}

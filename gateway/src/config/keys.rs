//! Every key of the file: one table that the check, the JSON Schema and the example are held against.

use super::audit::AUDIT;
use super::credential::CREDENTIAL;
use super::form::{ADDRESS, DURATION, HOST, INCLUDE, NETWORK, ORIGIN, PATH, PUBLIC_URL, SIZE, URL};
use super::identity::IDENTITY;
use super::state::{SHARED, WORDS};
use super::telemetry::TELEMETRY;
use policy::keys::{AGENTS, GROUPS, LIMITS, RULES, TESTS};
use policy::shape::{ANY, Choice, Key, Shape};

pub(super) const DURATION_KEY: Shape = Shape::Text(DURATION);
pub(super) const SIZE_KEY: Shape = Shape::Text(SIZE);
const COUNT: Shape = Shape::Integer(1, 1_000_000);
pub(super) const FILES: Shape = Shape::OneOrMany(&Shape::Text(PATH));
pub(super) const NETWORKS: Shape = Shape::List(&Shape::Text(NETWORK));

/// A certificate and its key.
pub(super) const PAIR: &[Key] = &[
    Key::new(
        "cert",
        Shape::Text(PATH),
        "The certificate and its chain, a PEM file.",
    )
    .required(),
    Key::new("key", Shape::SecretFile, "Its private key, a PEM file.").required(),
];

/// What agents are shown, and asked for.
const TLS: &[Key] = &[
    Key::new(
        "cert",
        Shape::Text(PATH),
        "The certificate and its chain, a PEM file.",
    ),
    Key::new("key", Shape::SecretFile, "Its private key, a PEM file."),
    Key::new(
        "svid",
        Shape::Text(ANY),
        "Instead of `cert` and `key`: the gateway's own SVID, of this `spiffe` identity.",
    ),
    Key::new(
        "client_ca",
        Shape::Text(PATH),
        "Every client must have a certificate of these authorities, a PEM file.",
    ),
];

const SEAL_KEY: &[Key] = &[
    Key::new("id", Shape::Text(ANY), "Names the key in what it seals.").required(),
    Key::new(
        "file",
        Shape::Text(PATH),
        "32 random bytes in base64: `hopgate key new`.",
    )
    .required(),
];

const BOUNDS: &[Key] = &[
    Key::new("body", SIZE_KEY, "The body of a request.").default("\"1MiB\""),
    Key::new(
        "answer",
        SIZE_KEY,
        "An answer that must be held or read whole.",
    )
    .default("\"16MiB\""),
    Key::new("event", SIZE_KEY, "One event of a stream.").default("\"1MiB\""),
    Key::new("depth", Shape::Integer(4, 128), "Nesting of a message.").default("64"),
    Key::new("members", COUNT, "Members of all objects of a message.").default("10000"),
    Key::new(
        "batch",
        Shape::Integer(1, 1_000),
        "Messages of a 2025-03-26 batch.",
    )
    .default("16"),
    Key::new("connections", COUNT, "Open client connections.").default("10000"),
    Key::new("calls", COUNT, "Calls without an answer yet.").default("10000"),
    Key::new(
        "lag",
        DURATION_KEY,
        "How late the gateway may get to what is ready, again and again, before it refuses calls.",
    )
    .default("\"20ms\""),
    Key::new("streams", COUNT, "Open streams.").default("10000"),
    Key::new(
        "tasks",
        COUNT,
        "Open tasks; beyond it the longest idle ones end early.",
    )
    .default("100000"),
];

const DEADLINES: &[Key] = &[
    Key::new(
        "header",
        DURATION_KEY,
        "The head of a request, and a TLS handshake.",
    )
    .default("\"10s\""),
    Key::new("body", DURATION_KEY, "The body of a request.").default("\"15s\""),
    Key::new("connect", DURATION_KEY, "A connection to a server.").default("\"5s\""),
    Key::new(
        "call",
        DURATION_KEY,
        "One call; stands still while a server waits for its client.",
    )
    .default("\"10m\""),
    Key::new("stream", DURATION_KEY, "One GET or listen stream.").default("\"24h\""),
    Key::new(
        "linger",
        DURATION_KEY,
        "After SIGTERM: still served, while balancers go elsewhere.",
    )
    .default("\"5s\""),
    Key::new(
        "drain",
        DURATION_KEY,
        "After that: what is open is finished.",
    )
    .default("\"30s\""),
    Key::new(
        "task",
        DURATION_KEY,
        "One task, from its opening or its principal's newest proof.",
    )
    .default("\"1h\""),
    Key::new("idle", DURATION_KEY, "A task in which nothing happens.").default("\"5m\""),
];

const SERVER_DEADLINES: &[Key] = &[
    Key::new("connect", DURATION_KEY, "A connection to this server."),
    Key::new("call", DURATION_KEY, "One call of this server."),
    Key::new(
        "stream",
        DURATION_KEY,
        "One GET or listen stream of this server.",
    ),
];

const GATEWAY: &[Key] = &[
    Key::new("listen", Shape::OneOrMany(&Shape::Text(ADDRESS)), "Where agents are served.").default("\"127.0.0.1:3000\""),
    Key::new("admin", Shape::Text(ADDRESS), "Where operators are served; never the agents' port.").default("\"127.0.0.1:15000\""),
    Key::new("public_url", Shape::Text(PUBLIC_URL), "What agents call the gateway; no path.").default("\"http://127.0.0.1:3000\""),
    Key::new("data_dir", Shape::Text(PATH), "Where state is kept; one process each.").default("\"hopgate-data\""),
    Key::new("state", Shape::OrTable(&Shape::Choice(WORDS), SHARED), "Where state is kept: in this process, or in a store that several gateways share.").default("\"memory\""),
    Key::new("limit", LIMITS, "How often anything may be called, and how many calls may be open at once: one or a list, all hold."),
    Key::new("tls", Shape::Table(TLS), "Serve agents over TLS; re-read when a file changes."),
    Key::new("hosts", Shape::List(&Shape::Text(HOST)), "Names accepted in `Host`; empty: the public URL's, and loopback names when listening there.").default("[]"),
    Key::new("origins", Shape::List(&Shape::Text(ORIGIN)), "Web origins that may call, by CORS.").default("[]"),
    Key::new("ca", FILES, "PEM files of roots beside the system's, for every server."),
    Key::new("allow_private", NETWORKS, "Networks that are not public and may be dialled all the same.").default("[]"),
    Key::later("trusted_proxies"),
    Key::new("keys", Shape::Rows(SEAL_KEY), "Keys that seal handles: the first seals, all open. Without them one is made in `data_dir`."),
    Key::new("admin_token", Shape::SecretFile, "Replaces the token in `data_dir`."),
    Key::new("metrics", Shape::Choice(&[Choice::new("token"), Choice::new("open")]), "Whether `/metrics` asks for the token.").default("\"token\""),
    Key::new("bounds", Shape::Table(BOUNDS), "How large things may be."),
    Key::new("deadlines", Shape::Table(DEADLINES), "How long things may take."),
];

const LOG: &[Key] = &[Key::new(
    "format",
    Shape::Choice(&[Choice::new("human"), Choice::new("json")]),
    "How log lines look.",
)
.default("\"human\"")];

const SERVER: &[Key] = &{
    let [tools, resources, prompts, methods, label, egress, untrusted] = policy::keys::SERVER;
    [
        Key::new(
            "url",
            Shape::Text(URL),
            "The MCP endpoint, over Streamable HTTP.",
        ),
        Key::new(
            "builtin",
            Shape::Choice(&[Choice::new("notes")]),
            "A sample server inside the gateway.",
        ),
        Key::new(
            "protocol",
            Shape::Choice(&[
                Choice::new("auto"),
                Choice::new("modern"),
                Choice::new("legacy"),
            ]),
            "What the server speaks; `auto` finds out.",
        )
        .default("\"auto\""),
        Key::new(
            "credential",
            Shape::Text(ANY),
            "The credential calls go out with, `[credentials.NAME]`; `none` says on purpose that there is none.",
        ),
        Key::new(
            "ca",
            FILES,
            "PEM files of roots beside the system's and the gateway's.",
        ),
        Key::new(
            "client_cert",
            Shape::Table(PAIR),
            "The certificate the gateway shows this server.",
        ),
        Key::new(
            "allow_private",
            NETWORKS,
            "Networks this server may be in though they are not public.",
        )
        .default("[]"),
        Key::new(
            "deadlines",
            Shape::Table(SERVER_DEADLINES),
            "This server's own deadlines.",
        ),
        Key::later("command"),
        Key::later("openapi"),
        Key::later("api"),
        Key::new(
            "agent",
            Shape::Text(ANY),
            "The agent this server is, where it is one: each call brings it a hop token.",
        ),
        Key::later("session_credential"),
        Key::new(
            "limit",
            LIMITS,
            "How often this server may be called, and how many calls to it may be open at once: one or a list, all hold.",
        ),
        tools,
        resources,
        prompts,
        methods,
        label,
        egress,
        untrusted,
    ]
};

/// The whole file.
pub(crate) const ROOT: &[Key] = &[
    Key::new(
        "include",
        Shape::OneOrMany(&Shape::Text(INCLUDE)),
        "More files with the same tables; `*` in the last part of a path stands for any name.",
    ),
    Key::new("gateway", Shape::Table(GATEWAY), "The gateway itself."),
    Key::new("log", Shape::Table(LOG), "The log, on standard error."),
    Key::new(
        "identities",
        Shape::Names(IDENTITY),
        "How callers prove who they are.",
    ),
    Key::new(
        "servers",
        Shape::Names(SERVER),
        "What agents call: `/servers/NAME/mcp`.",
    ),
    AGENTS,
    RULES,
    GROUPS,
    TESTS,
    Key::new(
        "audit",
        Shape::Table(AUDIT),
        "The records of what happened, in `data_dir/audit`.",
    ),
    Key::new(
        "telemetry",
        Shape::Table(TELEMETRY),
        "Spans, metrics and logs, over OTLP.",
    ),
    Key::new(
        "credentials",
        Shape::Names(CREDENTIAL),
        "What calls go out with, minted when a task needs it and revoked when it ends.",
    ),
];

//! One case for each method of each revision: what to send, and which pattern opens it.

use tests::Era;

/// Whether an answer is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has an id.
    Request,
    /// Has none.
    Notification,
    /// A server's request, which no client may send.
    ServerOnly,
}

/// One method.
#[derive(Debug)]
pub(super) struct Case {
    /// Its name.
    pub(super) method: &'static str,
    /// Valid parameters, without `_meta`.
    pub(super) params: &'static str,
    /// Request or notification.
    pub(super) kind: Kind,
    /// The pattern that opens it; `*` where reaching anything suffices; empty where another test shows it.
    pub(super) pattern: &'static str,
    /// In which eras a client sends it.
    pub(super) spoken: Spoken,
}

/// Eras of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// Up to 2025-11-25.
    Legacy,
    /// 2026-07-28.
    Modern,
    /// Throughout.
    Both,
}

// === impl Case ===

impl Case {
    /// The eras as agents know them.
    pub(super) fn eras(&self) -> &'static [Era] {
        match self.spoken {
            Spoken::Legacy => &[Era::Legacy],
            Spoken::Modern => &[Era::Modern],
            Spoken::Both => &[Era::Legacy, Era::Modern],
        }
    }
}

const fn request(
    method: &'static str,
    params: &'static str,
    pattern: &'static str,
    spoken: Spoken,
) -> Case {
    Case {
        method,
        params,
        kind: Kind::Request,
        pattern,
        spoken,
    }
}

const fn note(method: &'static str, params: &'static str, spoken: Spoken) -> Case {
    Case {
        method,
        params,
        kind: Kind::Notification,
        pattern: "",
        spoken,
    }
}

const fn server(method: &'static str, params: &'static str) -> Case {
    Case {
        method,
        params,
        kind: Kind::ServerOnly,
        pattern: "",
        spoken: Spoken::Legacy,
    }
}

use Spoken::{Both, Legacy, Modern};

const INITIALIZE: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}"#;
const COMPLETE: &str =
    r#"{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"a","value":"b"}}"#;
const ONE: &str = r#"{"uri":"up://one"}"#;
const TASK: &str = r#"{"taskId":"never-sealed"}"#;

/// All of them.
pub(super) const CASES: &[Case] = &[
    request("initialize", INITIALIZE, "", Legacy),
    request("server/discover", "{}", "*", Modern),
    request("ping", "{}", "*", Legacy),
    request("logging/setLevel", r#"{"level":"info"}"#, "*", Legacy),
    request("completion/complete", COMPLETE, "", Both),
    request("tools/list", "{}", "*", Both),
    request(
        "tools/call",
        r#"{"name":"echo","arguments":{}}"#,
        "up/echo",
        Both,
    ),
    request("resources/list", "{}", "*", Both),
    request("resources/templates/list", "{}", "*", Both),
    request("resources/read", ONE, "up/resource:up://one", Both),
    request("resources/subscribe", ONE, "up/resource:up://one", Legacy),
    request("resources/unsubscribe", ONE, "up/resource:up://one", Legacy),
    request("prompts/list", "{}", "*", Both),
    request(
        "prompts/get",
        r#"{"name":"greet"}"#,
        "up/prompt:greet",
        Both,
    ),
    request(
        "subscriptions/listen",
        r#"{"notifications":{"toolsListChanged":true}}"#,
        "",
        Modern,
    ),
    request("tasks/get", TASK, "", Both),
    request("tasks/result", TASK, "", Legacy),
    request("tasks/list", "{}", "", Legacy),
    request("tasks/cancel", TASK, "", Both),
    request(
        "tasks/update",
        r#"{"taskId":"never-sealed","inputResponses":{}}"#,
        "",
        Modern,
    ),
    note("notifications/initialized", "{}", Legacy),
    note("notifications/cancelled", r#"{"requestId":1}"#, Both),
    note(
        "notifications/progress",
        r#"{"progressToken":1,"progress":1}"#,
        Both,
    ),
    note("notifications/roots/list_changed", "{}", Legacy),
    note(
        "notifications/message",
        r#"{"level":"info","data":1}"#,
        Both,
    ),
    note("notifications/tools/list_changed", "{}", Both),
    note("notifications/prompts/list_changed", "{}", Both),
    note("notifications/resources/list_changed", "{}", Both),
    note("notifications/resources/updated", ONE, Both),
    note(
        "notifications/elicitation/complete",
        r#"{"elicitationId":"x"}"#,
        Legacy,
    ),
    note(
        "notifications/tasks/status",
        r#"{"taskId":"never-sealed","status":"working"}"#,
        Legacy,
    ),
    note(
        "notifications/tasks",
        r#"{"taskId":"never-sealed","status":"working"}"#,
        Modern,
    ),
    note(
        "notifications/subscriptions/acknowledged",
        r#"{"notifications":{}}"#,
        Modern,
    ),
    server("sampling/createMessage", r#"{"messages":[],"maxTokens":1}"#),
    server(
        "elicitation/create",
        r#"{"message":"x","requestedSchema":{"type":"object","properties":{}}}"#,
    ),
    server("roots/list", "{}"),
];

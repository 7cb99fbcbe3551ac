//! Where a server may put what it sends back: `ECHO` stands for it, `ID` for the id it is asked under.

/// A place in an answer.
pub(super) struct Carrier {
    pub(super) name: &'static str,
    /// Status and headers, each with its end.
    pub(super) head: &'static str,
    pub(super) body: &'static str,
    pub(super) trailers: &'static str,
    pub(super) shown: Shown,
    /// Whether an agent finds `result.x` in it where nothing is amiss.
    pub(super) passes: bool,
}

/// What an agent sees in its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// An error with its status.
    Refusal,
    /// An error event on a stream.
    Event,
    /// An end that is none.
    Nothing,
}

const JSON: &str = "200 OK\r\nContent-Type: application/json\r\n";
const EVENTS: &str = "200 OK\r\nContent-Type: text/event-stream\r\n";
const FINE: &str = r#"{"jsonrpc":"2.0","id":ID,"result":{}}"#;

pub(super) const CARRIERS: [Carrier; 22] = [
    passing(
        "a result",
        JSON,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"x":"ECHO"}}"#,
        Shown::Refusal,
    ),
    passing(
        "a large result",
        JSON,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"y":"MUCH","x":"ECHO"}}"#,
        Shown::Nothing,
    ),
    passing(
        "an event",
        EVENTS,
        "data: {\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"x\":\"ECHO\"}}\n\n",
        Shown::Event,
    ),
    body(
        "structured content",
        JSON,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"content":[],"structuredContent":{"env":{"k":["ECHO"]}}}}"#,
    ),
    body(
        "the name of a member",
        JSON,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"ECHO":1}}"#,
    ),
    body(
        "a state that is sealed",
        JSON,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"input_required","requestState":"ECHO"}}"#,
    ),
    body(
        "before the id",
        JSON,
        r#"{"x":"ECHO","jsonrpc":"2.0","id":ID,"result":{}}"#,
    ),
    body(
        "an error",
        JSON,
        r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"bad ECHO"}}"#,
    ),
    body(
        "an error of the request",
        "400 Bad Request\r\nContent-Type: application/json\r\n",
        r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"m","data":"ECHO"}}"#,
    ),
    body(
        "a page",
        "500 Oops\r\nContent-Type: text/html\r\n",
        "<pre>Authorization: Bearer ECHO</pre>",
    ),
    body("text", "200 OK\r\nContent-Type: text/plain\r\n", "ECHO"),
    body("no JSON", JSON, "Traceback: {'token': ECHO}"),
    body(
        "who is not let in",
        "401 No\r\nContent-Type: application/json\r\n",
        r#"{"error":"ECHO is no token"}"#,
    ),
    body(
        "a header that passes",
        "200 OK\r\nContent-Type: application/json\r\nCache-Control: private, x=ECHO\r\n",
        FINE,
    ),
    body(
        "a header that does not",
        "200 OK\r\nContent-Type: application/json\r\nX-Debug: ECHO\r\n",
        FINE,
    ),
    body(
        "a way elsewhere",
        "307 Go\r\nLocation: https://example.com/?t=ECHO\r\n",
        "",
    ),
    Carrier {
        trailers: "X-Trailer: ECHO\r\n",
        ..body(
            "a trailer",
            "200 OK\r\nContent-Type: application/json\r\nTrailer: X-Trailer\r\n",
            FINE,
        )
    },
    event("an id", "id: ECHO\ndata:\n\n"),
    event("a comment", ": ECHO\n\n"),
    event("a field nobody knows", "debug: ECHO\ndata:\n\n"),
    event(
        "a notification",
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"ECHO\"}}\n\n",
    ),
    event(
        "with the answer",
        "data: {\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{}}\nid: ECHO\n\n",
    ),
];

/// It says so, whatever it is.
pub(super) const COMPRESSED: Carrier = body(
    "a compressed answer",
    "200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n",
    FINE,
);

const fn body(name: &'static str, head: &'static str, body: &'static str) -> Carrier {
    Carrier {
        name,
        head,
        body,
        trailers: "",
        shown: Shown::Refusal,
        passes: false,
    }
}

const fn event(name: &'static str, events: &'static str) -> Carrier {
    Carrier {
        shown: Shown::Event,
        ..body(name, EVENTS, events)
    }
}

const fn passing(
    name: &'static str,
    head: &'static str,
    text: &'static str,
    shown: Shown,
) -> Carrier {
    Carrier {
        shown,
        passes: true,
        ..body(name, head, text)
    }
}

//! The names of attributes: those of the MCP conventions, and hopgate's own.

/// `tools/call` and so on.
pub const METHOD: &str = "mcp.method.name";
/// The revision that side speaks.
pub const REVISION: &str = "mcp.protocol.version";
/// The session, up to 2025-11-25.
pub const SESSION: &str = "mcp.session.id";
/// A resource.
pub const RESOURCE: &str = "mcp.resource.uri";
/// A tool.
pub const TOOL: &str = "gen_ai.tool.name";
/// A prompt.
pub const PROMPT: &str = "gen_ai.prompt.name";
/// `execute_tool`, on `tools/call`.
pub const OPERATION: &str = "gen_ai.operation.name";
/// The id of a request, as text.
pub const REQUEST: &str = "jsonrpc.request.id";
/// What went wrong, by its class.
pub const ERROR: &str = "error.type";
/// The code of a JSON-RPC error, as text.
pub const CODE: &str = "rpc.response.status_code";
/// The method of an HTTP request, on its own span.
pub const HTTP_METHOD: &str = "http.request.method";
/// `tcp` or `pipe`.
pub const TRANSPORT: &str = "network.transport";
/// `http`.
pub const PROTOCOL: &str = "network.protocol.name";
/// `1.1` or `2`.
pub const PROTOCOL_VERSION: &str = "network.protocol.version";
/// The server called, on spans of kind CLIENT.
pub const SERVER_ADDRESS: &str = "server.address";
/// Its port.
pub const SERVER_PORT: &str = "server.port";
/// The caller, on spans of kind SERVER.
pub const CLIENT_ADDRESS: &str = "client.address";

/// The agent that calls.
pub const AGENT: &str = "hopgate.agent";
/// The user it acts for.
pub const USER: &str = "hopgate.user";
/// The chain, oldest agent first.
pub const CHAIN: &str = "hopgate.chain";
/// The place of the call in its chain: 1 for the first.
pub const HOP: &str = "hopgate.hop";
/// The task.
pub const TASK: &str = "hopgate.task";
/// The call: the `Hopgate-Call` of its answer.
pub const CALL: &str = "hopgate.call";
/// The server, as the configuration names it.
pub const SERVER: &str = "hopgate.server";
/// `allow`, `ask` or `deny`.
pub const DECISION: &str = "hopgate.decision";
/// The rule that decided.
pub const RULE: &str = "hopgate.rule";
/// The credential a call went out with, by its name.
pub const CREDENTIAL: &str = "hopgate.credential";
/// The lease a call went out with.
pub const LEASE: &str = "hopgate.lease";
/// The kind of refusal.
pub const REFUSAL: &str = "hopgate.refusal";
/// The highest label the task has touched.
pub const LABEL: &str = "hopgate.label";
/// The digest of the snapshot it was judged under.
pub const SNAPSHOT: &str = "hopgate.snapshot";
/// How the call ended, in the words of its record.
pub const ENDING: &str = "hopgate.ending";
/// Why a task ended.
pub const CAUSE: &str = "hopgate.cause";
/// How many calls a task had.
pub const CALLS: &str = "hopgate.calls";
/// Seconds a task was open.
pub const AGE: &str = "hopgate.age";

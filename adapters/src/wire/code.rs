//! JSON-RPC and MCP error codes.

/// Not JSON, or JSON that could mean two things.
pub const PARSE_ERROR: i64 = -32700;
/// JSON, but no message.
pub const INVALID_REQUEST: i64 = -32600;
/// No such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters do not fit the method.
pub const INVALID_PARAMS: i64 = -32602;
/// Resource not found, up to 2025-11-25.
pub const RESOURCE_NOT_FOUND: i64 = -32002;
/// A header and the body say different things.
pub const HEADER_MISMATCH: i64 = -32020;
/// The request needs a capability its client did not declare.
pub const MISSING_REQUIRED_CLIENT_CAPABILITY: i64 = -32021;
/// The revision is not spoken here.
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;

//! What went wrong in an operation, as spans and metrics say it: the error table of the MCP conventions.
//!
//! The conventions leave open which JSON-RPC errors are the server's fault. Here: whoever called sees every error as
//! one; whoever was called does not where the code says that the caller was wrong.

use adapters::wire::code;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A JSON-RPC error with this code.
    Code(i64),
    /// A tool result that says it failed.
    Tool,
    /// Not done at its deadline.
    Timeout,
    /// No connection, or none that may be made.
    Connect,
    /// The connection broke.
    Broken,
    /// An answer that is none.
    Answer,
    /// The caller went away, or took its request back.
    Cancelled,
    /// Anything else.
    Other,
}

/// On which side of an operation somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Called: the gateway towards agents.
    Server,
    /// Calling: the gateway towards servers.
    Client,
}

/// Codes of JSON-RPC and MCP that metrics know by number; all others are `_OTHER` there.
const KNOWN: [i64; 11] = [
    code::PARSE_ERROR,
    code::INVALID_REQUEST,
    code::METHOD_NOT_FOUND,
    code::INVALID_PARAMS,
    INTERNAL,
    SERVER,
    code::RESOURCE_NOT_FOUND,
    code::HEADER_MISMATCH,
    code::MISSING_REQUIRED_CLIENT_CAPABILITY,
    code::UNSUPPORTED_PROTOCOL_VERSION,
    URL_ELICITATION,
];
const INTERNAL: i64 = -32603;
const SERVER: i64 = -32000;
const URL_ELICITATION: i64 = -32042;
/// Faults that are no code, in the order of `index`.
const CLASSES: [&str; 7] = [
    "tool_error",
    "timeout",
    "connect_error",
    "connection_broken",
    "invalid_answer",
    "cancelled",
    "_OTHER",
];

// === impl Fault ===

impl Fault {
    /// Whether the operation failed on this side.
    #[must_use]
    pub fn is_error(self, side: Side) -> bool {
        match (side, self) {
            (Side::Client, _) => true,
            (Side::Server, Self::Cancelled) => false,
            (Side::Server, Self::Code(number)) => !matches!(
                number,
                code::PARSE_ERROR
                    | code::INVALID_REQUEST
                    | code::METHOD_NOT_FOUND
                    | code::INVALID_PARAMS
                    | code::RESOURCE_NOT_FOUND
            ),
            (Side::Server, _) => true,
        }
    }

    /// The code of a JSON-RPC error.
    #[must_use]
    pub fn code(self) -> Option<i64> {
        match self {
            Self::Code(number) => Some(number),
            _ => None,
        }
    }

    /// What is no code, by its class.
    #[must_use]
    pub fn class(self) -> Option<&'static str> {
        let at = match self {
            Self::Code(_) => return None,
            other => other.class_index(),
        };
        CLASSES.get(at).copied()
    }

    fn class_index(self) -> usize {
        match self {
            Self::Tool => 0,
            Self::Timeout => 1,
            Self::Connect => 2,
            Self::Broken => 3,
            Self::Answer => 4,
            Self::Cancelled => 5,
            Self::Code(_) | Self::Other => 6,
        }
    }

    /// A small number for the fault as metrics know it; never 0.
    pub(super) fn small(self) -> u8 {
        let at = match self {
            Self::Code(number) => match KNOWN.iter().position(|known| *known == number) {
                Some(at) => at,
                None => KNOWN.len(),
            },
            other => KNOWN
                .len()
                .saturating_add(1)
                .saturating_add(other.class_index()),
        };
        u8::try_from(at.saturating_add(1)).unwrap_or(u8::MAX)
    }

    /// As `is_error`, of the fault as metrics know it.
    pub(super) fn is_error_small(small: u8, side: Side) -> bool {
        let at = usize::from(small).checked_sub(1);
        match at.and_then(|at| KNOWN.get(at)) {
            Some(number) => Self::Code(*number).is_error(side),
            None => side == Side::Client || small != Self::Cancelled.small(),
        }
    }

    /// What metrics call the fault of a small number: its type, and its code where it is one.
    pub(super) fn told(small: u8) -> Option<(String, Option<String>)> {
        let at = usize::from(small.checked_sub(1)?);
        if let Some(number) = KNOWN.get(at) {
            return Some((number.to_string(), Some(number.to_string())));
        }
        let other = super::metrics::OTHER;
        match at.checked_sub(KNOWN.len())? {
            0 => Some((other.to_owned(), Some(other.to_owned()))),
            class => {
                let class = CLASSES.get(class.checked_sub(1)?)?;
                Some(((*class).to_owned(), None))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSED: [Fault; 7] = [
        Fault::Tool,
        Fault::Timeout,
        Fault::Connect,
        Fault::Broken,
        Fault::Answer,
        Fault::Cancelled,
        Fault::Other,
    ];

    /// The rows of the conventions' table, and which side calls them errors.
    #[test]
    fn whose_fault_it_is() {
        for (fault, server) in [
            (Fault::Code(-32700), false),
            (Fault::Code(-32600), false),
            (Fault::Code(-32601), false),
            (Fault::Code(-32602), false),
            (Fault::Code(-32002), false),
            (Fault::Code(-32603), true),
            (Fault::Code(-32000), true),
            (Fault::Code(-32020), true),
            (Fault::Code(-32042), true),
            (Fault::Code(-32099), true),
            (Fault::Code(7), true),
            (Fault::Tool, true),
            (Fault::Timeout, true),
            (Fault::Connect, true),
            (Fault::Broken, true),
            (Fault::Answer, true),
            (Fault::Cancelled, false),
            (Fault::Other, true),
        ] {
            assert_eq!(fault.is_error(Side::Server), server, "{fault:?}");
            assert!(fault.is_error(Side::Client), "{fault:?}");
        }
    }

    #[test]
    fn metrics_know_a_fault_by_a_small_number() {
        for number in KNOWN {
            let told = Fault::told(Fault::Code(number).small()).unwrap();
            assert_eq!(told, (number.to_string(), Some(number.to_string())));
        }
        for fault in CLASSED {
            let told = Fault::told(fault.small()).unwrap();
            assert_eq!((Some(told.0.as_str()), told.1), (fault.class(), None));
        }
        let other = ("_OTHER".to_owned(), Some("_OTHER".to_owned()));
        for number in [-1, 0, 7, i64::MAX, -32099] {
            assert_eq!(
                Fault::told(Fault::Code(number).small()),
                Some(other.clone())
            );
        }
        assert_eq!(Fault::told(0), None);
        let codes = KNOWN.into_iter().chain([7]).map(Fault::Code);
        for fault in codes.chain(CLASSED) {
            for side in [Side::Server, Side::Client] {
                let small = Fault::is_error_small(fault.small(), side);
                assert_eq!(small, fault.is_error(side), "{fault:?} {side:?}");
            }
        }
    }
}

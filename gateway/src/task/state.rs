//! What is sealed into a `requestState`: the server's own, and where the call stands in its trace that it was given to,
//! so that the retry can be linked to it.

use crate::telemetry::trace::TraceContext;
use opentelemetry::trace::{SpanId, TraceId};

/// Nothing is known of the call's trace.
const BARE: u8 = 0;
/// The ids of its trace and span come first.
const TRACED: u8 = 1;

/// What is sealed.
pub(crate) fn write(own: &str, trace: Option<&TraceContext>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(own.len() + 25);
    match trace {
        Some(context) => {
            bytes.push(TRACED);
            bytes.extend_from_slice(&context.trace_id.to_bytes());
            bytes.extend_from_slice(&context.span_id.to_bytes());
        }
        None => bytes.push(BARE),
    }
    bytes.extend_from_slice(own.as_bytes());
    bytes
}

/// What was sealed; none for what was not written here.
pub(super) fn read(bytes: &[u8]) -> Option<(Option<TraceContext>, &[u8])> {
    match bytes.split_first()? {
        (&BARE, own) => Some((None, own)),
        (&TRACED, rest) => {
            let (trace, rest) = rest.split_first_chunk()?;
            let (span, own) = rest.split_first_chunk()?;
            let context = TraceContext {
                trace_id: TraceId::from_bytes(*trace),
                span_id: SpanId::from_bytes(*span),
                sampled: true,
                random: false,
                state: None,
            };
            Some((Some(context), own))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let context = TraceContext::root(true);
        assert_eq!(read(&write("own", None)), Some((None, b"own".as_slice())));
        let sealed = write("own", Some(&context));
        let (trace, own) = read(&sealed).unwrap();
        let trace = trace.unwrap();
        assert_eq!(
            (trace.trace_id, trace.span_id),
            (context.trace_id, context.span_id)
        );
        assert_eq!(own, b"own");
        for broken in [&b""[..], b"\x02own", b"\x01short"] {
            assert_eq!(read(broken), None);
        }
    }
}

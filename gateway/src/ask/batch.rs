//! A 2025-03-26 batch: sorted into calls of their own. Every other revision sends one message at a time.

use super::{Ask, Context, Read, Reading, Said};
use crate::pipeline::Refusal;
use adapters::wire::Method;
use adapters::wire::revision::{Era, Revision};
use bytes::Bytes;

/// Sorts the items of a batch.
///
/// # Errors
///
/// One refusal for the whole: a revision without batches, too many items, `initialize` among them, a modern message.
pub(super) fn read(context: Context, body: &Bytes) -> Result<Reading, Refusal> {
    let version = context.headers.get("mcp-protocol-version");
    if version
        .is_some_and(|version| version.as_bytes() != Revision::V2025_03_26.as_str().as_bytes())
    {
        return Err(Refusal::Invalid("only revision 2025-03-26 has batches"));
    }
    let bounds = &context.snapshot.scan_bounds;
    let most = context.snapshot.config.gateway.bounds.batch;
    let items = adapters::wire::read_batch(body, bounds, most).map_err(Refusal::Malformed)?;
    let mut items_read = Vec::with_capacity(items.len());
    for (span, message) in items {
        let said = Said::new(body.slice(span.range()), message, bounds, &context.headers)?;
        if said.method == Some(Method::Initialize) {
            return Err(Refusal::Invalid("`initialize` must not be part of a batch"));
        }
        if said.era == Era::Modern {
            return Err(Refusal::Invalid("only revision 2025-03-26 has batches"));
        }
        items_read.push(Read::new(context.clone(), Ask::Say(Box::new(said))));
    }
    Ok(Reading::Batch(items_read))
}

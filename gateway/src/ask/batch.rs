//! A 2025-03-26 batch: sorted into calls of their own. Every other revision sends one message at a time.

use super::{Ask, Context, Read, Reading, Said};
use crate::pipeline::Refusal;
use adapters::wire::revision::{Era, Revision};
use adapters::wire::{Class, Member, Message, Method, Span};
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
    mixed(body, &items)?;
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

/// A batch asks or answers, never both, and no two of its requests have one id.
fn mixed(body: &[u8], items: &[(Span, Message)]) -> Result<(), Refusal> {
    let answers = |message: &Message| matches!(message.class(), Class::Result | Class::Error);
    let count = items.iter().filter(|(_, message)| answers(message)).count();
    if count != 0 && count != items.len() {
        return Err(Refusal::Invalid(
            "a batch holds requests or responses, not both",
        ));
    }
    let mut ids: Vec<&[u8]> = items
        .iter()
        .filter_map(|(span, message)| message.slice(Member::Id, span.of(body)))
        .collect();
    ids.sort_unstable();
    let twice = ids.windows(2).any(|pair| pair.first() == pair.last());
    if twice {
        Err(Refusal::Invalid("two messages of a batch have one id"))
    } else {
        Ok(())
    }
}

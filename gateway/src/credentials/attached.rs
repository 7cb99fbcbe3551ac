//! The credential of one call, from the stage that attached it to the last byte of its answer.

use super::lease::Use;
use super::supervisor::Cause;
use crate::ask::Said;
use crate::audit::secret::Leased;
use crate::pipeline::{Denial, Refusal};
use adapters::secret::Secret;
use adapters::upstream::{Exchange, Upstream};
use adapters::wire::echo::Patterns;
use adapters::wire::splice::Edit;
use adapters::wire::{Member, Method, array, text};
use std::sync::Arc;

/// The credential of one call.
#[derive(Debug)]
pub(crate) struct Attached {
    held: Use,
    /// The credential as an argument of the tool, where it goes there.
    argument: Option<Edit>,
}

// === impl Attached ===

impl Attached {
    /// The credential of a call that asks this.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`] where the caller brings the argument that the credential goes in.
    pub(super) fn new(held: Use, said: Option<&Said>) -> Result<Self, Refusal> {
        let argument = match (held.lease().ready.argument(), said) {
            (Some((name, value)), Some(said)) => argument(said, name, value)?,
            _ => None,
        };
        Ok(Self { held, argument })
    }

    /// The server, over connections nobody else's calls are on.
    pub(crate) fn upstream(&self) -> &Arc<dyn Upstream> {
        self.held.lease().ready.upstream()
    }

    /// Puts the credential into an exchange, which may then go to the origin it is bound to and nowhere else.
    pub(crate) fn dress(&self, exchange: Exchange) -> Exchange {
        self.held.lease().ready.dress(exchange)
    }

    /// The credential as an argument of the tool, where it goes there.
    pub(crate) fn argument(&self) -> Option<&Edit> {
        self.argument.as_ref()
    }

    /// What no answer may hold; none where every secret is too short to tell.
    pub(crate) fn patterns(&self) -> Option<&Arc<Patterns>> {
        self.held.lease().ready.patterns()
    }

    /// Its server sent it back: it is revoked, whoever uses it.
    pub(crate) fn betrayed(&self) {
        self.held.lease().end(Cause::Echo);
    }

    /// As records name it.
    pub(crate) fn leased(&self) -> Leased {
        let lease = self.held.lease();
        Leased {
            id: lease.account.id(),
            credential: Arc::clone(&lease.source.name),
        }
    }
}

/// The credential as an argument of the tool that is called; whatever else is asked goes without.
fn argument(said: &Said, name: &str, value: &Secret) -> Result<Option<Edit>, Refusal> {
    let params = said.message.span(Member::Params);
    let (Some(Method::ToolsCall), Some(params)) = (said.method, params) else {
        return Ok(None);
    };
    let value = value.text().unwrap_or_default();
    let member = format!("{}:{value}", text::quote(name));
    let Some(arguments) = said.message.span(Member::Arguments) else {
        let whole = format!("\"arguments\":{{{member}}},");
        return Ok(Some(Edit::insert(params.inside(), whole)));
    };
    if arguments.of(&said.body).first() != Some(&b'{') {
        return Err(Refusal::ParamMissing("arguments"));
    }
    let members = array::members(&said.body, arguments);
    let says = |key: &adapters::wire::Span| text::says(key.of(&said.body), name);
    if members.iter().any(|(key, _)| says(key)) {
        return Err(Refusal::Denied(Denial {
            rule: None,
            message: format!("the argument `{name}` is not the caller's to give"),
        }));
    }
    let comma = if members.is_empty() { "" } else { "," };
    Ok(Some(Edit::insert(
        arguments.inside(),
        format!("{member}{comma}"),
    )))
}

//! Stage 4, may they: one decision, of the policy crate, over what this very message asks.
//!
//! Nothing is allowed that is not in the method table, nothing is sent without the policy's grant, and a caller that
//! may reach nothing on a server cannot tell it from one that does not exist.

mod request;
mod sight;

pub(crate) use sight::{Sight, Verdict};

use crate::ask::Ask;
use crate::pipeline::{Evidence, Record, Refusal};
use crate::snapshot::Server;
use crate::task::{Bound, Tasks};
use adapters::wire::splice::Edit;
use adapters::wire::{Class, Member, Method};
use policy::{Decision, Grant, Reason, model};
use std::sync::Arc;

/// A call the policy has granted. Made only by [`decide`].
#[derive(Debug)]
pub(crate) struct Authorized {
    bound: Bound,
    server: Arc<Server>,
    grant: Grant,
    /// What the caller may not listen to, taken off the request.
    cuts: Vec<Edit>,
}

/// Decides whether this call may pass, and notes in its task what it touches.
///
/// # Errors
///
/// The [`Refusal`] the caller's view of the server calls for; [`Refusal::Unkept`].
pub(crate) async fn decide(bound: Bound, tasks: &Tasks) -> Result<Authorized, Refusal> {
    let context = bound.asked().context();
    let Some(server) = context.server.clone() else {
        return Err(Refusal::ServerUnknown);
    };
    let sight = Sight::of(&bound);
    let (grant, class) = grant(&bound, sight)?;
    let mut cuts = Vec::new();
    if let Some(said) = bound.asked().said() {
        match said.class() {
            Class::Notification => request::notification(&bound, said)?,
            Class::Result | Class::Error => request::response(&bound, said)?,
            Class::Request if said.method == Some(Method::SubscriptionsListen) => {
                cuts =
                    sight.cut_listen(&said.body, said.message.span(Member::ResourceSubscriptions));
            }
            Class::Request => {}
        }
    }
    if let Some(class) = class {
        let policy = &bound.asked().context().snapshot.config.policy;
        tasks.touch(bound.task(), class, policy).await?;
    }
    Ok(Authorized {
        bound,
        server,
        grant,
        cuts,
    })
}

/// What rules that are only counted would make of this call, where there are any.
pub(crate) fn shadow(bound: &Bound) -> Option<policy::Shadow> {
    let sight = Sight::of(bound);
    if !sight.has_shadows() {
        return None;
    }
    let target = request::target(bound).ok()?;
    let target = target.as_policy();
    let calls = target != policy::Target::Server;
    calls
        .then(|| sight.shadow(target, request::arguments(bound)))
        .flatten()
}

/// The policy's grant, and of a call what it touches. Who is refused a call and reaches nothing of the server learns
/// that there is no such server.
fn grant(bound: &Bound, sight: Sight<'_>) -> Result<(Grant, Option<model::Class>), Refusal> {
    let unknown = match request::target(bound) {
        Ok(target) => match sight.decide(target.as_policy(), request::arguments(bound)) {
            Decision::Allow(grant) => return Ok((grant, target.touches(bound, sight))),
            refused => target.refuse(refused, bound.asked().context()),
        },
        Err(refusal) => refusal,
    };
    match sight.decide(policy::Target::Server, None) {
        Decision::Deny(denial) => Err(match denial.reason() {
            Reason::Depth { most } => Refusal::ChainTooDeep { most: *most },
            _ => Refusal::ServerUnknown,
        }),
        Decision::Allow(_) | Decision::Ask(_) => Err(unknown),
    }
}

// === impl Authorized ===

impl Authorized {
    /// The request and what it belongs to.
    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Where it goes.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// What is taken off the request because the caller may not have it.
    pub(crate) fn cuts(&self) -> &[Edit] {
        &self.cuts
    }

    /// Whether the answer is a stream by its nature.
    pub(crate) fn opens_stream(&self) -> bool {
        match self.bound.asked().ask() {
            Ask::Listen => true,
            Ask::End => false,
            Ask::Say(said) => said.method == Some(Method::SubscriptionsListen),
        }
    }
}

impl Evidence for Authorized {
    fn note(&self, record: &mut Record) {
        record.rule = Some(Arc::clone(self.grant.rule()));
    }
}

//! Stage 4, may they: one decision, of the policy crate, over what this very message asks.
//!
//! Nothing is allowed that is not in the method table, nothing is sent without the policy's grant, and a caller that
//! may reach nothing on a server cannot tell it from one that does not exist.

mod request;
mod sight;

pub(crate) use sight::{Sight, Verdict};

use crate::ask::Ask;
use crate::audit::Decided;
use crate::pipeline::{Evidence, Record, Refusal, Step};
use crate::snapshot::Server;
use crate::task::{Bound, Tasks};
use adapters::wire::splice::Edit;
use adapters::wire::{Class, Member, Method};
use policy::json::Json;
use policy::{Decision, Grant, Reason, model};
use std::borrow::Cow;
use std::sync::Arc;

/// A call the policy has granted. Made only by [`authorize`].
#[derive(Debug)]
pub(crate) struct Authorized {
    bound: Bound,
    server: Arc<Server>,
    grant: Grant,
    /// What the caller may not listen to, taken off the request.
    cuts: Vec<Edit>,
}

/// What the policy says of a call, before anything is done about it.
#[derive(Debug)]
pub(crate) struct Judged {
    decided: Option<Decided>,
    /// What rules that are only counted would make of it, where there are any.
    shadow: Option<policy::Shadow>,
    /// Its grant, and of a call what it touches; or what its caller learns instead.
    verdict: Result<(Grant, Option<model::Class>), Refusal>,
}

/// Decides whether this call may pass.
pub(crate) fn judge(bound: &Bound) -> Judged {
    let mut judged = Judged {
        decided: None,
        shadow: None,
        verdict: Err(Refusal::ServerUnknown),
    };
    if bound.asked().context().server.is_none() {
        return judged;
    }
    let sight = Sight::of(bound);
    let unknown = match request::target(bound) {
        Ok(target) => {
            let arguments = request::arguments(bound);
            let decision = sight.decide(target.as_policy(), arguments);
            judged.decided = Some(Decided::of(&decision, sight.touched()));
            judged.shadow = shadow(sight, target.as_policy(), arguments);
            match decision {
                Decision::Allow(grant) => {
                    judged.verdict = Ok((grant, target.touches(bound, sight)));
                    return judged;
                }
                refused => target.refuse(refused, bound.asked().context()),
            }
        }
        Err(refusal) => refusal,
    };
    judged.verdict = Err(hidden(sight, unknown));
    judged
}

/// Lets a granted call pass, and notes in its task what it touches.
///
/// # Errors
///
/// The [`Refusal`] the caller's view of the server calls for; [`Refusal::Unkept`].
pub(crate) async fn authorize(
    bound: Bound,
    judged: Judged,
    tasks: &Tasks,
) -> Result<Authorized, Refusal> {
    let (grant, class) = judged.verdict?;
    let Some(server) = bound.asked().context().server.clone() else {
        return Err(Refusal::ServerUnknown);
    };
    let mut cuts = Vec::new();
    if let Some(said) = bound.asked().said() {
        match said.class() {
            Class::Notification => request::notification(&bound, said)?,
            Class::Result | Class::Error => request::response(&bound, said, tasks).await?,
            Class::Request if said.method == Some(Method::SubscriptionsListen) => {
                let wanted = said.message.span(Member::ResourceSubscriptions);
                cuts = Sight::of(&bound).cut_listen(&said.body, wanted);
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

/// What rules that are only counted would make of a call, where there are any.
fn shadow(
    sight: Sight<'_>,
    target: policy::Target<'_>,
    arguments: Option<Json<'_>>,
) -> Option<policy::Shadow> {
    let calls = target != policy::Target::Server && sight.has_shadows();
    calls.then(|| sight.shadow(target, arguments)).flatten()
}

/// Who is refused a call and reaches nothing of the server learns that there is no such server.
fn hidden(sight: Sight<'_>, unknown: Refusal) -> Refusal {
    match sight.decide(policy::Target::Server, None) {
        Decision::Deny(denial) => match denial.reason() {
            Reason::Depth { most } => Refusal::ChainTooDeep { most: *most },
            _ => Refusal::ServerUnknown,
        },
        Decision::Allow(_) | Decision::Ask(_) => unknown,
    }
}

// === impl Judged ===

impl Judged {
    /// Notes it, whether or not the call may pass.
    pub(crate) fn tell(&mut self, record: &mut Record) {
        record.decided = self.decided.take();
        record.shadow = self.shadow.take();
    }
}

// === impl Authorized ===

impl Authorized {
    /// The request and what it belongs to.
    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// What the policy has granted.
    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Where it goes.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// What is taken off the request because the caller may not have it.
    pub(crate) fn cuts(&self) -> &[Edit] {
        &self.cuts
    }

    /// What it concerns on its server: of what kind, and its name, of resources however they are written. Nothing where it
    /// concerns the server itself.
    pub(crate) fn concerns(&self) -> (&'static str, Cow<'_, str>) {
        match request::target(&self.bound) {
            Ok(request::Target::Resource(uri)) => {
                let plain = model::uri::plain(&uri);
                ("resource", plain.map_or(uri, Cow::Owned))
            }
            Ok(target) => target.parts(),
            // Not reached: it was decided on. Without a name it is counted with what concerns the server.
            Err(_) => ("", Cow::Borrowed("")),
        }
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
    const STEP: Option<Step> = Some(Step::Decide);

    fn note(&self, record: &mut Record) {
        record.rule = Some(Arc::clone(self.grant.rule()));
    }
}

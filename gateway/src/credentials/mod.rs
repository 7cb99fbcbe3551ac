//! Stage 6, with what: attaches the credential a call goes out with, minted just in time.
//!
//! What a caller sends to prove itself never passes on; what the server is shown is minted for this task, bound to this
//! server, and revoked when the task ends, whatever ends it. The revocation belongs to a supervisor and not to any
//! call. Before anything is minted a journal says that it will be: what a crash leaves is found again and revoked.

mod account;
mod attached;
mod entry;
mod lease;
mod leases;
mod mint;
mod order;
mod ready;
mod slot;
mod source;
mod step;
mod supervisor;

pub(crate) use attached::Attached;
pub(crate) use entry::Entry;
pub(crate) use leases::{Leases, Whose};
pub(crate) use source::Source;
pub(crate) use step::Step;
#[cfg(debug_assertions)]
pub(crate) use step::failpoint;
pub(crate) use supervisor::Cause;

use crate::audit::CallId;
use crate::authorize::Authorized;
use crate::limit::Admitted;
use crate::pipeline::{self, Evidence, Record, Refusal};
use order::Need;
use std::sync::Arc;
use tokio::time::Instant;

/// A call that carries the credential its server wants. Made only by [`attach`].
#[derive(Debug)]
pub(crate) struct Credentialed {
    admitted: Admitted,
    attached: Option<Attached>,
}

/// Attaches the credential, where the server's calls go out with one.
///
/// # Errors
///
/// [`Refusal::Uncredentialed`] where there is none to be had; [`Refusal::TaskOver`], [`Refusal::TimedOut`].
pub(crate) async fn attach(
    admitted: Admitted,
    call: CallId,
    leases: &Arc<Leases>,
) -> Result<Credentialed, Refusal> {
    let attached = match Need::of(admitted.authorized())? {
        None => None,
        Some(need) => {
            let limit = admitted.authorized().server().settings.deadlines.call;
            let held = leases.obtain(need, call, Instant::now() + limit).await?;
            let said = admitted.authorized().bound().asked().said();
            Some(Attached::new(held, said)?)
        }
    };
    Ok(Credentialed { admitted, attached })
}

// === impl Credentialed ===

impl Credentialed {
    /// What was granted.
    pub(crate) fn authorized(&self) -> &Authorized {
        self.admitted.authorized()
    }

    /// Takes the call on to its server.
    pub(crate) fn into_parts(self) -> (Admitted, Option<Attached>) {
        (self.admitted, self.attached)
    }
}

impl Evidence for Credentialed {
    const STEP: Option<pipeline::Step> = Some(pipeline::Step::Attach);

    fn note(&self, record: &mut Record) {
        record.lease = self.attached.as_ref().map(Attached::leased);
    }
}

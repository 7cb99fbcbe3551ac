//! Stage 6, with what: attaches the credential a call goes out with.
//!
//! This version issues none, so every server gets none; what a caller sends never passes on either way.

mod source;

pub(crate) use source::Source;

use crate::authorize::Authorized;
use crate::limit::Admitted;
use crate::pipeline::{Evidence, Record, Refusal};

/// A call that carries the credential its server wants. Made only by [`attach`].
#[derive(Debug)]
pub(crate) struct Credentialed {
    admitted: Admitted,
}

/// Attaches the credential.
///
/// # Errors
///
/// None in this version.
pub(crate) fn attach(admitted: Admitted) -> Result<Credentialed, Refusal> {
    Ok(Credentialed { admitted })
}

// === impl Credentialed ===

impl Credentialed {
    /// What was granted.
    pub(crate) fn authorized(&self) -> &Authorized {
        self.admitted.authorized()
    }

    /// Takes the call on to its server.
    pub(crate) fn into_admitted(self) -> Admitted {
        self.admitted
    }
}

impl Evidence for Credentialed {
    fn note(&self, _record: &mut Record) {}
}

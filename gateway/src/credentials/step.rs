//! The steps of a lease's life, in order. The journal tells them apart, and a test can stop the process between any two.

/// What has just happened to a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Somebody needs it; nothing is written.
    Wanted,
    /// The journal and the records say that it will be minted.
    Intended,
    /// The issuer has minted it; nobody else knows.
    Minted,
    /// The journal knows what it takes to take it back.
    Kept,
    /// Its use by a call is on record; nothing was sent.
    Used,
    /// It is to be taken back.
    Ending,
    /// The issuer has taken it back; nobody else knows.
    Revoked,
    /// The records say so; the journal still has it.
    Recorded,
}

// === impl Step ===

impl Step {
    /// All of them, in order.
    #[cfg(any(debug_assertions, test))]
    pub(crate) const ALL: [Self; 8] = [
        Self::Wanted,
        Self::Intended,
        Self::Minted,
        Self::Kept,
        Self::Used,
        Self::Ending,
        Self::Revoked,
        Self::Recorded,
    ];

    /// Names it to a test.
    #[cfg(any(debug_assertions, test))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Intended => "intended",
            Self::Minted => "minted",
            Self::Kept => "kept",
            Self::Used => "used",
            Self::Ending => "ending",
            Self::Revoked => "revoked",
            Self::Recorded => "recorded",
        }
    }

    /// The step is done. In a debug build the process ends here, at once, where the variable `HOPGATE_FAILPOINT` names it;
    /// a release build knows no such variable.
    pub(crate) fn done(self) {
        #[cfg(debug_assertions)]
        failpoint::reached(self);
    }
}

/// Names the step at which this process is to end, where a test has named one.
///
/// # Errors
///
/// All names there are, where it has named none of them.
#[cfg(debug_assertions)]
pub(crate) fn failpoint() -> Result<(), String> {
    match failpoint::NAMED.as_ref() {
        Ok(_) => Ok(()),
        Err(name) => {
            let names = Step::ALL.map(Step::name).join(" ");
            Err(format!("HOPGATE_FAILPOINT: `{name}` is none of: {names}"))
        }
    }
}

#[cfg(debug_assertions)]
mod failpoint {
    use super::Step;
    use std::sync::LazyLock;

    /// The step that is named; a name that is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own variable, in debug builds only"
    )]
    pub(super) static NAMED: LazyLock<Result<Option<Step>, String>> = LazyLock::new(|| {
        let Ok(name) = std::env::var("HOPGATE_FAILPOINT") else {
            return Ok(None);
        };
        let named = Step::ALL.into_iter().find(|step| step.name() == name);
        named.map(Some).ok_or(name)
    });

    pub(super) fn reached(step: Step) {
        if *NAMED == Ok(Some(step)) {
            // As little is cleaned up as by SIGKILL.
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn every_step_has_a_name_of_its_own() {
        for (at, step) in Step::ALL.iter().enumerate() {
            assert_eq!(*step as usize, at);
            let names = Step::ALL.iter().filter(|other| other.name() == step.name());
            assert_eq!(names.count(), 1);
        }
    }
}

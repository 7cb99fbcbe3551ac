//! A limit that is reached: which one, and what its caller and the operator learn of it.

use super::order::Want;
use crate::telemetry::metrics::LimitOf;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where a limit is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By<N> {
    /// A rule, by its name.
    Rule(N),
    /// The envelope of an agent, by its name.
    Envelope(N),
    /// A server, by its name.
    Server(N),
    /// `[gateway]`.
    Gateway,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Calls in a time.
    Rate,
    /// Calls that are open at once.
    Concurrency,
    /// Calls of a budget.
    Calls,
    /// Bytes that were delivered.
    Bytes,
    /// The time calls were open.
    Minutes,
    /// What calls cost.
    Cost,
}

/// A limit that is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    by: By<Arc<str>>,
    per: &'static str,
    what: What,
    most: u64,
    /// The seconds of a rate.
    window: Option<u64>,
    /// Seconds until there may be room, where time makes any.
    retry: Option<u64>,
}

/// `draft-ietf-httpapi-ratelimit-headers`.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
/// The greatest integer of a structured field.
const INTEGER_MOST: u64 = 999_999_999_999_999;

// === impl By ===

impl By<&Arc<str>> {
    /// The kind and the name.
    pub(super) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Rule(name) => ("rule", name),
            Self::Envelope(name) => ("envelope", name),
            Self::Server(name) => ("server", name),
            Self::Gateway => ("gateway", ""),
        }
    }

    fn owned(self) -> By<Arc<str>> {
        match self {
            Self::Rule(name) => By::Rule(Arc::clone(name)),
            Self::Envelope(name) => By::Envelope(Arc::clone(name)),
            Self::Server(name) => By::Server(Arc::clone(name)),
            Self::Gateway => By::Gateway,
        }
    }
}

impl<N> By<N> {
    /// As metrics count it.
    pub(super) fn label(&self) -> LimitOf {
        match self {
            Self::Rule(_) => LimitOf::Rule,
            Self::Envelope(_) => LimitOf::Envelope,
            Self::Server(_) => LimitOf::Server,
            Self::Gateway => LimitOf::Gateway,
        }
    }
}

// === impl What ===

impl What {
    /// A short name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Concurrency => "concurrency",
            Self::Calls => "calls",
            Self::Bytes => "bytes",
            Self::Minutes => "minutes",
            Self::Cost => "cost",
        }
    }
}

// === impl Limited ===

impl Limited {
    /// What was wanted and is not to be had; `retry` as the table says it.
    pub(super) fn of(want: &Want<'_>, retry: Option<Duration>) -> Self {
        let retry = retry.or(want.renewed).or_else(|| {
            match want.what {
                // Others wait in a line for it, each for one cell.
                What::Rate => want
                    .window
                    .map(|window| window / u32::try_from(want.most.max(1)).unwrap_or(u32::MAX)),
                // A place is free as soon as another call ends.
                What::Concurrency => Some(Duration::from_secs(1)),
                What::Calls | What::Bytes | What::Minutes | What::Cost => None,
            }
        });
        Self {
            by: want.by.owned(),
            per: want.per,
            what: want.what,
            most: want.most,
            window: want.window.map(|window| window.as_secs()),
            retry: retry.map(whole),
        }
    }

    /// Puts what HTTP knows of limits on a refusal.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        if let Some(retry) = self.retry {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry));
        }
        // The other units have no name there, and without one they would be taken for requests.
        let unit = match self.what {
            What::Rate | What::Calls => "requests",
            What::Concurrency => "concurrent-requests",
            What::Bytes => "content-bytes",
            What::Minutes | What::Cost => return,
        };
        let (name, most) = (self.kind(), self.most.min(INTEGER_MOST));
        let mut policy = format!("\"{name}\";q={most}");
        if unit != "requests" {
            policy = format!("{policy};qu=\"{unit}\"");
        }
        if let Some(window) = self.window {
            policy = format!("{policy};w={window}");
        }
        let state = match self.retry {
            Some(retry) => format!("\"{name}\";r=0;t={retry}"),
            None => format!("\"{name}\";r=0"),
        };
        for (header, value) in [(POLICY, policy), (STATE, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(header, value);
            }
        }
    }

    /// The facts its caller learns, as JSON.
    pub(crate) fn facts(&self) -> String {
        let retry = self
            .retry
            .map_or(String::new(), |retry| format!(",\"retry_after\":{retry}"));
        format!(
            "{{\"limit\":\"{}\",\"per\":\"{}\",\"what\":\"{}\"{retry}}}",
            self.kind(),
            self.per,
            self.what.name()
        )
    }

    /// What its caller reads.
    pub(crate) fn message(&self) -> String {
        let what = match self.what {
            What::Rate => "Too many calls",
            What::Concurrency => "Too many calls at once",
            What::Calls | What::Bytes | What::Minutes | What::Cost => "The budget is spent",
        };
        match self.retry {
            Some(1) => format!("{what}: try again in 1 second"),
            Some(retry) => format!("{what}: try again in {retry} seconds"),
            None => what.to_owned(),
        }
    }

    fn kind(&self) -> &'static str {
        match self.by {
            By::Rule(_) => "rule",
            By::Envelope(_) => "envelope",
            By::Server(_) => "server",
            By::Gateway => "gateway",
        }
    }
}

/// What the operator reads.
impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            By::Rule(name) => write!(f, "limit of rule `{name}`")?,
            By::Envelope(agent) => write!(f, "limit of the envelope of `{agent}`")?,
            By::Server(name) => write!(f, "limit of server `{name}`")?,
            By::Gateway => f.write_str("limit of the gateway")?,
        }
        let Self { per, most, .. } = self;
        match (self.what, self.window) {
            (What::Rate, Some(window)) => write!(f, ": {most} calls in {window} s per {per}"),
            (What::Rate, None) => write!(f, ": {most} calls per {per}"),
            (What::Concurrency, _) => write!(f, ": {most} calls at once per {per}"),
            (What::Minutes, _) => {
                let minutes = most / 60_000_000;
                write!(f, ": a budget of {minutes} minutes per {per} is spent")
            }
            (what, _) => write!(f, ": a budget of {most} {} per {per} is spent", what.name()),
        }
    }
}

/// Whole seconds after which the time has surely passed.
fn whole(time: Duration) -> u64 {
    let more = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(more).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(what: What, retry: Option<u64>) -> Limited {
        Limited {
            by: By::Rule(Arc::from("a \"rule\"")),
            per: "subject",
            what,
            most: 60,
            window: (what == What::Rate).then_some(60),
            retry,
        }
    }

    #[track_caller]
    fn check(limited: &Limited, expected: [Option<&str>; 3]) {
        let mut headers = HeaderMap::new();
        limited.put(&mut headers);
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!([text(RETRY_AFTER), text(POLICY), text(STATE)], expected);
    }

    #[test]
    fn a_refusal_says_what_http_knows_of_limits() {
        check(
            &limited(What::Rate, Some(12)),
            [
                Some("12"),
                Some("\"rule\";q=60;w=60"),
                Some("\"rule\";r=0;t=12"),
            ],
        );
        check(
            &limited(What::Concurrency, Some(1)),
            [
                Some("1"),
                Some("\"rule\";q=60;qu=\"concurrent-requests\""),
                Some("\"rule\";r=0;t=1"),
            ],
        );
        check(
            &limited(What::Bytes, None),
            [
                None,
                Some("\"rule\";q=60;qu=\"content-bytes\""),
                Some("\"rule\";r=0"),
            ],
        );
        check(&limited(What::Cost, Some(3)), [Some("3"), None, None]);
    }

    #[test]
    fn the_caller_learns_the_kind_and_not_the_name() {
        let facts = limited(What::Rate, Some(12)).facts();
        let expected = r#"{"limit":"rule","per":"subject","what":"rate","retry_after":12}"#;
        assert_eq!(facts, expected);
        let operator = limited(What::Rate, None).to_string();
        assert_eq!(
            operator,
            "limit of rule `a \"rule\"`: 60 calls in 60 s per subject"
        );
    }

    #[test]
    fn seconds_are_rounded_up_and_never_none() {
        assert_eq!(whole(Duration::ZERO), 1);
        assert_eq!(whole(Duration::from_secs(3)), 3);
        assert_eq!(whole(Duration::from_nanos(3_000_000_001)), 4);
    }
}

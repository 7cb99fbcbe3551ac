//! Which traces get spans: decided by the trace id alone, so that whoever asks again gets the same answer.

use super::context::TraceContext;
use crate::config::{Always, Sample};
use opentelemetry::trace::TraceId;

/// Decides.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    /// Trace ids below it are sampled; as the OpenTelemetry SDKs have it, of 63 bits.
    below: u64,
    parent: bool,
    deny: bool,
    error: bool,
    ask: bool,
}

// === impl Sampler ===

impl Sampler {
    /// As the configuration says.
    #[must_use]
    pub fn new(sample: &Sample) -> Self {
        let always = |kind| sample.always.contains(&kind);
        Self {
            below: threshold(sample.ratio),
            parent: sample.parent,
            deny: always(Always::Deny),
            error: always(Always::Error),
            ask: always(Always::Ask),
        }
    }

    /// None at all.
    #[must_use]
    pub fn never() -> Self {
        Self {
            below: 0,
            parent: false,
            deny: false,
            error: false,
            ask: false,
        }
    }

    /// Whether a trace gets spans. `parent` is the context of a caller who has proven who it is.
    #[must_use]
    pub fn decide(&self, trace_id: TraceId, parent: Option<&TraceContext>) -> bool {
        match parent.filter(|_| self.parent) {
            Some(parent) => parent.sampled,
            None => {
                let [.., a, b, c, d, e, f, g, h] = trace_id.to_bytes();
                u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.below
            }
        }
    }

    /// Whether a call that ended so gets a span though its trace is not sampled.
    #[must_use]
    pub fn always(&self, kind: Always) -> bool {
        match kind {
            Always::Deny => self.deny,
            Always::Error => self.error,
            Always::Ask => self.ask,
        }
    }
}

/// The bound below which the asked share of 63-bit numbers lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of 2^63, checked to lie between 0 and 1"
)]
fn threshold(ratio: f64) -> u64 {
    const ALL: u64 = 1 << 63;
    if ratio >= 1.0 {
        ALL
    } else {
        (ratio.max(0.0) * ALL as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(ratio: f64, parent: bool) -> Sampler {
        Sampler::new(&Sample {
            ratio,
            parent,
            ..Sample::default()
        })
    }

    #[test]
    fn a_share_of_traces_and_always_the_same_ones() {
        let contexts: Vec<_> = (0..20_000).map(|_| TraceContext::root(false)).collect();
        let kept = |sampler: &Sampler| -> Vec<bool> {
            let decide = |one: &TraceContext| sampler.decide(one.trace_id, None);
            contexts.iter().map(decide).collect()
        };
        let tenth = kept(&sampler(0.1, true));
        let count = tenth.iter().filter(|kept| **kept).count();
        // Ten standard deviations around the mean.
        assert!((1_576..=2_424).contains(&count), "{count} of 20000");
        assert_eq!(tenth, kept(&sampler(0.1, false)));
        // What a smaller share keeps, a larger one keeps too.
        let half = kept(&sampler(0.5, true));
        assert!(tenth.iter().zip(&half).all(|(tenth, half)| !tenth || *half));
        assert!(kept(&sampler(1.0, true)).iter().all(|kept| *kept));
        assert!(!kept(&sampler(0.0, true)).iter().any(|kept| *kept));
    }

    #[test]
    fn a_callers_flag_is_followed_unless_the_operator_says_otherwise() {
        let (yes, no) = (TraceContext::root(true), TraceContext::root(false));
        let (none, all) = (sampler(0.0, true), sampler(1.0, true));
        assert!(none.decide(yes.trace_id, Some(&yes)));
        assert!(!all.decide(no.trace_id, Some(&no)));
        let (none, all) = (sampler(0.0, false), sampler(1.0, false));
        assert!(!none.decide(yes.trace_id, Some(&yes)));
        assert!(all.decide(no.trace_id, Some(&no)));
    }

    #[test]
    fn what_is_always_kept() {
        let sampler = Sampler::new(&Sample {
            always: vec![Always::Deny],
            ..Sample::default()
        });
        assert!(sampler.always(Always::Deny));
        assert!(!sampler.always(Always::Error) && !sampler.always(Always::Ask));
        assert!(!Sampler::never().always(Always::Deny));
    }
}

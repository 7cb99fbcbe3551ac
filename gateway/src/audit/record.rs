//! One call's record: every field is a fact some stage proved.

use super::secret::Leased;
use crate::identity::{Caller, Principal, Proof};
use crate::limit::Spends;
use crate::pipeline::Refusal;
use crate::task::Task;
use crate::telemetry::fault::{Fault, Side};
use crate::telemetry::metrics::{Refused, Would};
use adapters::wire::Method;
use adapters::wire::revision::Revision;
use bytes::Bytes;
use policy::{Decision, Outcome, Touched};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// The id of one call: the `Hopgate-Call` header of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CallId(Uuid);

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Answered with a result, accepted, or closed as it should.
    Answered,
    /// Answered with the server's own error, or a tool result that says it failed.
    ServerError(Fault),
    /// Refused here.
    Refused(Refused),
    /// The server broke off within its answer.
    Broken,
    /// The caller went away first.
    Abandoned,
    /// Cut at a deadline.
    TimedOut,
    /// Accepted, and on purpose sent nowhere.
    Absorbed,
}

/// What was decided of a call.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    /// Every rule that spoke.
    pub(crate) rules: Box<[Arc<str>]>,
    /// Why it was denied, in one word.
    pub(crate) why: Option<&'static str>,
    /// What its task had touched before.
    pub(crate) touched: Touched,
}

/// What a list was cut by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) shown: u64,
    pub(crate) hidden: u64,
}

/// The arguments of a call, as far as they are recorded.
#[derive(Debug)]
pub(crate) enum Arguments {
    /// Their digest and their size.
    Digest(Bytes),
    /// They themselves.
    Full(Bytes),
    /// Only how many bytes they are.
    Size(usize),
}

/// What the gateway knows of one call.
#[derive(Debug)]
pub struct Record {
    /// The call.
    pub call: CallId,
    /// The batch it came in.
    pub request: Option<CallId>,
    /// The call whose hop token it brought.
    pub(crate) parent: Option<CallId>,
    /// Where it came from.
    pub address: IpAddr,
    /// The snapshot it was judged under.
    pub snapshot: Arc<str>,
    /// As the path names it.
    pub server: Arc<str>,
    /// Who called.
    pub principal: Option<Arc<Principal>>,
    /// What proved it.
    pub(crate) proof: Option<Arc<Proof>>,
    /// The method, or `GET` and `DELETE` of the transport.
    pub method: Option<Cow<'static, str>>,
    /// The tool, resource or prompt it names, as far as that is recorded.
    pub target: Option<Box<str>>,
    /// How long the name is, where it is recorded in part only.
    pub(crate) target_bytes: Option<u64>,
    /// The method, where a revision knows it.
    pub(crate) asked: Option<Method>,
    /// Whether it is a message, and not one of the gateway's own doors or the transport's bodiless operations.
    pub(crate) said: bool,
    /// The revision its message speaks.
    pub(crate) revision: Option<Revision>,
    /// What it is called with.
    pub(crate) arguments: Option<Arguments>,
    /// The task it belongs to, and with it the chain.
    pub task: Option<Arc<Task>>,
    /// The lease it goes out with.
    pub(crate) lease: Option<Leased>,
    /// What was decided.
    pub(crate) decided: Option<Decided>,
    /// The rule that granted it.
    pub rule: Option<Arc<str>>,
    /// What rules that are only counted would have made of it, where there are any.
    pub shadow: Option<policy::Shadow>,
    /// What the operator reads where the call was refused or broke.
    pub reason: Option<String>,
    /// What it spends when it has ended, where it spends something nobody knows before.
    pub(crate) spends: Option<Arc<Spends>>,
    /// Whether its limits let it pass: what is refused before that is not always recorded by itself.
    pub(crate) admitted: bool,
    /// Whether its intent may be on disk.
    pub(crate) intended: bool,
    /// Whether the server was sent anything.
    pub sent: bool,
    /// Since when.
    pub(crate) sent_at: Option<Instant>,
    /// What went wrong, as its caller was told.
    pub(crate) fault: Option<Fault>,
    /// What went wrong with the server.
    pub(crate) upstream: Option<Fault>,
    /// The HTTP status of its answer.
    pub(crate) status: Option<u16>,
    /// Bytes of the request's message.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Messages taken out of the answer, or off a list, because the caller may not see them.
    pub withheld: u64,
    /// Items a list was left with.
    pub shown: Option<u64>,
    /// How it ended.
    pub ending: Ending,
    /// From the head of the request to the end of the answer.
    pub took: Duration,
    began: Instant,
}

/// The most bytes of a name that are recorded.
const TARGET_LONGEST: usize = 2_048;
/// The most bytes of a reason that are: some repeat what the caller sent.
const REASON_LONGEST: usize = 1_024;

/// The beginning of a text, whole letters only.
fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

// === impl CallId ===

impl CallId {
    /// A new one; later ids sort after earlier ones.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id itself.
    pub(crate) fn uuid(self) -> Uuid {
        self.0
    }

    /// As a header value, without an allocation that outlives it.
    #[must_use]
    pub fn header(self) -> Option<http::HeaderValue> {
        let mut buffer = Uuid::encode_buffer();
        http::HeaderValue::from_str(self.0.simple().encode_lower(&mut buffer)).ok()
    }
}

impl Default for CallId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

// === impl Ending ===

impl Ending {
    /// A short, bounded name for metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ServerError(_) => "server_error",
            Self::Refused(_) => "refused",
            Self::Broken => "broken",
            Self::Abandoned => "abandoned",
            Self::TimedOut => "timed_out",
            Self::Absorbed => "absorbed",
        }
    }
}

// === impl Decided ===

impl Decided {
    /// What a decision says.
    pub(crate) fn of(decision: &Decision, touched: Touched) -> Self {
        let why = match decision {
            Decision::Allow(_) | Decision::Ask(_) => None,
            Decision::Deny(denial) => Some(denial.reason().name()),
        };
        Self {
            outcome: Outcome::of(decision),
            rules: decision.rules().cloned().collect(),
            why,
            touched,
        }
    }
}

// === impl Record ===

impl Record {
    /// The record of a call that has just begun.
    #[must_use]
    pub fn begin(call: CallId, snapshot: Arc<str>, server: Arc<str>, address: IpAddr) -> Self {
        Self {
            call,
            request: None,
            parent: None,
            address,
            snapshot,
            server,
            principal: None,
            proof: None,
            method: None,
            target: None,
            target_bytes: None,
            asked: None,
            said: false,
            revision: None,
            arguments: None,
            task: None,
            lease: None,
            decided: None,
            rule: None,
            shadow: None,
            reason: None,
            spends: None,
            admitted: false,
            intended: false,
            sent: false,
            sent_at: None,
            fault: None,
            upstream: None,
            status: None,
            bytes_in: 0,
            bytes_out: 0,
            withheld: 0,
            shown: None,
            ending: Ending::Abandoned,
            took: Duration::ZERO,
            began: Instant::now(),
        }
    }

    /// Notes who calls.
    pub(crate) fn identify(&mut self, caller: &Caller) {
        self.principal = Some(Arc::clone(&caller.principal));
        self.proof = Some(Arc::clone(&caller.proof));
    }

    /// Notes what it names. Callers choose names, and refused ones cost them nothing: a long one is cut.
    pub(crate) fn names(&mut self, target: &str) {
        let kept = beginning(target, TARGET_LONGEST);
        self.target = Some(Box::from(kept));
        self.target_bytes = (kept.len() < target.len()).then_some(target.len() as u64);
    }

    /// Notes what a list was cut by.
    pub(crate) fn list(&mut self, listed: Option<Listed>) {
        if let Some(listed) = listed {
            self.shown = Some(listed.shown);
            self.withheld += listed.hidden;
        }
    }

    /// Notes why the call was refused.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        let mut reason = refusal.reason();
        reason.truncate(beginning(&reason, REASON_LONGEST).len());
        self.reason = Some(reason);
        self.ending = refusal.ending();
        (self.fault, self.upstream) = refusal.faults(self.asked);
        // Where no connection was made, no server has seen a byte of it.
        if self.upstream == Some(Fault::Connect) {
            self.sent = false;
        }
    }

    /// Fixes how the call ended and how long it took.
    pub(crate) fn end(&mut self, ending: Ending) {
        self.ending = ending;
        self.took = self.began.elapsed();
    }

    /// Every agent of the chain, oldest first, the caller last.
    #[must_use]
    pub fn chain(&self) -> String {
        let before = self.task.iter().flat_map(|task| task.chain().iter());
        let own = self.principal.iter().map(|principal| &principal.agent);
        let names: Vec<&str> = before.chain(own).map(|agent| &**agent).collect();
        names.join(">")
    }

    /// What would change, were the rules enforced that are only counted.
    #[must_use]
    pub fn would(&self) -> Option<Would> {
        let outcome = self.shadow.as_ref()?.outcome;
        Some(match (self.rule.is_some(), outcome) {
            (true, Outcome::Allow) => Would::Same,
            (true, Outcome::Ask) => Would::Ask,
            (true, Outcome::Deny) => Would::Refuse,
            (false, Outcome::Allow) => Would::Allow,
            (false, Outcome::Ask | Outcome::Deny) => Would::Same,
        })
    }

    /// What went wrong, by side; none where nothing did.
    pub(crate) fn fault(&self, side: Side) -> Option<Fault> {
        let known = match side {
            Side::Server => self.fault,
            Side::Client => self.upstream,
        };
        match self.ending {
            Ending::Answered | Ending::Absorbed => None,
            Ending::ServerError(fault) => Some(fault),
            Ending::Abandoned => Some(Fault::Cancelled),
            Ending::TimedOut => Some(known.unwrap_or(Fault::Timeout)),
            Ending::Broken => Some(known.unwrap_or(Fault::Broken)),
            Ending::Refused(_) => Some(known.unwrap_or(Fault::Other)),
        }
    }

    /// Whether its answer is a stream by nature: it lasts as long as somebody listens.
    pub(crate) fn listens(&self) -> bool {
        self.asked == Some(Method::SubscriptionsListen)
            || !self.said && self.method.as_deref() == Some("GET")
    }

    /// The refusal's short name, if it was one.
    #[must_use]
    pub fn refusal(&self) -> Option<Refused> {
        match self.ending {
            Ending::Refused(kind) => Some(kind),
            _ => None,
        }
    }
}

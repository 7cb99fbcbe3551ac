//! Every way a call can end before its answer: a closed set.
//!
//! What the caller learns of it is `reply.rs`; what the operator learns is [`Refusal::reason`].

use crate::audit::Ending;
use crate::identity::Challenge;
use crate::limit::Limited;
use crate::listener::BodyFault;
use crate::telemetry::fault::Fault;
use crate::telemetry::metrics::Refused;
use adapters::upstream::UpstreamError;
use adapters::wire::Method;
use adapters::wire::scan::Flaw;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Why a call ended early.
#[derive(Debug)]
pub enum Refusal {
    /// No proof of who calls, or a bad one.
    Unproven(Cow<'static, str>, Box<Challenge>),
    /// A good proof of nobody registered, or of an agent that is not active.
    AgentUnavailable(Cow<'static, str>),
    /// An agent that may act only within a chain, without one.
    ChainMissing,
    /// More agents in the chain than the envelope of one of them allows.
    ChainTooDeep {
        /// The smallest `hops` of the chain.
        most: usize,
    },
    /// A hop token that is not this caller's, or not good any more.
    ChainUnknown(&'static str),
    /// A task that is not open, or not the caller's.
    TaskUnknown,
    /// More tasks than one principal may have opened.
    TasksFull,
    /// What must outlive the process cannot be written.
    Unkept,
    /// What several gateways share cannot be asked for, or is not what one of them has put there.
    Unshared(&'static str),
    /// The task of the call ended while it ran.
    TaskOver(&'static str),
    /// No such server, or nothing on it that this agent may reach.
    ServerUnknown,
    /// A session id that was not sealed here for this caller and server, or whose session is over.
    SessionUnknown,
    /// The body is not one unambiguous message.
    Malformed(Flaw),
    /// The message is sound but breaks a rule of its revision.
    Invalid(&'static str),
    /// A header and the body say different things, or a required header is missing.
    HeaderMismatch(String),
    /// The HTTP head cannot carry an MCP message.
    Head(HeadFault),
    /// The body did not arrive whole.
    Body(BodyFault),
    /// A revision that is not spoken here.
    RevisionUnknown(String),
    /// GET or DELETE, where the server has neither.
    VerbUnknown,
    /// A method outside the closed table.
    MethodUnknown,
    /// A request that does not name what it is about.
    ParamMissing(&'static str),
    /// A response or notification that belongs to nothing open: accepted, and sent nowhere.
    Unasked(&'static str),
    /// A handle (`requestState`, task id) that was not sealed here for this caller and request.
    HandleUnknown(&'static str),
    /// A tool no rule lets the caller see.
    ToolUnknown(String),
    /// A resource no rule lets the caller see.
    ResourceUnknown(String),
    /// A prompt no rule lets the caller see.
    PromptUnknown(String),
    /// Visible, but refused.
    Denied(Denial),
    /// Visible, and allowed to a token that holds more scopes.
    ScopesMissing {
        /// The rule that would allow it.
        rule: Arc<str>,
        /// All that it asks for.
        scopes: String,
        /// What the caller is told.
        challenge: Box<Challenge>,
    },
    /// A modern request to a server that speaks only `initialize` revisions.
    ServerIsLegacy,
    /// An `initialize` to a server that speaks only per-request revisions.
    ServerIsModern,
    /// No place for another stream.
    StreamsFull,
    /// A limit is reached, or a budget spent.
    Limited(Box<Limited>),
    /// A limit that all replicas share cannot be counted, and says that then nothing passes.
    Uncounted(String),
    /// The gateway is shutting down.
    Draining,
    /// Its address was refused so often in this second that nobody unknown is heard from there.
    Flooding,
    /// What happens cannot be put on record, so it does not happen.
    Unrecorded,
    /// The credential its server wants cannot be had.
    Uncredentialed {
        /// For the operator.
        why: String,
        /// Whether it may be had later.
        passing: bool,
    },
    /// The server could not be reached or broke off.
    UpstreamFailed(UpstreamFault),
    /// The call's deadline passed.
    TimedOut,
}

/// What was wrong with a request's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadFault {
    /// A header that must be single came twice.
    Repeated(&'static str),
    /// Not `application/json`.
    MediaType,
    /// A compressed request body.
    Encoding,
    /// A header value that is not plain text.
    Value(&'static str),
}

/// A decision against a call the caller may see.
#[derive(Debug)]
pub struct Denial {
    /// The rule, for the record.
    pub rule: Option<String>,
    /// The rule's public message.
    pub message: String,
}

/// What went wrong on the upstream side. Never holds the server's bytes.
#[derive(Debug)]
pub enum UpstreamFault {
    /// The exchange failed.
    Exchange(UpstreamError),
    /// A status that answers nobody: 3xx, 401, 403, 5xx without a JSON-RPC body.
    Status(u16),
    /// A media type that is neither JSON nor an event stream.
    MediaType,
    /// A compressed answer.
    Encoding,
    /// Not the answer to this request.
    Answer(&'static str),
    /// Larger than the bounds allow.
    TooLarge,
    /// Not whole at the call's deadline.
    Late,
    /// It holds the credential the server was called with.
    Echo,
}

// === impl Refusal ===

impl Refusal {
    /// There is no credential, and there will be none.
    pub(crate) fn uncredentialed(why: &str) -> Self {
        Self::Uncredentialed {
            why: why.to_owned(),
            passing: false,
        }
    }

    /// Which kind it is, for metrics and records.
    #[must_use]
    pub fn kind(&self) -> Refused {
        match self {
            Self::Unproven(..) => Refused::Proof,
            Self::AgentUnavailable(_) => Refused::Agent,
            Self::ChainMissing | Self::ChainTooDeep { .. } | Self::ChainUnknown(_) => {
                Refused::Chain
            }
            Self::TaskUnknown | Self::TaskOver(_) | Self::Unkept => Refused::Task,
            Self::Unshared(_) => Refused::Store,
            Self::ServerUnknown => Refused::NotFound,
            Self::SessionUnknown | Self::HandleUnknown(_) => Refused::Handle,
            Self::Malformed(_)
            | Self::Invalid(_)
            | Self::HeaderMismatch(_)
            | Self::Head(_)
            | Self::ParamMissing(_)
            | Self::Unasked(_)
            | Self::RevisionUnknown(_)
            | Self::VerbUnknown
            | Self::Body(BodyFault::Broken)
            | Self::MethodUnknown => Refused::Message,
            Self::ToolUnknown(_) | Self::ResourceUnknown(_) | Self::PromptUnknown(_) => {
                Refused::Unknown
            }
            Self::Denied(_) | Self::ScopesMissing { .. } => Refused::Rule,
            Self::ServerIsLegacy | Self::ServerIsModern => Refused::Era,
            Self::StreamsFull
            | Self::TasksFull
            | Self::Limited(_)
            | Self::Uncounted(_)
            | Self::Body(BodyFault::TooLarge) => Refused::Limit,
            Self::Body(BodyFault::Slow) => Refused::Slow,
            Self::Draining => Refused::Draining,
            Self::Flooding => Refused::Flood,
            Self::Unrecorded => Refused::Audit,
            Self::Uncredentialed { .. } => Refused::Credential,
            Self::UpstreamFailed(_) | Self::TimedOut => Refused::Upstream,
        }
    }

    /// What went wrong, as the caller is told it, and with the server.
    pub(crate) fn faults(&self, method: Option<Method>) -> (Option<Fault>, Option<Fault>) {
        let told = match self {
            Self::Unasked(_) => None,
            _ => Some(super::reply::fault(self, method)),
        };
        let upstream = match self {
            Self::UpstreamFailed(fault) => Some(fault.fault()),
            Self::TimedOut => Some(Fault::Timeout),
            Self::TaskOver(_) => Some(Fault::Cancelled),
            _ => None,
        };
        (told, upstream)
    }

    /// How it ends the call.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::Unasked(_) => Ending::Absorbed,
            Self::UpstreamFailed(_) => Ending::Broken,
            Self::TimedOut => Ending::TimedOut,
            _ => Ending::Refused(self.kind()),
        }
    }

    /// What the operator reads.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unproven(why, _) | Self::AgentUnavailable(why) => why.clone().into_owned(),
            Self::Invalid(why)
            | Self::ChainUnknown(why)
            | Self::TaskOver(why)
            | Self::Unshared(why) => (*why).to_owned(),
            Self::ChainMissing => "the agent may act only within a chain, and no hop token came".to_owned(),
            Self::ChainTooDeep { most } => {
                format!("an envelope of the chain allows at most {most} agents in it")
            }
            Self::TasksFull => "the principal has as many open tasks as one may have".to_owned(),
            Self::Unkept => "what must outlive the process cannot be written; the log says why".to_owned(),
            Self::TaskUnknown => "the task it names is not open, or not the caller's".to_owned(),
            Self::ScopesMissing { rule, scopes, .. } => {
                format!("rule `{rule}` asks for a token with the scopes `{scopes}`")
            }
            Self::ServerUnknown => "no such server, or nothing on it this agent may reach".to_owned(),
            Self::SessionUnknown => {
                "the session id was not sealed here for this caller and server, or its session is over"
                    .to_owned()
            }
            Self::Malformed(flaw) => flaw.to_string(),
            Self::HeaderMismatch(what) => what.clone(),
            Self::Head(fault) => fault.to_string(),
            Self::Body(fault) => fault.to_string(),
            Self::MethodUnknown => "the method is not one this gateway knows how to judge".to_owned(),
            Self::RevisionUnknown(version) => format!("revision `{version}` is not spoken here"),
            Self::VerbUnknown => "the server has neither GET nor DELETE".to_owned(),
            Self::ParamMissing(which) => format!("the request does not name `{which}`"),
            Self::Unasked(why) => (*why).to_owned(),
            Self::HandleUnknown(which) => {
                format!("`{which}` was not sealed here for this caller and request, or has expired")
            }
            Self::ToolUnknown(name) => format!("no rule lets the caller see the tool `{name}`"),
            Self::ResourceUnknown(uri) => format!("no rule lets the caller see the resource `{uri}`"),
            Self::PromptUnknown(name) => format!("no rule lets the caller see the prompt `{name}`"),
            Self::Denied(denial) => match &denial.rule {
                Some(rule) => format!("rule `{rule}`: {}", denial.message),
                None => denial.message.clone(),
            },
            Self::ServerIsLegacy => "the server speaks only `initialize` revisions".to_owned(),
            Self::ServerIsModern => "the server speaks only per-request revisions".to_owned(),
            Self::StreamsFull => "`bounds.streams` is reached".to_owned(),
            Self::Limited(limited) => limited.to_string(),
            Self::Uncounted(why) => format!("a limit cannot be counted: {why}"),
            Self::Draining => "the gateway is shutting down".to_owned(),
            Self::Flooding => "too many refusals of its address in this second".to_owned(),
            Self::Unrecorded => "the records cannot be written; the log says why".to_owned(),
            Self::Uncredentialed { why, .. } => format!("no credential: {why}"),
            Self::UpstreamFailed(fault) => fault.to_string(),
            Self::TimedOut => "the call's deadline passed".to_owned(),
        }
    }
}

// === impl UpstreamFault ===

impl UpstreamFault {
    fn fault(&self) -> Fault {
        match self {
            Self::Exchange(UpstreamError::Broken(_)) => Fault::Broken,
            Self::Exchange(_) => Fault::Connect,
            Self::Late => Fault::Timeout,
            Self::Status(_)
            | Self::MediaType
            | Self::Encoding
            | Self::Answer(_)
            | Self::TooLarge
            | Self::Echo => Fault::Answer,
        }
    }
}

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(name) => write!(f, "the header `{name}` came more than once"),
            Self::MediaType => f.write_str("the body must be `Content-Type: application/json`"),
            Self::Encoding => f.write_str("a compressed request body is not accepted"),
            Self::Value(name) => write!(
                f,
                "the header `{name}` holds something other than plain text"
            ),
        }
    }
}

impl fmt::Display for UpstreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(error) => write!(f, "{error}"),
            Self::Status(status) => write!(f, "the server answered with HTTP status {status}"),
            Self::MediaType => {
                f.write_str("the server's media type is neither JSON nor an event stream")
            }
            Self::Encoding => f.write_str("the server compressed its answer unasked"),
            Self::Answer(why) => write!(f, "the server's answer: {why}"),
            Self::Late => f.write_str("the server's answer was not whole at the call's deadline"),
            Self::TooLarge => f.write_str("the server's answer is larger than the bounds allow"),
            Self::Echo => {
                f.write_str("the server's answer holds the credential it was called with")
            }
        }
    }
}

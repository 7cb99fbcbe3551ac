//! The members of a message that stages act on, and where they stand.

/// A member with a meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as the member it stands for")]
pub enum Member {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    Name,
    Uri,
    Arguments,
    Meta,
    RequestState,
    InputResponses,
    TaskId,
    TaskIds,
    RequestId,
    ProgressToken,
    Ref,
    RefName,
    RefUri,
    Notifications,
    ResourceSubscriptions,
    ProtocolVersion,
    MetaProtocolVersion,
    MetaClientCapabilities,
    MetaProgressToken,
    MetaLogLevel,
    MetaTraceparent,
    MetaTracestate,
    MetaBaggage,
    MetaRelated,
    MetaRelatedTaskId,
    MetaSubscriptionId,
    ErrorCode,
    ErrorMessage,
    /// Any `_meta` key under `dev.hopgate/`.
    MetaGateway,
}

/// Which object a member stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    Envelope,
    Params,
    Meta,
    Related,
    Ref,
    Notifications,
    Answer,
    Fault,
    /// Anything else: its members have no meaning here.
    #[default]
    Other,
}

/// How many members there are.
pub(super) const COUNT: usize = Member::MetaGateway as usize + 1;

type Known = &'static [(&'static str, Member)];

const ENVELOPE: Known = &[
    ("jsonrpc", Member::Jsonrpc),
    ("id", Member::Id),
    ("method", Member::Method),
    ("params", Member::Params),
    ("result", Member::Result),
    ("error", Member::Error),
];
const PARAMS: Known = &[
    ("name", Member::Name),
    ("arguments", Member::Arguments),
    ("_meta", Member::Meta),
    ("uri", Member::Uri),
    ("requestState", Member::RequestState),
    ("inputResponses", Member::InputResponses),
    ("taskId", Member::TaskId),
    ("requestId", Member::RequestId),
    ("progressToken", Member::ProgressToken),
    ("ref", Member::Ref),
    ("notifications", Member::Notifications),
    ("protocolVersion", Member::ProtocolVersion),
];
const META: Known = &[
    (
        "io.modelcontextprotocol/protocolVersion",
        Member::MetaProtocolVersion,
    ),
    (
        "io.modelcontextprotocol/clientCapabilities",
        Member::MetaClientCapabilities,
    ),
    ("progressToken", Member::MetaProgressToken),
    ("io.modelcontextprotocol/logLevel", Member::MetaLogLevel),
    ("traceparent", Member::MetaTraceparent),
    ("tracestate", Member::MetaTracestate),
    ("baggage", Member::MetaBaggage),
    ("io.modelcontextprotocol/related-task", Member::MetaRelated),
    (
        "io.modelcontextprotocol/subscriptionId",
        Member::MetaSubscriptionId,
    ),
];
const RELATED: Known = &[("taskId", Member::MetaRelatedTaskId)];
const REF: Known = &[("name", Member::RefName), ("uri", Member::RefUri)];
const NOTIFICATIONS: Known = &[
    ("resourceSubscriptions", Member::ResourceSubscriptions),
    ("taskIds", Member::TaskIds),
];
const ANSWER: Known = &[("_meta", Member::Meta)];
const FAULT: Known = &[
    ("code", Member::ErrorCode),
    ("message", Member::ErrorMessage),
];

/// Names with a meaning to a peer, where a look-alike would have another; no stage asks for their values.
const PARAMS_TOO: &[&str] = &[
    "argument",
    "capabilities",
    "clientInfo",
    "context",
    "cursor",
    "level",
    "task",
];
const META_TOO: &[&str] = &["io.modelcontextprotocol/clientInfo"];
const NOTIFICATIONS_TOO: &[&str] = &[
    "promptsListChanged",
    "resourcesListChanged",
    "toolsListChanged",
];

/// `_meta` keys that are the gateway's own.
const GATEWAY: &str = "dev.hopgate/";

// === impl Place ===

impl Place {
    /// The members with a meaning in this place.
    pub(super) fn known(self) -> Known {
        match self {
            Self::Envelope => ENVELOPE,
            Self::Params => PARAMS,
            Self::Meta => META,
            Self::Related => RELATED,
            Self::Ref => REF,
            Self::Notifications => NOTIFICATIONS,
            Self::Answer => ANSWER,
            Self::Fault => FAULT,
            Self::Other => &[],
        }
    }

    /// The member of this name.
    pub(super) fn member(self, name: &str) -> Option<Member> {
        let known = self
            .known()
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, member)| *member);
        known.or_else(|| {
            (self == Self::Meta && name.starts_with(GATEWAY)).then_some(Member::MetaGateway)
        })
    }

    /// The names whose look-alikes are refused here.
    pub(super) fn guarded(self) -> impl Iterator<Item = &'static str> {
        let (known, too): (Known, &[&str]) = match self {
            Self::Params => (PARAMS, PARAMS_TOO),
            Self::Meta => (META, META_TOO),
            Self::Notifications => (NOTIFICATIONS, NOTIFICATIONS_TOO),
            Self::Envelope | Self::Ref | Self::Related => (self.known(), &[]),
            Self::Answer | Self::Fault | Self::Other => (&[], &[]),
        };
        known
            .iter()
            .map(|(name, _)| *name)
            .chain(too.iter().copied())
    }

    /// The place that an object becomes as the value of a member.
    pub(super) fn within(member: Option<Member>) -> Self {
        match member {
            Some(Member::Params) => Self::Params,
            Some(Member::Meta) => Self::Meta,
            Some(Member::MetaRelated) => Self::Related,
            Some(Member::Ref) => Self::Ref,
            Some(Member::Notifications) => Self::Notifications,
            Some(Member::Result) => Self::Answer,
            Some(Member::Error) => Self::Fault,
            _ => Self::Other,
        }
    }
}

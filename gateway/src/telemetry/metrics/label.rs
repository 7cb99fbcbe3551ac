//! The labels of counters and gauges: closed enums, so nobody outside can make a set grow.

/// A closed set of label values.
pub trait Label: Copy + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// All values, in the order of `index`.
    const VALUES: &'static [&'static str];
    /// Position in `VALUES`.
    fn index(self) -> usize;
}

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident, $key:literal: $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// As metrics and records call it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl Label for $name {
            const KEY: &'static str = $key;
            const VALUES: &'static [&'static str] = &[$($text,)+];
            fn index(self) -> usize { self as usize }
        }
    };
}

labels! {
    /// How a call ended.
    Outcome, "outcome":
    /// The server answered.
    Answered = "answered",
    /// The gateway refused.
    Refused = "refused",
    /// The server did not, or not properly.
    Upstream = "upstream",
    /// The caller went away.
    Cancelled = "cancelled",
}

labels! {
    /// Why a call was refused.
    Refused, "kind":
    /// No proof or a bad one.
    Proof = "proof",
    /// A good proof of nobody who may call.
    Agent = "agent",
    /// Nothing there, or nothing this caller may know of.
    NotFound = "not_found",
    /// A tool, resource or prompt no rule lets the caller see.
    Unknown = "unknown",
    /// A rule says no.
    Rule = "rule",
    /// A session or another handle that is not the caller's.
    Handle = "handle",
    /// A task that is not the caller's, or has ended.
    Task = "task",
    /// A chain that is not proven, or too deep.
    Chain = "chain",
    /// The message breaks the protocol.
    Message = "message",
    /// A bound or a limit.
    Limit = "limit",
    /// The body came too slowly.
    Slow = "slow",
    /// The server does not speak the caller's era.
    Era = "era",
    /// The gateway is shutting down.
    Draining = "draining",
    /// Too many refusals of its address.
    Flood = "flood",
    /// What happens could not be put on record.
    Audit = "audit",
    /// No credential was to be had.
    Credential = "credential",
    /// What several gateways share could not be asked for.
    Store = "store",
    /// The server could not be reached, or gave no answer.
    Upstream = "upstream",
}

labels! {
    /// Where a limit is written.
    LimitOf, "of":
    /// A rule.
    Rule = "rule",
    /// An agent's envelope.
    Envelope = "envelope",
    /// A server.
    Server = "server",
    /// The gateway.
    Gateway = "gateway",
}

labels! {
    /// What became of a call that was held against a limit.
    Admission, "outcome":
    /// It passed.
    Admitted = "admitted",
    /// The limit is reached.
    Refused = "refused",
    /// Nobody could count.
    Uncounted = "uncounted",
    /// It waited, and its task or the gateway ended.
    Left = "left",
}

labels! {
    /// How a lease ended.
    Returned, "how":
    /// Its issuer took it back.
    Revoked = "revoked",
    /// Its issuer knew it no longer.
    Gone = "gone",
    /// Nothing takes it back: it lapses by itself.
    Lapses = "lapses",
    /// Its issuer would not, or could not be asked, before it expired.
    Irrevocable = "irrevocable",
}

labels! {
    /// Why the door stayed shut, before anything was known of the call.
    Shut, "reason":
    /// Framing another parser could read differently.
    Framing = "framing",
    /// The head did not come in time.
    Slow = "slow",
    /// Not one of our names.
    Host = "host",
    /// A web page that was not invited.
    Origin = "origin",
    /// No such path.
    Path = "path",
    /// Not a method of this path.
    Method = "method",
    /// Too many connections.
    Full = "full",
    /// More calls than the gateway can do.
    Overload = "overload",
    /// The TLS handshake failed.
    Tls = "tls",
}

labels! {
    /// How a reload ended.
    Reload, "result":
    /// The new snapshot is in force.
    Loaded = "loaded",
    /// The old one stays.
    Refused = "refused",
}

labels! {
    /// What rules in `mode = "shadow"` would have changed.
    Would, "would":
    /// Nothing.
    Same = "same",
    /// The call would have passed.
    Allow = "allow",
    /// A person would have been asked.
    Ask = "ask",
    /// The call would have been refused.
    Refuse = "refuse",
}

labels! {
    /// Which way bytes went on clients' connections.
    Way, "way":
    /// From clients.
    In = "in",
    /// To clients.
    Out = "out",
}

labels! {
    /// What policy said of a call.
    Decided, "decision":
    /// It may go on.
    Allow = "allow",
    /// A person must say yes.
    Ask = "ask",
    /// It may not.
    Deny = "deny",
}

labels! {
    /// The three logs of audit.
    Log, "log":
    /// Who called what.
    Calls = "calls",
    /// What was decided.
    Decisions = "decisions",
    /// Which secrets were used.
    Secrets = "secrets",
}

labels! {
    /// Why a span or a log line never reached the collector.
    Lost, "reason":
    /// More came than the collector took.
    Full = "full",
    /// The collector could not be reached, or did not answer.
    Failed = "failed",
    /// The collector took the message and not all that was in it.
    Rejected = "rejected",
}

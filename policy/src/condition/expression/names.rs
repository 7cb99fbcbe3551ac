//! What an expression may name.

use super::Flaw;
use crate::shape::nearest;

/// Something an expression can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    Arguments,
    CallName,
    CallKind,
    AgentName,
    AgentOwner,
    AgentPurpose,
    User,
    UserSource,
    UserSubject,
    Chain,
    TaskLabel,
    TaskUntrusted,
    ServerName,
    ServerEgress,
    ToolEffect,
    ToolLabel,
    ToolUntrusted,
    Now,
}

/// What is known of a value before there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Bool,
    Other,
    Unknown,
}

/// What an expression begins with.
#[derive(Debug)]
struct Variable {
    name: &'static str,
    /// What it is where no member is named.
    whole: Option<Fact>,
    members: &'static [(&'static str, Fact)],
}

/// The variables.
const VARIABLES: &[Variable] = &[
    Variable {
        name: "call",
        whole: None,
        members: &[
            ("args", Fact::Arguments),
            ("name", Fact::CallName),
            ("kind", Fact::CallKind),
        ],
    },
    Variable {
        name: "agent",
        whole: None,
        members: &[
            ("name", Fact::AgentName),
            ("owner", Fact::AgentOwner),
            ("purpose", Fact::AgentPurpose),
        ],
    },
    Variable {
        name: "user",
        whole: Some(Fact::User),
        members: &[("source", Fact::UserSource), ("subject", Fact::UserSubject)],
    },
    Variable {
        name: "chain",
        whole: Some(Fact::Chain),
        members: &[],
    },
    Variable {
        name: "task",
        whole: None,
        members: &[
            ("label", Fact::TaskLabel),
            ("untrusted", Fact::TaskUntrusted),
        ],
    },
    Variable {
        name: "server",
        whole: None,
        members: &[("name", Fact::ServerName), ("egress", Fact::ServerEgress)],
    },
    Variable {
        name: "tool",
        whole: None,
        members: &[
            ("effect", Fact::ToolEffect),
            ("label", Fact::ToolLabel),
            ("untrusted", Fact::ToolUntrusted),
        ],
    },
    Variable {
        name: "now",
        whole: Some(Fact::Now),
        members: &[],
    },
];

/// What `type(…)` can be compared with.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// Whether it is a variable.
pub(super) fn is_variable(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name)
}

/// Whether it is a type.
pub(super) fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// What a variable is, or its first member where one is named.
pub(super) fn resolve(variable: &str, member: Option<&str>) -> Result<Fact, Flaw> {
    let Some(Variable { whole, members, .. }) =
        VARIABLES.iter().find(|known| known.name == variable)
    else {
        return Err(unknown(variable));
    };
    let listed = || listed(members.iter().map(|(name, _)| *name));
    let Some(member) = member else {
        return whole.ok_or_else(|| Flaw {
            message: format!("`{variable}` is no value of its own"),
            help: format!("name one of its members: {}", listed()),
        });
    };
    if let Some((_, name)) = members.iter().find(|(known, _)| *known == member) {
        return Ok(*name);
    }
    let help = match nearest(member, members.iter().map(|(name, _)| *name)) {
        Some(near) => format!("did you mean `{variable}.{near}`?"),
        None if members.is_empty() => format!("`{variable}` has no members"),
        None => format!("its members: {}", listed()),
    };
    Err(Flaw {
        message: format!("unknown member `{variable}.{member}`"),
        help,
    })
}

/// A name that is none.
pub(super) fn unknown(name: &str) -> Flaw {
    let variables = || VARIABLES.iter().map(|variable| variable.name);
    let help = match nearest(name, variables()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the variables: {}", listed(variables())),
    };
    Flaw {
        message: format!("unknown variable `{name}`"),
        help,
    }
}

/// Names in a row.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

// === impl Fact ===

impl Fact {
    /// Whether nobody knows it when a list is asked for.
    pub(super) fn is_momentary(self) -> bool {
        matches!(
            self,
            Self::Arguments | Self::TaskLabel | Self::TaskUntrusted | Self::Now
        )
    }

    /// What its values are.
    pub(super) fn sort(self) -> Sort {
        match self {
            Self::Arguments => Sort::Unknown,
            Self::TaskUntrusted | Self::ToolUntrusted => Sort::Bool,
            _ => Sort::Other,
        }
    }
}

//! The nouns of the policy, compiled: nothing here can be wrong.

mod effect;
mod matcher;
mod name;
mod pattern;
mod policy;
mod request;

pub use effect::{Class, Effect, Effects, Egress, Label};
pub use matcher::{Matcher, SubjectPattern, Who};
pub use name::{AgentName, RuleName, ServerName, well_formed};
pub use pattern::{Kind, Mistake, Pattern};
pub use policy::{Agent, Lifecycle, Policy, Rule, Verdict};
pub use request::{Now, Request, Target, Touched, User};

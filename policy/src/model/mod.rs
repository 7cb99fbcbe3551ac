//! The nouns of the policy, compiled: nothing here can be wrong.

mod agent;
mod effect;
mod matcher;
mod name;
mod pattern;
mod policy;
mod request;
mod rule;
mod server;
pub mod uri;

pub use agent::{Agent, Envelope, Lifecycle};
pub use effect::{Class, Effect, Effects, Egress, Label};
pub use matcher::{Matcher, SubjectPattern, Who};
pub use name::{AgentName, RuleName, ServerName, well_formed};
pub use pattern::{Kind, Mistake, Pattern};
pub use policy::Policy;
pub use request::{Now, Request, Target, Touched, User};
pub use rule::{After, Ask, Mode, Rule, Spans, UserPattern, Verdict};
pub use server::{Said, Server, Shelf};

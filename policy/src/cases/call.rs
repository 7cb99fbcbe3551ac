//! One call, written down.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Code;
use crate::json::Json;
use crate::model::{Kind, Pattern, Request, Target, Touched, User};
use crate::shape::Fault;

/// A call with everything a decision looks at.
#[derive(Debug, Clone)]
pub struct Call {
    /// The agent that acts.
    pub agent: Box<str>,
    /// Whom it acts for: the identity that vouches, and the subject.
    pub user: Option<(Box<str>, Box<str>)>,
    /// The agents it works for, oldest first.
    pub chain: Vec<Arc<str>>,
    /// OAuth scopes of its token.
    pub scopes: Vec<Box<str>>,
    /// What its task has touched.
    pub task: Touched,
    /// What it calls.
    pub subject: Subject,
    /// With which arguments: the text of a JSON object.
    pub arguments: Option<Box<str>>,
}

/// One thing that can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pattern: Pattern,
}

// === impl Call ===

impl Call {
    /// As the policy is asked.
    pub fn request(&self) -> Request<'_> {
        let user = self.user.as_ref();
        let arguments = self.arguments.as_ref();
        Request {
            agent: &self.agent,
            user: user.map(|(source, subject)| User { source, subject }),
            others: &[],
            chain: &self.chain,
            scopes: &self.scopes,
            task: self.task,
            server: self.subject.server(),
            target: self.subject.target(),
            arguments: arguments.map(|text| Json::new(text.as_bytes())),
        }
    }
}

// === impl Subject ===

impl Subject {
    /// What is written `server/tool`, `server/resource:URI`, `server/prompt:NAME` or `server/client:KIND`.
    ///
    /// # Errors
    ///
    /// What keeps it from being one thing, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let pattern = Pattern::new(text).map_err(|mistake| {
            let fault = Fault::new(mistake.message, mistake.help);
            match mistake.later {
                true => fault.of(Code::NotInThisVersion),
                false => fault,
            }
        })?;
        match (pattern.server(), pattern.exact_name()) {
            (Some(_), Some(_)) => Ok(Self { pattern }),
            _ => Err(Fault::new(
                format!("`{}` is a pattern, not one tool", text.escape_debug()),
                "name one thing that can be called",
            )),
        }
    }

    /// The server it is on.
    pub fn server(&self) -> &str {
        self.pattern.server().unwrap_or_default()
    }

    /// The pattern that means it alone.
    pub(crate) fn pattern(&self) -> Pattern {
        self.pattern.clone()
    }

    /// As the policy knows it.
    pub fn target(&self) -> Target<'_> {
        let name = self.pattern.exact_name().unwrap_or_default();
        match self.pattern.kind() {
            Kind::Resource => Target::Resource(name),
            Kind::Prompt => Target::Prompt(name),
            Kind::Client => Target::Client(name),
            Kind::Method => Target::Method(name),
            Kind::Tool | Kind::All => Target::Tool(name),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pattern.as_str())
    }
}

//! The text of a claim, with names in it that stand for whom a token is.

use crate::credential::Whom;

/// Text with `{agent}`, `{user}`, `{subject}`, `{task}` or `{server}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Name(Name),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Agent,
    User,
    Subject,
    Task,
    Server,
}

// === impl Template ===

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.contains(char::is_control) {
            return Err("is empty, or has a control character in it");
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (before, after) = match rest.split_once('{') {
                Some((before, after)) => (before, Some(after)),
                None => (rest, None),
            };
            if before.contains('}') {
                return Err("has `}` without `{`");
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            rest = match after {
                Some(after) => {
                    let (name, after) = after.split_once('}').ok_or("has `{` without `}`")?;
                    parts.push(Part::Name(Name::parse(name)?));
                    after
                }
                None => "",
            };
        }
        Ok(Self(parts))
    }

    /// The text for somebody.
    ///
    /// # Errors
    ///
    /// A name that stands for nothing here, or for what no claim may hold.
    pub(super) fn fill(&self, whom: &Whom) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            let text = match part {
                Part::Text(text) => text,
                Part::Name(Name::Agent) => &*whom.agent,
                Part::Name(Name::User) => match &whom.user {
                    Some(user) => user,
                    None => return Err("the token asks for `{user}`, and there is none".to_owned()),
                },
                Part::Name(Name::Subject) => &*whom.subject,
                Part::Name(Name::Task) => &whom.task,
                Part::Name(Name::Server) => &*whom.server,
            };
            if text.is_empty() || text.contains(char::is_control) {
                return Err("a part of the token is empty, or has a control character".to_owned());
            }
            filled.push_str(text);
        }
        Ok(filled)
    }
}

// === impl Name ===

impl Name {
    fn parse(name: &str) -> Result<Self, &'static str> {
        Ok(match name {
            "agent" => Self::Agent,
            "user" => Self::User,
            "subject" => Self::Subject,
            "task" => Self::Task,
            "server" => Self::Server,
            _ => {
                return Err(
                    "has a name that is none of `{agent}`, `{user}`, `{subject}`, `{task}`, `{server}`",
                );
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_whom_it_is() {
        let whom = Whom {
            agent: "reconciler".into(),
            subject: "corp:svc".into(),
            user: Some("ann".into()),
            task: "t1".to_owned(),
            server: "ledger".into(),
            ..Whom::default()
        };
        let text = "{agent}/{user} as {subject}, {task}@{server}";
        let template = Template::parse(text).unwrap();
        let filled = template.fill(&whom).unwrap();
        assert_eq!(filled, "reconciler/ann as corp:svc, t1@ledger");
        assert_eq!(
            Template::parse("plain").unwrap().fill(&whom).unwrap(),
            "plain"
        );
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        let template = Template::parse("{user}").unwrap();
        let mut whom = Whom::default();
        assert!(template.fill(&whom).is_err());
        whom.user = Some("a\nb".into());
        assert!(template.fill(&whom).is_err());
        assert!(
            Template::parse("{agent}").unwrap().fill(&whom).is_err(),
            "empty"
        );
        for bad in [
            "",
            "{",
            "}",
            "{}",
            "{Agent}",
            "{user",
            "user}",
            "{a{user}}",
            "a\r{user}",
            "{token}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}

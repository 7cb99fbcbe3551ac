//! Text with names in it that stand for an order: parts of a path, parameters of a request.

use crate::credential::Order;

/// Text with `{agent}`, `{subject}`, `{user}`, `{task}`, `{server}` or `{scope}` in it.
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
    Subject,
    User,
    Task,
    Server,
    Scope,
}

/// The longest value of a name.
const VALUE_MOST: usize = 256;

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

    /// Reads the template of a path below `/v1/`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn path(text: &str) -> Result<Self, &'static str> {
        let template = Self::parse(text)?;
        let plain = |byte: u8| plain(byte) || matches!(byte, b'/' | b'{' | b'}');
        let mut segments = text.split('/');
        match text.bytes().all(plain) && segments.all(|one| !matches!(one, "" | "." | "..")) {
            true => Ok(template),
            false => Err("is no plain path such as `database/creds/reader`"),
        }
    }

    /// Whether it says what a credential is good for.
    #[must_use]
    pub fn scoped(&self) -> bool {
        self.0.contains(&Part::Name(Name::Scope))
    }

    /// The path for an order: every value stays within its segment.
    ///
    /// # Errors
    ///
    /// A name that stands for nothing here, or for what no path may hold.
    pub(super) fn fill_path(&self, order: &Order) -> Result<String, String> {
        let filled = self.fill(order, |text| text.bytes().all(plain))?;
        let mut segments = filled.split('/');
        match segments.any(|one| matches!(one, "." | "..")) {
            true => Err("a value would leave its place in the path".to_owned()),
            false => Ok(filled),
        }
    }

    /// The text for an order.
    ///
    /// # Errors
    ///
    /// A name that stands for nothing here, or for what has a control character.
    pub(super) fn fill_text(&self, order: &Order) -> Result<String, String> {
        self.fill(order, |text| !text.contains(char::is_control))
    }

    fn fill(&self, order: &Order, fits: fn(&str) -> bool) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    let value = name.value(order);
                    if value.is_empty() {
                        return Err(format!("`{{{}}}` stands for nothing here", name.name()));
                    }
                    if value.len() > VALUE_MOST || !fits(&value) {
                        let name = name.name();
                        return Err(format!("the value of `{{{name}}}` cannot stand there"));
                    }
                    filled.push_str(&value);
                }
            }
        }
        Ok(filled)
    }
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

// === impl Name ===

impl Name {
    fn parse(name: &str) -> Result<Self, &'static str> {
        Ok(match name {
            "agent" => Self::Agent,
            "subject" => Self::Subject,
            "user" => Self::User,
            "task" => Self::Task,
            "server" => Self::Server,
            "scope" => Self::Scope,
            _ => {
                return Err(
                    "has a name that is none of `{agent}`, `{subject}`, `{user}`, `{task}`, `{server}`, `{scope}`",
                );
            }
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Subject => "subject",
            Self::User => "user",
            Self::Task => "task",
            Self::Server => "server",
            Self::Scope => "scope",
        }
    }

    fn value(self, order: &Order) -> String {
        let whom = &order.whom;
        match self {
            Self::Agent => whom.agent.to_string(),
            Self::Subject => whom.subject.to_string(),
            Self::User => whom.user.as_deref().unwrap_or_default().to_owned(),
            Self::Task => whom.task.clone(),
            Self::Server => whom.server.to_string(),
            // How the engines write lists.
            Self::Scope => order.scope.join(","),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Whom;
    use std::time::Duration;

    fn order(user: Option<&str>, scope: &[&str]) -> Order {
        Order {
            label: "hopgate-1".into(),
            life: Duration::from_secs(60),
            scope: scope.iter().map(|&one| one.to_owned()).collect(),
            resource: None,
            proof: None,
            whom: Whom {
                agent: "reconciler".into(),
                user: user.map(Into::into),
                task: "t1".to_owned(),
                ..Whom::default()
            },
        }
    }

    #[test]
    fn names_stand_for_the_order() {
        let path = Template::path("db-{agent}/creds/{scope}").unwrap();
        assert!(path.scoped());
        let filled = path.fill_path(&order(None, &["eu.ro"]));
        assert_eq!(filled.unwrap(), "db-reconciler/creds/eu.ro");
        let text = Template::parse("{user}@{task}, {scope}").unwrap();
        let filled = text.fill_text(&order(Some("ann smith"), &["a", "b"]));
        assert_eq!(filled.unwrap(), "ann smith@t1, a,b");
    }

    #[test]
    fn no_value_leaves_its_place_in_a_path() {
        let path = Template::path("kv/data/{scope}").unwrap();
        for bad in [
            "a/b", "..", ".", "", "a?b", "a%2e", "a#b", "a\nb", "a b", "\u{e9}",
        ] {
            assert!(path.fill_path(&order(None, &[bad])).is_err(), "{bad:?}");
        }
        assert!(path.fill_path(&order(None, &["a", "b"])).is_err(), "two");
        assert!(path.fill_path(&order(None, &[])).is_err(), "none");
        let long = "a".repeat(VALUE_MOST + 1);
        assert!(path.fill_path(&order(None, &[&long])).is_err(), "long");
        let text = Template::parse("{user}").unwrap();
        assert!(text.fill_text(&order(None, &[])).is_err(), "no user");
        assert!(text.fill_text(&order(Some("a\rb"), &[])).is_err());
    }

    #[test]
    fn templates_are_checked_when_they_are_read() {
        for bad in [
            "", "/a", "a/", "a//b", "a/../b", "a?b", "a b", "{", "{label}", "a}", "\u{e9}",
        ] {
            assert!(Template::path(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "{", "}", "{}", "{Agent}", "{user", "a\r{user}"] {
            assert!(Template::parse(bad).is_err(), "{bad:?}");
        }
    }
}

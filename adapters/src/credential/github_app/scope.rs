//! Scopes of a GitHub App: `repo:NAME` and `repo:OWNER/NAME` are repositories, `contents:read` is a permission.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a token is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// With or without their owner; empty: all of the installation.
    repositories: Vec<String>,
    /// By what they permit to do; empty: all of the installation.
    permissions: BTreeMap<String, Level>,
}

/// How far a permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Read,
    Write,
    Admin,
}

/// What every token may read.
const METADATA: &str = "metadata";

// === impl Scope ===

impl Scope {
    /// Reads scopes.
    ///
    /// # Errors
    ///
    /// The one that means nothing here.
    pub(super) fn parse(scopes: &[String]) -> Result<Self, String> {
        let mut scope = Self::default();
        for one in scopes {
            let unknown = || format!("`{}` is no scope of a GitHub App", one.escape_debug());
            let (name, value) = one.split_once(':').ok_or_else(unknown)?;
            if name == "repo" {
                let parts: Vec<&str> = value.split('/').collect();
                if parts.len() > 2 || !parts.iter().all(|part| is_name(part)) {
                    return Err(unknown());
                }
                scope.repositories.push(value.to_owned());
                continue;
            }
            let level = Level::parse(value).ok_or_else(unknown)?;
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(unknown());
            }
            let kept = scope.permissions.entry(name.to_owned()).or_insert(level);
            *kept = level.max(*kept);
        }
        Ok(scope)
    }

    /// The body of a request for it.
    pub(super) fn request(&self) -> String {
        let mut body = Map::new();
        if !self.repositories.is_empty() {
            let names: Vec<&str> = self.repositories.iter().map(|one| bare(one)).collect();
            body.insert("repositories".to_owned(), json!(names));
        }
        if !self.permissions.is_empty() {
            let levels = self.permissions.iter();
            let levels = levels.map(|(name, level)| (name.clone(), json!(level.name())));
            body.insert("permissions".to_owned(), Value::Object(levels.collect()));
        }
        Value::Object(body).to_string()
    }

    /// Whether an answer grants more than this, or does not say what.
    pub(super) fn is_exceeded(&self, answer: &Map<String, Value>) -> bool {
        let permitted = match answer.get("permissions").and_then(Value::as_object) {
            _ if self.permissions.is_empty() => true,
            Some(granted) => granted.iter().all(|(name, level)| {
                let level = level.as_str().and_then(Level::parse);
                let most = self.permissions.get(name).copied();
                // Nobody is without this one.
                let most = most.or((name == METADATA).then_some(Level::Read));
                matches!((level, most), (Some(level), Some(most)) if level <= most)
            }),
            None => false,
        };
        let chosen = match answer.get("repositories").and_then(Value::as_array) {
            _ if self.repositories.is_empty() => true,
            Some(granted) => granted.iter().all(|one| {
                let full = one.get("full_name").and_then(Value::as_str);
                full.is_some_and(|full| self.repositories.iter().any(|own| is(own, full)))
            }),
            None => false,
        };
        !(permitted && chosen)
    }
}

// === impl Level ===

impl Level {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "read" => Self::Read,
            "write" => Self::Write,
            "admin" => Self::Admin,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// Names are the same in any case of letters.
fn is(own: &str, full: &str) -> bool {
    match own.contains('/') {
        true => own.eq_ignore_ascii_case(full),
        false => bare(full).eq_ignore_ascii_case(own),
    }
}

/// The API wants names without their owner, who is the installation's.
fn bare(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

fn is_name(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !matches!(part, "" | "." | "..") && part.len() <= 100 && part.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(scopes: &[&str]) -> Result<Scope, String> {
        Scope::parse(
            &scopes
                .iter()
                .map(|one| (*one).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn scopes_are_repositories_and_permissions() {
        let both = scope(&[
            "repo:acme/ledger",
            "repo:site",
            "contents:read",
            "issues:write",
        ]);
        assert_eq!(
            both.unwrap().request(),
            r#"{"permissions":{"contents":"read","issues":"write"},"repositories":["ledger","site"]}"#
        );
        assert_eq!(scope(&[]).unwrap().request(), "{}");
        let twice = scope(&["contents:write", "contents:read"]).unwrap();
        assert_eq!(twice.request(), r#"{"permissions":{"contents":"write"}}"#);
        for bad in [
            "read",
            "repo:",
            "repo:a/b/c",
            "repo:..",
            "repo:a/..",
            "repo:a b",
            "repo:*",
            "contents:",
            "contents:all",
            "Contents:read",
            ":read",
            "repo:a/",
            "contents:read:x",
        ] {
            assert!(scope(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_grant_is_held_against_what_was_asked_for() {
        let asked = scope(&["repo:acme/ledger", "contents:write"]).unwrap();
        let exceeded = |answer: Value| asked.is_exceeded(answer.as_object().unwrap());
        let of = |permissions: Value, names: &[&str]| {
            let names: Vec<Value> = names
                .iter()
                .map(|name| json!({ "full_name": name }))
                .collect();
            json!({ "permissions": permissions, "repositories": names })
        };
        let own = &["Acme/ledger"];
        assert!(!exceeded(of(
            json!({ "contents": "write", "metadata": "read" }),
            own
        )));
        assert!(!exceeded(of(json!({ "contents": "read" }), own)));
        for more in [
            of(json!({ "contents": "admin" }), own),
            of(json!({ "contents": "write", "issues": "read" }), own),
            of(json!({ "contents": "write", "metadata": "write" }), own),
            of(json!({ "contents": 1 }), own),
            of(
                json!({ "contents": "write" }),
                &["acme/ledger", "acme/site"],
            ),
            of(json!({ "contents": "write" }), &["other/ledger"]),
            json!({ "permissions": { "contents": "write" }, "repository_selection": "all" }),
            json!({ "repositories": [{ "full_name": "acme/ledger" }] }),
        ] {
            assert!(exceeded(more.clone()), "{more}");
        }
    }
}

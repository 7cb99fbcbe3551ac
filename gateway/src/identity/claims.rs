//! From a verified token's claims to who acts, for whom, and through which agents.

use super::Fault;
use crate::config::Oidc;
use adapters::identity::jwt::Claims;
use serde_json::{Map, Value};

/// What a token says of who calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The agent's subject.
    pub(super) agent: String,
    /// Whom it acts for.
    pub(super) user: Option<String>,
    /// The agents before it, oldest first.
    pub(super) actors: Vec<String>,
}

/// More nested actors than any chain may have.
const ACTORS_MOST: usize = 32;

/// Reads who acts.
///
/// # Errors
///
/// A claim that is missing or of the wrong type, and actors that are not to be believed.
pub(super) fn meaning(claims: &Claims, settings: &Oidc) -> Result<Meaning, Fault> {
    let user = match &settings.user {
        Some(name) => Some(text(&claims.all, name)?),
        None => None,
    };
    let Some(act) = claims.all.get("act") else {
        let agent = match &settings.agent {
            Some(name) => text(&claims.all, name)?,
            None => claims.subject.clone(),
        };
        return Ok(Meaning {
            agent,
            user,
            actors: Vec::new(),
        });
    };
    let mut actors = actors(act, claims.issuer.as_deref())?;
    // The outermost actor is the one that calls; those inside it came before.
    let agent = actors.remove(0);
    if !actors.is_empty() && !settings.delegation {
        return Err(Fault::bad(
            "the token names more than one actor, and `delegation` is off for its identity",
        ));
    }
    actors.reverse();
    Ok(Meaning {
        agent,
        user: Some(user.unwrap_or_else(|| claims.subject.clone())),
        actors,
    })
}

/// The actors, outermost first; at least one.
fn actors(act: &Value, issuer: Option<&str>) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    let mut next = Some(act);
    while let Some(act) = next {
        let act = act
            .as_object()
            .ok_or_else(|| Fault::bad("`act` is no object"))?;
        if act.get("iss").is_some_and(|own| own.as_str() != issuer) {
            return Err(Fault::bad("an actor is another issuer's"));
        }
        found.push(text(act, "sub")?);
        if found.len() > ACTORS_MOST {
            return Err(Fault::bad("the token names too many actors"));
        }
        next = act.get("act");
    }
    Ok(found)
}

fn text(claims: &Map<String, Value>, name: &str) -> Result<String, Fault> {
    match claims.get(name).and_then(Value::as_str) {
        // A control character could stand between parts that are joined elsewhere.
        Some(text) if !text.is_empty() && !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(Fault::bad(format!(
            "the claim `{name}` is missing or no text"
        ))),
    }
}

//! A token the gateway signs itself, for servers that fetch its keys: an access token in the form of RFC 9068.
//!
//! `sub` is for whom it is, `client_id` the agent that acts, `act` the chain it acts in (RFC 8693). Nothing can take such a
//! token back, so it lives as long as it was ordered for and not a second longer.

mod template;
#[cfg(test)]
mod tests;

pub use template::Template;

use super::{
    BoxFuture, Field, Handle, IssueError, Issuer, Minted, Order, RevokeError, SigningKey, Taken,
    Whom,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::Url;

/// What tokens say.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `iss`: whose keys they are verified with.
    pub issuer: String,
    /// `aud`; none: where the token will be used.
    pub audience: Option<String>,
    /// `sub`.
    pub subject: Template,
    /// Claims beside those every token has.
    pub claims: Vec<(Box<str>, Template)>,
}

/// Signs tokens.
#[derive(Debug)]
pub struct Mint {
    settings: Settings,
    /// The first signs.
    keys: Vec<Arc<SigningKey>>,
}

/// The type of a token: what was signed as one is nothing else, and nothing else is one.
const KIND: &str = "at+jwt";

/// Claims that are said in one way only.
const OWN: [&str; 12] = [
    "act",
    "aud",
    "client_id",
    "cnf",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "scope",
    "sub",
    "txn",
];

/// Whether every token says this by itself.
#[must_use]
pub fn is_own(claim: &str) -> bool {
    OWN.contains(&claim)
}

// === impl Mint ===

impl Mint {
    /// Signs with the first of these keys; what the others have signed is still good.
    #[must_use]
    pub fn new(settings: Settings, keys: Vec<Arc<SigningKey>>) -> Self {
        Self { settings, keys }
    }

    /// The token of an order, and how long it lives, at this second.
    fn token(&self, order: &Order, now: u64) -> Result<(String, Duration), IssueError> {
        let refused = |why: &str| IssueError::Refused(why.to_owned());
        // Whole seconds: rounded up a token would outlive its lease.
        let life = order.life.as_secs();
        let end = now.checked_add(life).filter(|_| life > 0);
        let end = end.ok_or_else(|| refused("there is less than a second left to live"))?;
        let audience = match (&self.settings.audience, &order.resource) {
            (Some(audience), _) => audience.clone(),
            (None, Some(resource)) => canonical(resource),
            (None, None) => return Err(refused("nothing says for whom the token is: `audience`")),
        };
        let mut claims = Map::new();
        for (name, text) in &self.settings.claims {
            claims.insert(String::from(name.clone()), json!(fill(text, &order.whom)?));
        }
        // After the operator's own: whatever those are, these stand.
        let own = [
            ("iss", json!(self.settings.issuer)),
            ("sub", json!(fill(&self.settings.subject, &order.whom)?)),
            ("aud", json!(audience)),
            ("iat", json!(now)),
            ("nbf", json!(now)),
            ("exp", json!(end)),
            ("jti", json!(*order.label)),
            ("client_id", json!(*order.whom.agent)),
            ("txn", json!(order.whom.txn)),
            ("act", actors(&order.whom)),
        ];
        claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
        if !order.scope.is_empty() {
            claims.insert("scope".to_owned(), json!(order.scope.join(" ")));
        }
        let key = self.keys.first();
        let token = key.and_then(|key| key.token(KIND, &Value::Object(claims)));
        let token = token.ok_or_else(|| IssueError::Failed("the key cannot sign".to_owned()))?;
        Ok((token, Duration::from_secs(life)))
    }
}

impl Issuer for Mint {
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(async {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now =
                now.map_err(|_| IssueError::Failed("the clock stands before 1970".to_owned()));
            let (token, life) = self.token(order, now?.as_secs())?;
            Ok(Minted {
                fields: vec![Field::secret("token", token)],
                handle: None,
                life: Some(life),
                renewable: false,
            })
        })
    }

    fn revoke<'a>(&'a self, _handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async { Ok(Taken::Lapses) })
    }

    fn recover<'a>(
        &'a self,
        _label: &'a str,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async { Ok(Taken::Lapses) })
    }

    fn lapses(&self) -> bool {
        true
    }

    fn public_keys(&self) -> Vec<Map<String, Value>> {
        self.keys.iter().map(|key| key.public().clone()).collect()
    }
}

fn fill(text: &Template, whom: &Whom) -> Result<String, IssueError> {
    text.fill(whom).map_err(IssueError::Refused)
}

/// The chain as nested actors, the newest outermost: as hop tokens write it.
fn actors(whom: &Whom) -> Value {
    let agents = whom.chain.iter().chain([&whom.agent]);
    agents.fold(Value::Null, |before, agent| match before {
        Value::Null => json!({ "sub": **agent }),
        before => json!({ "sub": **agent, "act": before }),
    })
}

/// A URL as servers name themselves: without a slash that is the whole path.
fn canonical(url: &Url) -> String {
    let text = url.as_str();
    match (url.path(), url.query()) {
        ("/", None) => text.trim_end_matches('/').to_owned(),
        _ => text.to_owned(),
    }
}

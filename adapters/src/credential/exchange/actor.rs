//! Who acts for the subject of an exchange: the gateway, and behind it the agents through which the work came.

use super::super::oauth::{Client, token_file};
use super::super::{IssueError, Order, Whom};
use crate::secret::Secret;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// How the actor is said.
#[derive(Debug, Clone)]
pub enum Actor {
    /// In a token the client signs: `sub` is the client, `act` the agents, newest outermost, `txn` the chain. Both
    /// together are what the new token's own `act` should say.
    Signed,
    /// By a token that somebody keeps fresh in a file: the gateway's own workload identity.
    File(PathBuf),
}

pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

// === impl Actor ===

impl Actor {
    /// The actor's token, and what it is.
    ///
    /// # Errors
    ///
    /// A key that cannot sign, a client without one, a file without a token.
    pub(super) async fn token(
        &self,
        order: &Order,
        client: &Client,
        audience: &str,
    ) -> Result<(Secret, &'static str), IssueError> {
        let token = match self {
            Self::File(file) => token_file(file).await?,
            Self::Signed => client
                .statement(audience, claims(&order.whom))?
                .ok_or_else(|| {
                    let why = "only a client with a key can sign who acts";
                    IssueError::Refused(why.to_owned())
                })?,
        };
        Ok((token, JWT))
    }
}

fn claims(whom: &Whom) -> Map<String, Value> {
    let agents = whom.chain.iter().chain([&whom.agent]);
    let act = agents.fold(Value::Null, |before, agent| match before {
        Value::Null => json!({ "sub": **agent }),
        before => json!({ "sub": **agent, "act": before }),
    });
    Map::from_iter([("act".to_owned(), act), ("txn".to_owned(), json!(whom.txn))])
}

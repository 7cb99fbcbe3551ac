//! The port to an issuer of credentials: mints one for an order, prolongs it, takes it back.
//!
//! An issuer keeps no account of what it has minted: whoever orders writes down the order and its root before, and the
//! handle after, and asks for the revocation of each. What a crash leaves between the two is found again by `recover`.

pub mod aws;
pub mod exchange;
pub mod fixed;
pub mod github_app;
mod instant;
pub mod mint;
pub mod oauth;
pub mod postgres;
mod signing;
pub mod vault;

pub use signing::SigningKey;

use crate::secret::Secret;
pub use crate::upstream::BoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What is asked of an issuer.
#[derive(Debug, Clone)]
pub struct Order {
    /// Names the lease, of letters, digits and `-`. Where a backend lets names be chosen, it is this one.
    pub label: Arc<str>,
    /// The longest it may live.
    pub life: Duration,
    /// What it may be good for, as the issuer writes it; empty: what the issuer grants by itself.
    pub scope: Vec<String>,
    /// Where it will be used.
    pub resource: Option<Url>,
    /// The token its caller came with, where it came with one.
    pub proof: Option<Secret>,
    /// For whom it is.
    pub whom: Whom,
}

/// For whom a credential is.
#[derive(Debug, Clone, Default)]
pub struct Whom {
    /// The agent that acts.
    pub agent: Arc<str>,
    /// As whom it is known.
    pub subject: Arc<str>,
    /// For whom it acts.
    pub user: Option<Arc<str>>,
    /// The agents before it, oldest first.
    pub chain: Arc<[Arc<str>]>,
    /// The task.
    pub task: String,
    /// The chain's id.
    pub txn: String,
    /// The server it is for.
    pub server: Arc<str>,
}

/// What was minted.
#[derive(Debug)]
pub struct Minted {
    /// What the issuer gave.
    pub fields: Vec<Field>,
    /// What it takes to take it back; none where nothing can be taken back.
    pub handle: Option<Handle>,
    /// How long it lives from now on; none: until it is revoked.
    pub life: Option<Duration>,
    /// Whether it can be prolonged.
    pub renewable: bool,
}

/// One part of a credential: `{token}`, `{username}`.
#[derive(Debug, Clone)]
pub struct Field {
    /// As templates name it.
    pub name: Box<str>,
    /// Its value.
    pub value: Secret,
    /// Whether it may be seen: a user's name, a serial number.
    pub open: bool,
}

/// What a backend knows something by: a lease's id, an accessor, a token. Kept sealed, never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle(pub Secret);

/// How something was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is not good any more, and the backend says so.
    Revoked,
    /// The backend knew it no longer.
    Gone,
    /// Nothing can take it back: it is good until it lapses, whoever holds it.
    Lapses,
}

/// Why there is no credential. Never holds bytes of the other side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The backend, or the configuration, says no: asking again is of no use.
    #[error("{0}")]
    Refused(String),
    /// It may work later, and nothing was minted: the backend was not reached, or says so itself.
    #[error("{0}")]
    Unavailable(String),
    /// It may work later.
    #[error("{0}")]
    Failed(String),
}

/// Why something was not taken back. Never holds bytes of the other side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// The backend will not: asking again is of no use.
    #[error("{0}")]
    Refused(String),
    /// It may work later.
    #[error("{0}")]
    Failed(String),
}

/// An issuer of credentials. A future that is dropped may have done its work all the same.
pub trait Issuer: Send + Sync + std::fmt::Debug {
    /// What everything minted for an order can be found by should the answer to its mint be lost; written down before
    /// the mint. None where an order's label, or nothing, will do.
    ///
    /// # Errors
    ///
    /// Why nothing can be minted.
    fn root<'a>(&'a self, _order: &'a Order) -> BoxFuture<'a, Result<Option<Handle>, IssueError>> {
        Box::pin(async { Ok(None) })
    }

    /// Mints a credential under its root.
    ///
    /// # Errors
    ///
    /// Why there is none. After [`IssueError::Failed`] there may be one all the same.
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>>;

    /// Prolongs a credential by this long from now; how long it then lives.
    ///
    /// # Errors
    ///
    /// Why it cannot be: it lives on as before.
    fn renew<'a>(
        &'a self,
        _handle: &'a Handle,
        _life: Duration,
    ) -> BoxFuture<'a, Result<Duration, IssueError>> {
        Box::pin(async { Err(IssueError::Refused("cannot be prolonged".to_owned())) })
    }

    /// Takes a credential back. Doing so twice does no harm.
    ///
    /// # Errors
    ///
    /// Why it may still be good.
    fn revoke<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>>;

    /// Takes back whatever may have been minted for an order of which only label and root are known.
    ///
    /// # Errors
    ///
    /// Why something may still be good.
    fn recover<'a>(
        &'a self,
        label: &'a str,
        root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>>;

    /// The public keys by which servers verify what it mints, as JWKs.
    fn public_keys(&self) -> Vec<Map<String, Value>> {
        Vec::new()
    }

    /// Whether what it gives depends on the token the caller came with.
    fn uses_proof(&self) -> bool {
        false
    }

    /// Whether what it gives can never be taken back: then nothing need be written down for that.
    fn lapses(&self) -> bool {
        false
    }

    /// Gives back what the issuer itself holds at the backend, once all that it has minted is taken back.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

// === impl RevokeError ===

impl From<IssueError> for RevokeError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Refused(why) => Self::Refused(why),
            IssueError::Unavailable(why) | IssueError::Failed(why) => Self::Failed(why),
        }
    }
}

// === impl Minted ===

impl Minted {
    /// The field of a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| *field.name == *name)
    }
}

// === impl Field ===

impl Field {
    /// A part nobody may see.
    pub fn secret(name: &str, value: impl Into<Secret>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            open: false,
        }
    }

    /// A part that may be seen.
    pub fn open(name: &str, value: impl Into<Secret>) -> Self {
        Self {
            open: true,
            ..Self::secret(name, value)
        }
    }
}

//! Roles of a PostgreSQL server that live as long as their lease: made with what the operator grants, dropped with all
//! their sessions when the lease is over.
//!
//! A role has its lease's name, so nothing more is needed to find it again. A lock, held until a
//! role is committed, keeps a revocation from looking for it too early.

mod role;
mod session;
mod sql;
mod tls;

pub use sql::Statement;

use super::{BoxFuture, Field, Handle, IssueError, Issuer, Minted, Order, RevokeError, Taken};
use crate::egress;
use crate::secret::{Secret, Supply};
use role::{Create, NOT_OURS, OURS};
use session::{Door, Session};
use sql::{Role, password, verifier};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

/// Whose roles, and what they may do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the server is reached. The scheme says only whether over TLS: `https`, or `http` for none.
    pub reach: egress::Settings,
    /// The database.
    pub database: String,
    /// The role that makes roles.
    pub user: String,
    /// Its password; none where its client certificate is enough.
    pub password: Option<Supply>,
    /// What a new role is a member of; an order's scope can only be some of these.
    pub roles: Vec<String>,
    /// What else is run for it.
    pub grants: Vec<Statement>,
    /// Who is given what a role has made; none: it is dropped with the role.
    pub owner: Option<String>,
    /// For one whole piece of work.
    pub deadline: Duration,
}

/// Makes roles, and drops them.
#[derive(Debug)]
pub struct Postgres {
    settings: Settings,
    door: Door,
    /// Sessions at a time: a server has few, and its users want them.
    places: Semaphore,
}

/// Why something was not done. Never holds words of the server.
#[derive(Debug)]
enum Fault {
    /// Asking again is of no use.
    Refused { code: String },
    /// It may work later.
    Failed(String),
}

/// The most sessions at a time.
const SESSIONS: usize = 4;

// === impl Postgres ===

impl Postgres {
    /// Nothing has been asked of the server yet.
    ///
    /// # Errors
    ///
    /// What cannot be used.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self {
            door: Door::new(&settings.reach)?,
            places: Semaphore::new(SESSIONS),
            settings,
        })
    }

    /// Does a piece of work in a session of its own.
    async fn work<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        work: impl FnOnce(Session) -> F,
    ) -> Result<T, Fault> {
        let all = async {
            let place = self.places.acquire().await;
            let _place = place.map_err(|_| Fault::Failed("closed".to_owned()))?;
            let session = self.door.open(&self.settings, self.settings.deadline);
            work(session.await?).await
        };
        match timeout(self.settings.deadline, all).await {
            Ok(done) => done,
            Err(_) => Err(Fault::Failed(
                "no answer from PostgreSQL in time".to_owned(),
            )),
        }
    }

    /// The roles an order asks for.
    fn members<'a>(&'a self, order: &'a Order) -> Result<&'a [String], IssueError> {
        match order.scope.as_slice() {
            [] => Ok(&self.settings.roles),
            some if some.iter().all(|one| self.settings.roles.contains(one)) => Ok(some),
            _ => {
                let why = "the scope names a role that is not among the credential's `roles`";
                Err(IssueError::Refused(why.to_owned()))
            }
        }
    }

    async fn create(&self, order: &Order) -> Result<Minted, IssueError> {
        let refused = |why: &str| IssueError::Refused(why.to_owned());
        let role = Role::of(&order.label).ok_or_else(|| refused("no role can have this name"))?;
        let seconds = order.life.as_secs();
        if seconds == 0 {
            return Err(refused("there is less than a second left to live"));
        }
        let random = || IssueError::Failed("the system has no randomness".to_owned());
        let password = password().ok_or_else(random)?;
        let create = Create {
            members: self.members(order)?,
            grants: &self.settings.grants,
            verifier: verifier(&password).ok_or_else(random)?,
            comment: format!(
                "{OURS} for agent {}, task {}",
                order.whom.agent, order.whom.task
            ),
            seconds,
            role,
            committing: AtomicBool::new(false),
        };
        let end = Instant::now() + Duration::from_secs(seconds);
        let made = self.work(async |session| create.run(&session).await).await;
        made.map_err(|fault| match fault {
            Fault::Refused { code } if code == "42710" => {
                IssueError::Refused("a role of this name is already there".to_owned())
            }
            Fault::Failed(why) if !create.committing.load(Ordering::Relaxed) => {
                IssueError::Unavailable(why)
            }
            fault => fault.into(),
        })?;
        Ok(Minted {
            fields: self.fields(&order.label, password),
            handle: Some(Handle(Secret::from(&*order.label))),
            life: Some(end.saturating_duration_since(Instant::now())),
            renewable: true,
        })
    }

    fn fields(&self, user: &str, password: Zeroizing<String>) -> Vec<Field> {
        let at = &self.settings.reach.url;
        let host = at.host_str().unwrap_or_default();
        let port = at.port_or_known_default().unwrap_or_default();
        let mut url = Zeroizing::new(String::with_capacity(256));
        let encode = |part: &str| {
            let encoded = url::form_urlencoded::byte_serialize(part.as_bytes());
            encoded.collect::<String>().replace('+', "%20")
        };
        let mode = if at.scheme() == "https" {
            "verify-full"
        } else {
            "disable"
        };
        let parts = [
            "postgresql://",
            &encode(user),
            ":",
            &password,
            "@",
            host,
            ":",
            &port.to_string(),
            "/",
            &encode(&self.settings.database),
            "?sslmode=",
            mode,
        ];
        parts.iter().for_each(|part| url.push_str(part));
        vec![
            Field::open("username", user),
            Field::secret("password", password.as_str()),
            Field::open("host", host.trim_matches(['[', ']'])),
            Field::open("port", port.to_string()),
            Field::open("database", self.settings.database.as_str()),
            Field::secret("url", url.as_str()),
        ]
    }

    async fn remove(&self, label: &str) -> Result<Taken, RevokeError> {
        let Some(role) = Role::of(label) else {
            // No such role was ever made.
            return Ok(Taken::Gone);
        };
        let owner = self.settings.owner.as_deref();
        let removed = self.work(async |session| role::remove(&session, &role, owner).await);
        match removed.await {
            Ok(taken) => Ok(taken),
            Err(Fault::Refused { code }) => Err(RevokeError::Refused(match code.as_str() {
                "2BP01" => "the role cannot log in any more, but was not dropped: something outside its database, or of \
                            somebody else, depends on what it has made"
                    .to_owned(),
                NOT_OURS => "a role of this name is there, but was not made by hopgate".to_owned(),
                _ => refusal(&code),
            })),
            Err(Fault::Failed(why)) => Err(RevokeError::Failed(why)),
        }
    }
}

fn refusal(code: &str) -> String {
    format!("PostgreSQL refuses: SQLSTATE {code}")
}

impl From<Fault> for IssueError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused { code } => Self::Refused(refusal(&code)),
            Fault::Failed(why) => Self::Failed(why),
        }
    }
}

impl Issuer for Postgres {
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(self.create(order))
    }

    fn renew<'a>(
        &'a self,
        handle: &'a Handle,
        life: Duration,
    ) -> BoxFuture<'a, Result<Duration, IssueError>> {
        Box::pin(async move {
            let role = handle.0.text().and_then(Role::of);
            let role = role.ok_or_else(|| IssueError::Refused("it is no role".to_owned()))?;
            let end = Instant::now() + life;
            self.work(async |session| role::prolong(&session, &role, life.as_secs()).await)
                .await?;
            Ok(end.saturating_duration_since(Instant::now()))
        })
    }

    fn revoke<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async move {
            match handle.0.text() {
                Some(label) => self.remove(label).await,
                None => Ok(Taken::Gone),
            }
        })
    }

    fn recover<'a>(
        &'a self,
        label: &'a str,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(self.remove(label))
    }
}

//! `aws`: a session of a role by AWS's Security Token Service, no wider than a policy made of the order's scopes, and
//! tagged with whom it is for.
//!
//! AWS takes no session back: it is good until it lapses, a quarter of an hour at least, whoever holds it.

mod answer;
mod session;
mod signature;

pub use signature::AccessKey;

use super::oauth::{Form, token_file};
use super::{BoxFuture, Field, Handle, IssueError, Issuer, Minted, Order, RevokeError, Taken};
use crate::egress::{CallError, Caller, Settings as Reach};
use crate::secret::Secret;
use answer::Session;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use signature::Signed;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Asks for sessions of one role.
#[derive(Debug)]
pub struct Aws {
    caller: Caller,
    settings: Settings,
}

/// Which role, and who asks for it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The role's ARN.
    pub role: String,
    /// Where STS is asked.
    pub region: String,
    /// Who asks.
    pub proof: Proof,
    /// What the role's owner wants to hear from whoever assumes it from elsewhere.
    pub external_id: Option<String>,
    /// Whether sessions are tagged with whom they are for, which the role must allow.
    pub tags: bool,
}

/// Who asks for a role.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Who holds an access key: `AssumeRole`.
    Key(AccessKey),
    /// Whom the token in a file names, which others keep fresh: `AssumeRoleWithWebIdentity`.
    File(PathBuf),
    /// The caller itself, by its own token: `AssumeRoleWithWebIdentity`.
    Caller,
}

const MEDIA: HeaderValue = HeaderValue::from_static("text/xml");
const VERSION: &str = "2011-06-15";
/// The shortest and the longest session, in seconds.
const LEAST: u64 = 900;
const MOST: u64 = 43_200;

// === impl Aws ===

impl Aws {
    /// Asks the STS at the URL of `reach`.
    ///
    /// # Errors
    ///
    /// A URL or a certificate that cannot be used.
    pub fn new(reach: &Reach, deadline: Duration, settings: Settings) -> Result<Self, String> {
        Ok(Self {
            caller: Caller::new(reach, deadline)?,
            settings,
        })
    }

    async fn session(&self, order: &Order) -> Result<Minted, IssueError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let why = |_| IssueError::Unavailable("the clock stands before 1970".to_owned());
        let now = now.map_err(why)?.as_secs();
        let (action, token) = match &self.settings.proof {
            Proof::Key(_) => ("AssumeRole", None),
            Proof::File(file) => ("AssumeRoleWithWebIdentity", Some(token_file(file).await?)),
            Proof::Caller => {
                let why = "the caller came without a token: there is nothing to show AWS";
                let proof = order.proof.clone();
                let proof = proof.ok_or_else(|| IssueError::Refused(why.to_owned()))?;
                ("AssumeRoleWithWebIdentity", Some(proof))
            }
        };
        let form = self.form(action, order, token.as_ref())?;
        let answer = self.send(form, now).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(&answer));
        }
        let session = answer::session(answer.body(), now);
        let why = || {
            IssueError::Failed(format!(
                "the answer of {} holds no session",
                self.caller.place()
            ))
        };
        session.map(minted).ok_or_else(why)
    }

    fn form(
        &self,
        action: &str,
        order: &Order,
        token: Option<&Secret>,
    ) -> Result<Form, IssueError> {
        let mut form = Form::new();
        form.add("Action", action);
        form.add("Version", VERSION);
        form.add("RoleArn", &self.settings.role);
        form.add("RoleSessionName", &session::name(order));
        let life = order.life.as_secs().clamp(LEAST, MOST);
        form.add("DurationSeconds", &life.to_string());
        let policy = session::policy(&order.scope).map_err(IssueError::Refused)?;
        if let Some(policy) = policy {
            form.add("Policy", &policy);
        }
        if let Some(token) = token {
            form.add_secret("WebIdentityToken", token);
            // Its tags are what the token says.
            return Ok(form);
        }
        if let Some(id) = &self.settings.external_id {
            form.add("ExternalId", id);
        }
        if self.settings.tags {
            for (number, (name, value)) in (1..).zip(session::tags(&order.whom)) {
                form.add(&format!("Tags.member.{number}.Key"), name);
                form.add(&format!("Tags.member.{number}.Value"), &value);
            }
        }
        Ok(form)
    }

    async fn send(&self, form: Form, now: u64) -> Result<Response<Bytes>, IssueError> {
        let (kind, body) = form.content();
        let mut headers = match &self.settings.proof {
            Proof::Key(key) => {
                let url = self.caller.base();
                let authority = url.authority();
                let what = Signed {
                    host: authority,
                    path: url.path(),
                    region: &self.settings.region,
                    service: "sts",
                    body: std::str::from_utf8(&body).unwrap_or_default(),
                    now,
                };
                let why = || IssueError::Refused("the access key fits no header".to_owned());
                signature::headers(key, what).ok_or_else(why)?
            }
            Proof::File(_) | Proof::Caller => HeaderMap::new(),
        };
        headers.insert(http::header::ACCEPT, MEDIA);
        let answer = self
            .caller
            .call(Method::POST, None, headers, Some((kind, body)))
            .await;
        answer.map_err(|why| {
            let text = format!("{}: {why}", self.caller.place());
            match why {
                CallError::Unsent(_) => IssueError::Unavailable(text),
                CallError::Broken(_) => IssueError::Failed(text),
            }
        })
    }

    fn refusal(&self, answer: &Response<Bytes>) -> IssueError {
        let (status, place) = (answer.status(), self.caller.place());
        let error = answer::error(answer.body());
        let why = match error {
            Some(error) => format!("{place} refused: `{error}`"),
            None => format!("{place} answered with HTTP status {}", status.as_u16()),
        };
        let passing = matches!(
            error,
            Some("IDPCommunicationError" | "Throttling" | "ThrottlingException")
        );
        match passing || status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            true => IssueError::Unavailable(why),
            false => IssueError::Refused(why),
        }
    }
}

impl Issuer for Aws {
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(self.session(order))
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

    fn uses_proof(&self) -> bool {
        matches!(self.settings.proof, Proof::Caller)
    }

    fn lapses(&self) -> bool {
        true
    }
}

fn minted(session: Session) -> Minted {
    Minted {
        fields: vec![
            Field::open("access_key_id", session.id),
            Field::secret("secret_access_key", session.secret),
            Field::secret("session_token", session.token),
        ],
        handle: None,
        life: Some(session.life),
        renewable: false,
    }
}

//! `github_app`: installation tokens of a GitHub App, for the repositories and permissions of one order, revoked when
//! its lease ends.
//!
//! GitHub keeps no names of ours: a token whose answer was lost cannot be found again, and lapses within the hour.

mod answer;
mod scope;

use super::{
    BoxFuture, Field, Handle, IssueError, Issuer, Minted, Order, RevokeError, SigningKey, Taken,
};
use crate::egress::{CallError, Caller, Settings as Reach};
use crate::secret::Secret;
use answer::Token;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use scope::Scope;
use serde_json::{Map, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Asks GitHub for tokens of one installation.
#[derive(Debug)]
pub struct GithubApp {
    caller: Caller,
    app: String,
    installation: u64,
    key: SigningKey,
}

const KIND: HeaderValue = HeaderValue::from_static("application/json");
const MEDIA: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-github-api-version"),
    HeaderValue::from_static("2022-11-28"),
);
/// How far GitHub's clock may be behind ours, and how long a statement of the app is good, in seconds.
const BACK: u64 = 60;
const LIFE: u64 = 300;

// === impl GithubApp ===

impl GithubApp {
    /// Asks the API at the URL of `reach` as this app, about one installation.
    ///
    /// # Errors
    ///
    /// A URL or a certificate that cannot be used.
    pub fn new(
        reach: &Reach,
        deadline: Duration,
        (app, key): (String, SigningKey),
        installation: u64,
    ) -> Result<Self, String> {
        Ok(Self {
            caller: Caller::new(reach, deadline)?,
            app,
            installation,
            key,
        })
    }

    async fn token(&self, order: &Order) -> Result<Minted, IssueError> {
        let scope = Scope::parse(&order.scope).map_err(IssueError::Refused)?;
        let path = format!("app/installations/{}/access_tokens", self.installation);
        let statement = self.statement()?;
        let body = Some(scope.request());
        let answer = self.send(Method::POST, &path, &statement, body).await?;
        if answer.status() != StatusCode::CREATED {
            return Err(self.refusal(&answer));
        }
        let now = now()?;
        let Some((token, fault)) = answer::token(answer.body(), &scope, now) else {
            let why = format!("the answer of {} holds no token", self.caller.place());
            return Err(IssueError::Failed(why));
        };
        match fault {
            None => Ok(minted(token)),
            Some(why) => Err(self.unwanted(&token, why).await),
        }
    }

    /// A token that must not be used is taken back at once.
    async fn unwanted(&self, token: &Token, why: &str) -> IssueError {
        let why = format!("the token {} gave {why}", self.caller.place());
        match self.take_back(&token.value).await {
            Ok(_) => IssueError::Refused(why),
            Err(fault) => IssueError::Failed(format!("{why}; it was not taken back: {fault}")),
        }
    }

    async fn take_back(&self, token: &Secret) -> Result<Taken, RevokeError> {
        let path = "installation/token";
        let answer = self.send(Method::DELETE, path, token, None).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(Taken::Revoked),
            // It proves itself with the token: whatever is not good any more cannot.
            StatusCode::UNAUTHORIZED => Ok(Taken::Gone),
            _ => Err(self.refusal(&answer).into()),
        }
    }

    /// Who asks: the app itself, for a few minutes.
    fn statement(&self) -> Result<Secret, IssueError> {
        let now = now()?;
        let header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
        let claims = json!({
            "iss": self.app, "iat": now.saturating_sub(BACK), "exp": now.saturating_add(LIFE),
        });
        let token = self.key.jws(header, &claims);
        let why = || IssueError::Unavailable("the app's key does not sign".to_owned());
        token.map(Secret::from).ok_or_else(why)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        bearer: &Secret,
        body: Option<String>,
    ) -> Result<Response<Bytes>, IssueError> {
        let mut headers = HeaderMap::new();
        let text = Zeroizing::new([b"Bearer ", bearer.expose()].concat());
        let mut value = HeaderValue::from_bytes(&text)
            .map_err(|_| IssueError::Refused("a token fits no header".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        headers.insert(ACCEPT, MEDIA);
        headers.insert(VERSION.0, VERSION.1);
        let content = body.map(|body| (KIND, Bytes::from(body)));
        let answer = self.caller.call(method, Some(path), headers, content).await;
        answer.map_err(|why| {
            let text = format!("{}: {why}", self.caller.place());
            match why {
                CallError::Unsent(_) => IssueError::Unavailable(text),
                CallError::Broken(_) => IssueError::Failed(text),
            }
        })
    }

    /// By the status alone: what GitHub writes about it is its own. It refuses with 403 also where one asks too often.
    fn refusal(&self, answer: &Response<Bytes>) -> IssueError {
        let status = answer.status();
        let headers = answer.headers();
        let spent = headers
            .get("x-ratelimit-remaining")
            .is_some_and(|left| left == "0");
        let often =
            status == StatusCode::FORBIDDEN && (spent || headers.contains_key("retry-after"));
        let why = format!(
            "{} answered with HTTP status {}",
            self.caller.place(),
            status.as_u16()
        );
        match status {
            _ if often => IssueError::Unavailable(why),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                IssueError::Unavailable(why)
            }
            // It may have been given before something else went wrong.
            _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                IssueError::Failed(why)
            }
            _ => IssueError::Refused(why),
        }
    }
}

impl Issuer for GithubApp {
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(self.token(order))
    }

    fn revoke<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(self.take_back(&handle.0))
    }

    fn recover<'a>(
        &'a self,
        _label: &'a str,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async {
            let why = "GitHub finds no token by a name of ours: if one was given, it lapses within the hour";
            Err(RevokeError::Refused(why.to_owned()))
        })
    }
}

/// `{username}` is what git asks for beside the token.
fn minted(token: Token) -> Minted {
    Minted {
        fields: vec![
            Field::secret("token", token.value.clone()),
            Field::open("username", "x-access-token"),
        ],
        life: Some(token.life),
        handle: Some(Handle(token.value)),
        renewable: false,
    }
}

fn now() -> Result<u64, IssueError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let why = |_| IssueError::Unavailable("the clock stands before 1970".to_owned());
    now.map(|now| now.as_secs()).map_err(why)
}

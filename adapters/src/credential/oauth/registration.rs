//! A client at an authorization server: asks for tokens, and takes them back (RFC 7009).

use super::super::{Field, Handle, IssueError, Minted, RevokeError, Taken};
use super::answer::{self, Expected, Fault, Token};
use super::client::Client;
use super::endpoints::{Directory, Endpoints, Settings};
use super::form::Form;
use crate::egress::{CallError, Caller};
use crate::secret::Secret;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A client at an authorization server.
#[derive(Debug)]
pub struct Registration {
    directory: Directory,
    client: Client,
}

// === impl Registration ===

impl Registration {
    /// Nobody has been asked yet.
    ///
    /// # Errors
    ///
    /// A certificate that cannot be used, an endpoint that cannot be called.
    pub fn new(server: Settings, client: Client) -> Result<Self, String> {
        Ok(Self {
            directory: Directory::new(server)?,
            client,
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it is known that nothing can be taken back.
    pub(crate) fn lapses(&self) -> bool {
        self.directory.lapses()
    }

    /// What becomes of a token whose answer was lost: the server knows no name by which to find it.
    pub(crate) fn lost(&self) -> Result<Taken, RevokeError> {
        let why = "an authorization server finds no token by a name of ours: if one was given, it lapses by itself";
        match self.lapses() {
            true => Ok(Taken::Lapses),
            false => Err(RevokeError::Refused(why.to_owned())),
        }
    }

    /// Whom to ask now.
    ///
    /// # Errors
    ///
    /// Why nobody knows.
    pub(crate) async fn endpoints(&self) -> Result<Arc<Endpoints>, IssueError> {
        let endpoints = self.directory.endpoints().await;
        endpoints.map_err(|why| IssueError::Unavailable(format!("the authorization server: {why}")))
    }

    /// Asks for a token. One that must not be used is taken back at once.
    ///
    /// # Errors
    ///
    /// Why there is none to use.
    pub(crate) async fn ask(
        &self,
        endpoints: &Endpoints,
        form: Form,
        expected: Expected<'_>,
    ) -> Result<Token, IssueError> {
        let caller = &endpoints.token;
        let place = caller.place();
        let answer = self.send(caller, &endpoints.audience, form).await?;
        if answer.status() != StatusCode::OK {
            return Err(answer::refusal(answer.status(), answer.body(), &place));
        }
        let (token, why) = match answer::token(answer.body(), expected) {
            Ok(token) => return Ok(token),
            Err(Fault::Garbled(why)) => {
                return Err(IssueError::Failed(format!("the answer of {place} {why}")));
            }
            Err(Fault::Unwanted(token, why)) => (token, why),
        };
        let why = format!("the token {place} gave {why}");
        match self.take_back(endpoints, &token.lines()).await {
            Ok(Taken::Revoked | Taken::Gone) => Err(IssueError::Refused(why)),
            Ok(Taken::Lapses) | Err(RevokeError::Refused(_)) => Err(IssueError::Refused(format!(
                "{why}; it could not be taken back"
            ))),
            Err(RevokeError::Failed(fault)) => Err(IssueError::Failed(format!(
                "{why}; it could not be taken back: {fault}"
            ))),
        }
    }

    /// A token as a credential.
    pub(crate) fn minted(&self, endpoints: &Endpoints, token: &Token) -> Minted {
        let handle = endpoints.revocation.as_ref().map(|_| Handle(token.lines()));
        Minted {
            fields: vec![Field::secret("token", token.access.clone())],
            handle,
            life: token.life,
            renewable: false,
        }
    }

    /// Takes back what a handle knows.
    ///
    /// # Errors
    ///
    /// Why it may still be good.
    pub(crate) async fn revoke(&self, handle: &Handle) -> Result<Taken, RevokeError> {
        let endpoints = self.endpoints().await?;
        self.take_back(&endpoints, &handle.0).await
    }

    async fn take_back(&self, endpoints: &Endpoints, lines: &Secret) -> Result<Taken, RevokeError> {
        let Some(caller) = &endpoints.revocation else {
            return Ok(Taken::Lapses);
        };
        let mut taken = Taken::Revoked;
        for line in lines.expose().split(|byte| *byte == b'\n') {
            let (hint, token) = match line.strip_prefix(b"r ") {
                Some(token) => ("refresh_token", token),
                None => ("access_token", line.strip_prefix(b"a ").unwrap_or(line)),
            };
            let mut form = Form::new();
            form.add_secret("token", &Secret::new(token));
            form.add("token_type_hint", hint);
            let answer = self.send(caller, &endpoints.audience, form).await?;
            let (status, body) = (answer.status(), answer.body());
            match status {
                StatusCode::OK | StatusCode::NO_CONTENT => {}
                // It says itself that it takes none of this kind back.
                _ if answer::error(body) == Some("unsupported_token_type") => taken = Taken::Lapses,
                // Only who speaks the protocol says no for good: a page of somebody in between does not.
                _ if answer::error(body).is_none() => {
                    let (place, status) = (caller.place(), status.as_u16());
                    let why = format!("{place} answered with HTTP status {status}");
                    return Err(RevokeError::Failed(why));
                }
                _ => return Err(answer::refusal(status, body, &caller.place()).into()),
            }
        }
        Ok(taken)
    }

    async fn send(
        &self,
        caller: &Caller,
        audience: &str,
        mut form: Form,
    ) -> Result<Response<Bytes>, IssueError> {
        let mut headers = HeaderMap::new();
        self.client.prove(&mut headers, &mut form, audience).await?;
        let answer = caller
            .call(Method::POST, None, headers, Some(form.content()))
            .await;
        answer.map_err(|why| {
            let text = format!("{}: {why}", caller.place());
            match why {
                CallError::Unsent(_) => IssueError::Unavailable(text),
                CallError::Broken(_) => IssueError::Failed(text),
            }
        })
    }
}

// === impl Token ===

impl Token {
    /// What must be taken back, a line each; what could make new tokens first.
    fn lines(&self) -> Secret {
        let mut lines = Zeroizing::new(Vec::new());
        if let Some(refresh) = &self.refresh {
            lines.extend_from_slice(b"r ");
            lines.extend_from_slice(refresh.expose());
            lines.push(b'\n');
        }
        lines.extend_from_slice(b"a ");
        lines.extend_from_slice(self.access.expose());
        Secret::new(lines.as_slice())
    }
}

//! `exchange`: the caller's own token exchanged for one that is good at one resource (RFC 8693): the caller is its
//! subject, the gateway and the agents before it are its actors. Taken back by RFC 7009 where that is offered.
//!
//! With [`IdJag`] the exchange gives no token but an assertion, which another authorization server takes for one: the
//! Identity Assertion JWT Authorization Grant, which MCP calls enterprise-managed authorization.

mod actor;

pub use actor::Actor;

use super::oauth::{Expected, Form, Registration, describe};
use super::{BoxFuture, Handle, IssueError, Issuer, Minted, Order, RevokeError, Taken};
use crate::secret::Secret;

/// Exchanges callers' tokens.
#[derive(Debug)]
pub struct Exchange {
    registration: Registration,
    settings: Settings,
    id_jag: Option<IdJag>,
}

/// What is exchanged for what.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What callers' tokens are.
    pub subject: Subject,
    /// Who is said to act; none: the client that asks.
    pub actor: Option<Actor>,
    /// For whom the token is, beside its resource.
    pub audience: Option<String>,
}

/// What a token is (RFC 8693, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// An access token.
    #[default]
    AccessToken,
    /// An ID token.
    IdToken,
    /// A JWT, whatever it is for.
    Jwt,
}

/// The other authorization server, which takes an assertion of the first for a token.
#[derive(Debug)]
pub struct IdJag {
    /// The gateway as a client there.
    pub registration: Registration,
    /// The issuer it is.
    pub audience: String,
}

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const NOT_APPLICABLE: &str = "N_A";

// === impl Exchange ===

impl Exchange {
    /// Exchanges tokens as this client, and what it gets for them at the other server where there is one.
    #[must_use]
    pub fn new(registration: Registration, settings: Settings, id_jag: Option<IdJag>) -> Self {
        Self {
            registration,
            settings,
            id_jag,
        }
    }

    /// A token for the order's resource.
    async fn token(&self, order: &Order) -> Result<Minted, IssueError> {
        let endpoints = self.registration.endpoints().await?;
        let mut form = self.request(order, ACCESS_TOKEN)?;
        describe(&mut form, order, self.settings.audience.as_deref());
        if let Some(actor) = &self.settings.actor {
            let client = self.registration.client();
            let (token, kind) = actor.token(order, client, &endpoints.audience).await?;
            form.add_secret("actor_token", &token);
            form.add("actor_token_type", kind);
        }
        let expected = Expected {
            scope: &order.scope,
            kind: "Bearer",
            issued: Some(ACCESS_TOKEN),
        };
        let token = self.registration.ask(&endpoints, form, expected).await?;
        Ok(self.registration.minted(&endpoints, &token))
    }

    /// An assertion for the other server, and what that gives for it.
    async fn token_there(&self, order: &Order, other: &IdJag) -> Result<Minted, IssueError> {
        let endpoints = self.registration.endpoints().await?;
        let mut form = self.request(order, ID_JAG)?;
        describe(&mut form, order, Some(&other.audience));
        let expected = Expected {
            scope: &order.scope,
            kind: NOT_APPLICABLE,
            issued: Some(ID_JAG),
        };
        // Good for one exchange at one server by one client: nothing that would be taken back.
        let assertion = self.registration.ask(&endpoints, form, expected).await?;
        let endpoints = other.registration.endpoints().await?;
        let mut form = Form::new();
        form.add("grant_type", BEARER);
        form.add_secret("assertion", &assertion.access);
        describe(&mut form, order, None);
        let expected = Expected {
            scope: &order.scope,
            kind: "Bearer",
            issued: None,
        };
        let token = other.registration.ask(&endpoints, form, expected).await?;
        Ok(other.registration.minted(&endpoints, &token))
    }

    /// Who gives the token that is used.
    fn giver(&self) -> &Registration {
        match &self.id_jag {
            None => &self.registration,
            Some(other) => &other.registration,
        }
    }

    fn request(&self, order: &Order, wanted: &str) -> Result<Form, IssueError> {
        let proof = subject(order)?;
        let mut form = Form::new();
        form.add("grant_type", EXCHANGE);
        form.add("requested_token_type", wanted);
        form.add_secret("subject_token", proof);
        form.add("subject_token_type", self.settings.subject.name());
        Ok(form)
    }
}

impl Issuer for Exchange {
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(async move {
            match &self.id_jag {
                None => self.token(order).await,
                Some(other) => self.token_there(order, other).await,
            }
        })
    }

    fn revoke<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(self.giver().revoke(handle))
    }

    fn recover<'a>(
        &'a self,
        _label: &'a str,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async { self.giver().lost() })
    }

    fn uses_proof(&self) -> bool {
        true
    }

    fn lapses(&self) -> bool {
        self.giver().lapses()
    }
}

// === impl Subject ===

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::AccessToken => ACCESS_TOKEN,
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => actor::JWT,
        }
    }
}

/// Whoever came without a token has nothing to exchange; nothing else of theirs stands in for it.
fn subject(order: &Order) -> Result<&Secret, IssueError> {
    order.proof.as_ref().ok_or_else(|| {
        let why =
            "the caller came without a token (by certificate or key, or locally): there is nothing to exchange";
        IssueError::Refused(why.to_owned())
    })
}

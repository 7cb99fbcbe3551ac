//! `oauth`: tokens by the client credentials grant of OAuth 2.1, for one resource, taken back by RFC 7009 where the
//! authorization server offers it.
//!
//! A server keeps no names of ours: a token whose answer was lost cannot be found again, and lapses by itself.

mod answer;
mod client;
mod endpoints;
mod file;
mod form;
mod registration;

pub(crate) use answer::Expected;
pub use client::{Client, ClientKey, Proof};
pub use endpoints::{Place, Settings};
pub(crate) use file::token as token_file;
pub(crate) use form::Form;
pub use registration::Registration;

use super::{BoxFuture, Handle, IssueError, Issuer, Minted, Order, RevokeError, Taken};

/// Asks an authorization server for tokens of the gateway's own.
#[derive(Debug)]
pub struct OAuth {
    registration: Registration,
    audience: Option<String>,
}

// === impl OAuth ===

impl OAuth {
    /// Asks as this client, for tokens that are also for `audience`.
    #[must_use]
    pub fn new(registration: Registration, audience: Option<String>) -> Self {
        Self {
            registration,
            audience,
        }
    }
}

impl Issuer for OAuth {
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(async {
            let endpoints = self.registration.endpoints().await?;
            let mut form = Form::new();
            form.add("grant_type", "client_credentials");
            describe(&mut form, order, self.audience.as_deref());
            let expected = Expected {
                scope: &order.scope,
                kind: "Bearer",
                issued: None,
            };
            let token = self.registration.ask(&endpoints, form, expected).await?;
            Ok(self.registration.minted(&endpoints, &token))
        })
    }

    fn revoke<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(self.registration.revoke(handle))
    }

    fn recover<'a>(
        &'a self,
        _label: &'a str,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async { self.registration.lost() })
    }

    fn lapses(&self) -> bool {
        self.registration.lapses()
    }
}

/// What every grant says of the token that is wanted.
pub(crate) fn describe(form: &mut Form, order: &Order, audience: Option<&str>) {
    if !order.scope.is_empty() {
        form.add("scope", &order.scope.join(" "));
    }
    if let Some(resource) = &order.resource {
        form.add("resource", resource.as_str());
    }
    if let Some(audience) = audience {
        form.add("audience", audience);
    }
}

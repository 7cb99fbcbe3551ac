//! Sessions at the vault: one for each order while it lives, and the gateway's own, to take back what orders left.

use super::api::{Answer, Api, Auth, Fault};
use super::held::Held;
use super::login::Login;
use crate::credential::{IssueError, RevokeError, Taken};
use crate::secret::Secret;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Sessions that live.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) login: Login,
    /// Of orders, by accessor.
    live: Mutex<HashMap<String, Session>>,
    /// The gateway's own. Held while it logs in, so that it does so once.
    own: tokio::sync::Mutex<Option<Session>>,
}

/// One session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) token: Secret,
    /// None: it does not end by itself.
    ends: Option<Instant>,
    renewable: bool,
}

/// Where a session ends itself.
pub(super) const REVOKE_SELF: &str = "auth/token/revoke-self";
/// With less than this left the gateway's own session is prolonged, or opened anew.
const AHEAD: Duration = Duration::from_secs(15);

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(login: Login) -> Self {
        Self {
            login,
            live: Mutex::default(),
            own: tokio::sync::Mutex::default(),
        }
    }

    /// Takes an order's session over; what it can be ended by.
    pub(super) fn open(&self, auth: Auth) -> Held {
        let token = self.login.callers().then(|| auth.token.clone());
        if let (Some(accessor), Ok(mut live)) = (&auth.accessor, self.live.lock()) {
            // A session whose order was given up on before it was written down has ended by then.
            live.retain(|_, session| !session.over());
            live.insert(accessor.clone(), Session::of(&auth));
        }
        Held {
            accessor: auth.accessor,
            token,
            ..Held::default()
        }
    }

    /// The session of an order, while this process has it.
    pub(super) fn of(&self, held: &Held) -> Option<Session> {
        let live = self.live.lock().ok()?;
        let known = held.accessor.as_ref().and_then(|known| live.get(known));
        known.cloned().or_else(|| {
            let token = held.token.clone()?;
            Some(Session {
                token,
                ends: None,
                renewable: false,
            })
        })
    }

    /// Lets an order's session live this long from now if it can; how long it does.
    pub(super) async fn prolong(&self, api: &Api, held: &Held, life: Duration) -> Option<Duration> {
        let mut session = self.of(held)?;
        let left = session.left();
        if left.is_none_or(|left| left >= life) || !session.renewable {
            return left;
        }
        let body = json!({ "increment": seconds(life) });
        let renewed = api.post(Some(&session.token), "auth/token/renew-self", body);
        let Some(auth) = renewed.await.ok().and_then(|answer| answer.auth) else {
            return left;
        };
        session.ends = auth.life.map(|life| Instant::now() + life);
        let left = session.left();
        if let (Some(accessor), Ok(mut live)) = (&held.accessor, self.live.lock()) {
            live.insert(accessor.clone(), session);
        }
        left
    }

    /// Ends an order's session, and with it whatever was minted in it.
    pub(super) async fn end(&self, api: &Api, held: &Held) -> Result<Taken, RevokeError> {
        if let Some(session) = self.of(held) {
            let ended = api.post(Some(&session.token), REVOKE_SELF, json!({}));
            let taken = match ended.await {
                Ok(_) => Some(Taken::Revoked),
                // It could end itself when it was opened.
                Err(fault) if fault.forbidden() && held.token.is_some() => Some(Taken::Gone),
                Err(fault) if fault.forbidden() => None,
                Err(fault) => return Err(fault.into()),
            };
            if let Some(taken) = taken {
                self.forget(held);
                return Ok(taken);
            }
        }
        match &held.accessor {
            Some(accessor) => {
                let body = json!({ "accessor": accessor });
                let answer = self.post(api, "auth/token/revoke-accessor", body).await?;
                self.forget(held);
                // A warning says that there is none.
                Ok(match answer.warned {
                    true => Taken::Gone,
                    false => Taken::Revoked,
                })
            }
            None => Err(RevokeError::Refused(
                "minted with the token of a file, which may have no tokens below it: what is not known by its id cannot be found"
                    .to_owned(),
            )),
        }
    }

    /// A call in the gateway's own session; once more in a fresh one if that has ended.
    pub(super) async fn post(
        &self,
        api: &Api,
        path: &str,
        body: Value,
    ) -> Result<Answer, RevokeError> {
        let token = self.own(api, None).await.map_err(later)?;
        match api.post(Some(&token), path, body.clone()).await {
            Err(fault) if fault.forbidden() => {
                let fresh = self.own(api, Some(&token)).await.map_err(later)?;
                match fresh == token {
                    true => Err(fault.into()),
                    false => Ok(api.post(Some(&fresh), path, body).await?),
                }
            }
            answer => Ok(answer?),
        }
    }

    /// The gateway's own session, opened where there is none or only the one that `ended`.
    pub(super) async fn own(
        &self,
        api: &Api,
        ended: Option<&Secret>,
    ) -> Result<Secret, IssueError> {
        let mut own = self.own.lock().await;
        if let Some(session) = &mut *own
            && ended != Some(&session.token)
            && session.ahead(api).await
        {
            return Ok(session.token.clone());
        }
        let auth = self.login.own(api).await?;
        let session = Session::of(&auth);
        // What somebody keeps in a file is read each time.
        *own = (!self.login.lends()).then_some(session);
        Ok(auth.token)
    }

    /// Ends the gateway's own session.
    pub(super) async fn close(&self, api: &Api) {
        let own = self.own.lock().await.take();
        if let Some(own) = own {
            // It lapses by itself where this fails.
            let _ended: Result<Answer, Fault> =
                api.post(Some(&own.token), REVOKE_SELF, json!({})).await;
        }
    }

    pub(super) fn forget(&self, held: &Held) {
        if let (Some(accessor), Ok(mut live)) = (&held.accessor, self.live.lock()) {
            live.remove(accessor);
        }
    }
}

// === impl Session ===

impl Session {
    fn of(auth: &Auth) -> Self {
        Self {
            token: auth.token.clone(),
            ends: auth.life.map(|life| Instant::now() + life),
            renewable: auth.renewable,
        }
    }

    /// How long it lives; none: until it is ended.
    pub(super) fn left(&self) -> Option<Duration> {
        let ends = self.ends?;
        Some(ends.saturating_duration_since(Instant::now()))
    }

    fn over(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// Whether it is good for a while yet; prolongs it where it would end soon.
    async fn ahead(&mut self, api: &Api) -> bool {
        let good = |session: &Self| session.left().is_none_or(|left| left > AHEAD);
        if !good(self) && self.renewable && !self.over() {
            let renewed = api.post(Some(&self.token), "auth/token/renew-self", json!({}));
            if let Some(auth) = renewed.await.ok().and_then(|answer| answer.auth) {
                self.ends = auth.life.map(|life| Instant::now() + life);
            }
        }
        good(self)
    }
}

/// How the API writes a length of time.
pub(super) fn seconds(life: Duration) -> String {
    format!("{}s", life.as_secs().max(1))
}

/// A login that fails may succeed once its secret was mended; only callers log in where the gateway never does.
fn later(error: IssueError) -> RevokeError {
    match error {
        IssueError::Refused(why) | IssueError::Unavailable(why) | IssueError::Failed(why) => {
            RevokeError::Failed(why)
        }
    }
}

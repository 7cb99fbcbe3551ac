//! Vault and OpenBao: reads secrets, mints leases and certificates, and takes them back.
//!
//! Every order logs in anew. Its session is the order's root: ending it takes back every lease minted in it, also one
//! nobody has heard of. What revokes a session is its accessor, which is good for nothing else; only a caller's own
//! session, which nobody but itself can end, is kept as it is.

mod api;
mod held;
mod login;
mod sessions;
mod template;
#[cfg(test)]
mod tests;

pub use login::{Jwt, Login, Material};
pub use template::Template;

use super::{BoxFuture, Field, Handle, IssueError, Issuer, Minted, Order, RevokeError, Taken};
use crate::egress::Caller;
use crate::secret::Secret;
use api::{Answer, Api, Lease};
use held::{Held, What};
use serde_json::{Map, Value, json};
use sessions::{Sessions, seconds};
use std::time::{Duration, SystemTime};

/// Issues what one path of a vault gives.
#[derive(Debug)]
pub struct Vault {
    api: Api,
    sessions: Sessions,
    path: Template,
    parameters: Option<Vec<(Box<str>, Template)>>,
}

/// What to ask, and as whom.
#[derive(Debug)]
pub struct Settings {
    /// How to log in.
    pub login: Login,
    /// What is read, below `/v1/`.
    pub path: Template,
    /// With these it is written to instead, as `pki/issue/ROLE` wants it.
    pub parameters: Option<Vec<(Box<str>, Template)>>,
    /// The namespace of all this.
    pub namespace: Option<Box<str>>,
}

/// Parts of a credential anybody may see. All others are secret.
const OPEN: [&str; 14] = [
    "access_key",
    "arn",
    "username",
    "user",
    "common_name",
    "serial_number",
    "expiration",
    "certificate",
    "issuing_ca",
    "private_key_type",
    "host",
    "port",
    "region",
    "service_account_name",
];

// === impl Vault ===

impl Vault {
    /// Nobody has been called yet.
    ///
    /// # Errors
    ///
    /// A namespace that fits no header.
    pub fn new(caller: Caller, settings: Settings) -> Result<Self, String> {
        Ok(Self {
            api: Api::new(caller, settings.namespace.as_deref())?,
            sessions: Sessions::new(settings.login),
            path: settings.path,
            parameters: settings.parameters,
        })
    }

    async fn open(&self, order: &Order) -> Result<Option<Handle>, IssueError> {
        self.fits(order)?;
        let auth = self.sessions.login.for_order(&self.api, order).await?;
        let held = auth.map_or_else(Held::default, |auth| self.sessions.open(auth));
        Ok(Some(held.handle()))
    }

    /// A scope nobody would hear of would leave a credential that is good for more than was asked for.
    fn fits(&self, order: &Order) -> Result<(), IssueError> {
        let parameters = self.parameters.iter().flatten();
        let scoped = self.path.scoped() || parameters.map(|(_, text)| text).any(Template::scoped);
        match scoped || order.scope.is_empty() {
            true => Ok(()),
            false => Err(IssueError::Refused(
                "a scope is asked for, and neither `path` nor `parameters` has `{scope}`"
                    .to_owned(),
            )),
        }
    }

    async fn within(&self, order: &Order, held: Held) -> Result<Minted, IssueError> {
        let token = self.token(&held).await?;
        let path = self.path.fill_path(order).map_err(IssueError::Refused)?;
        let answer = match &self.parameters {
            None => {
                let path = format!("{path}?ttl={}", seconds(order.life));
                self.api.get(&token, &path).await?
            }
            Some(parameters) => {
                let mut body = Map::new();
                body.insert("ttl".to_owned(), seconds(order.life).into());
                for (name, text) in parameters {
                    let text = text.fill_text(order).map_err(IssueError::Refused)?;
                    body.insert(name.to_string(), text.into());
                }
                self.api.post(Some(&token), &path, body.into()).await?
            }
        };
        self.minted(order, (held, &token), (&path, answer)).await
    }

    /// With what an order's calls are made.
    async fn token(&self, held: &Held) -> Result<Secret, IssueError> {
        match (self.sessions.of(held), &held.accessor) {
            (Some(session), _) => Ok(session.token),
            (None, None) => self.sessions.own(&self.api, None).await,
            (None, Some(_)) => Err(IssueError::Refused(
                "the order's session has ended".to_owned(),
            )),
        }
    }

    async fn minted(
        &self,
        order: &Order,
        (mut held, token): (Held, &Secret),
        (path, answer): (&str, Answer),
    ) -> Result<Minted, IssueError> {
        let Answer { lease, data, .. } = answer;
        let session = self.sessions.of(&held).and_then(|session| session.left());
        let most = session.map_or(order.life, |left| left.min(order.life));
        let serial = data.get("serial_number").and_then(Value::as_str);
        let (life, renewable) = match (lease, serial, revoked_at(path)) {
            (Some(lease), ..) => {
                let life = self.shorten(&lease, token, order.life).await;
                held.what = What::Lease(lease.id);
                (Some(life.min(most)), lease.renewable)
            }
            (None, Some(serial), Some(at)) => {
                held.what = What::Certificate {
                    serial: serial.to_owned(),
                    at,
                };
                (
                    Some(lasts(&data).map_or(most, |life| life.min(most))),
                    false,
                )
            }
            // Nothing was made: it is as it was before, and the session has done its work.
            _ => {
                let _ended: Result<Taken, RevokeError> = self.sessions.end(&self.api, &held).await;
                (None, false)
            }
        };
        let fields = fields(data);
        if fields.is_empty() {
            let why = format!("`{}` gives no fields at `{path}`", self.api.place());
            return Err(self.unusable(&held, why).await);
        }
        let handle = (held.what != What::Nothing).then(|| held.handle());
        Ok(Minted {
            fields,
            handle,
            life,
            renewable,
        })
    }

    /// What nobody can use is taken back; where that fails, its root must be looked after.
    async fn unusable(&self, held: &Held, why: String) -> IssueError {
        match held.what {
            What::Nothing => IssueError::Refused(why),
            _ => match self.take(&held.handle()).await {
                Ok(_) => IssueError::Refused(why),
                Err(_) => IssueError::Failed(why),
            },
        }
    }

    /// A refusal leaves no session behind.
    async fn refused(&self, held: &Held, why: String) -> IssueError {
        match self.sessions.end(&self.api, held).await {
            Err(_) if held.accessor.is_some() => IssueError::Failed(why),
            _ => IssueError::Refused(why),
        }
    }

    /// A lease that would outlive its order is cut short where its engine lets one; how long it lives.
    async fn shorten(&self, lease: &Lease, token: &Secret, most: Duration) -> Duration {
        if lease.life <= most || !lease.renewable {
            return lease.life;
        }
        let body = json!({ "lease_id": lease.id, "increment": most.as_secs().max(1) });
        let renewed = self.api.post(Some(token), "sys/leases/renew", body).await;
        let renewed = renewed.ok().and_then(|answer| answer.lease);
        renewed.map_or(lease.life, |lease| lease.life)
    }

    async fn prolong(&self, handle: &Handle, life: Duration) -> Result<Duration, IssueError> {
        let refused = |why: &str| IssueError::Refused(why.to_owned());
        let held = Held::read(handle).ok_or_else(|| refused("is no handle of a vault's"))?;
        let What::Lease(id) = &held.what else {
            return Err(refused("cannot be prolonged"));
        };
        let token = self.token(&held).await?;
        let session = self.sessions.prolong(&self.api, &held, life).await;
        let body = json!({ "lease_id": id, "increment": life.as_secs().max(1) });
        let answer = self.api.post(Some(&token), "sys/leases/renew", body);
        let lease = answer.await?.lease;
        let lease = lease.ok_or_else(|| refused("the vault has renewed nothing"))?;
        match session.map_or(lease.life, |left| left.min(lease.life)) {
            Duration::ZERO => Err(refused("cannot be prolonged")),
            life => Ok(life),
        }
    }

    async fn take(&self, handle: &Handle) -> Result<Taken, RevokeError> {
        let held = Held::read(handle)
            .ok_or_else(|| RevokeError::Refused("is no handle of a vault's".to_owned()))?;
        let asked = match &held.what {
            What::Nothing => return self.sessions.end(&self.api, &held).await,
            What::Lease(id) => {
                let body = json!({ "lease_id": id, "sync": true });
                self.ask(&held, "sys/leases/revoke", body).await
            }
            What::Certificate { serial, at } => {
                let body = json!({ "serial_number": serial });
                self.ask(&held, at, body).await
            }
        };
        match (asked, &held.what, &held.accessor) {
            (Ok(()), _, None) => Ok(Taken::Revoked),
            (Ok(()), _, Some(_)) => {
                self.sessions.end(&self.api, &held).await?;
                Ok(Taken::Revoked)
            }
            // The end of its session takes a lease along, and nothing else.
            (Err(RevokeError::Refused(why)), what, Some(_)) => {
                let taken = self.sessions.end(&self.api, &held).await?;
                match what {
                    What::Lease(_) => Ok(taken),
                    _ => Err(RevokeError::Refused(why)),
                }
            }
            (Err(why), ..) => Err(why),
        }
    }

    /// A call in the order's session, or in the gateway's own where that has ended or may not.
    async fn ask(&self, held: &Held, path: &str, body: Value) -> Result<(), RevokeError> {
        if let Some(session) = self.sessions.of(held) {
            let asked = self
                .api
                .post(Some(&session.token), path, body.clone())
                .await;
            match asked {
                Err(fault) if fault.forbidden() && held.token.is_none() => {}
                answer => return Ok(answer.map(drop)?),
            }
        }
        self.sessions.post(&self.api, path, body).await.map(drop)
    }

    async fn find(&self, root: Option<&Handle>) -> Result<Taken, RevokeError> {
        // Without a session nothing was minted.
        let Some(root) = root else {
            return Ok(Taken::Gone);
        };
        let held = Held::read(root)
            .ok_or_else(|| RevokeError::Refused("is no handle of a vault's".to_owned()))?;
        let ended = self.sessions.end(&self.api, &held).await?;
        // What was written for, such as a certificate, does not end with the session that asked for it.
        Ok(match self.parameters {
            Some(_) => Taken::Lapses,
            None => ended,
        })
    }
}

impl Issuer for Vault {
    fn root<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Option<Handle>, IssueError>> {
        Box::pin(self.open(order))
    }

    fn mint<'a>(
        &'a self,
        order: &'a Order,
        root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(async move {
            self.fits(order)?;
            let held = root.and_then(Held::read);
            let held =
                held.ok_or_else(|| IssueError::Refused("the order has no root".to_owned()))?;
            match self.within(order, held.clone()).await {
                Err(IssueError::Refused(why)) => Err(self.refused(&held, why).await),
                minted => minted,
            }
        })
    }

    fn renew<'a>(
        &'a self,
        handle: &'a Handle,
        life: Duration,
    ) -> BoxFuture<'a, Result<Duration, IssueError>> {
        Box::pin(self.prolong(handle, life))
    }

    fn revoke<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(self.take(handle))
    }

    fn recover<'a>(
        &'a self,
        _label: &'a str,
        root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(self.find(root))
    }

    fn uses_proof(&self) -> bool {
        self.sessions.login.callers()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.sessions.close(&self.api))
    }
}

// === Reading what was minted ===

/// Where the certificates of an issuing path are revoked.
fn revoked_at(path: &str) -> Option<String> {
    let issuing = ["/issue/", "/sign/", "/sign-verbatim/"];
    let (mount, _) = issuing.into_iter().find_map(|word| path.split_once(word))?;
    // An authority's own endpoints: `pki/issuer/NAME/issue/ROLE`.
    let mount = mount
        .split_once("/issuer/")
        .map_or(mount, |(mount, _)| mount);
    Some(format!("{mount}/revoke"))
}

/// How long a certificate lasts.
fn lasts(data: &Map<String, Value>) -> Option<Duration> {
    let end = Duration::from_secs(data.get("expiration")?.as_u64()?);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Some(end.saturating_sub(now))
}

/// What is text, or can be written as such. KV of the second version wraps it.
fn fields(mut data: Map<String, Value>) -> Vec<Field> {
    if data.get("metadata").is_some_and(Value::is_object)
        && let Some(Value::Object(inner)) = data.remove("data")
    {
        data = inner;
    }
    let text = |(name, value): (String, Value)| {
        let value = match value {
            Value::String(text) => Secret::from(text),
            Value::Number(number) => Secret::from(number.to_string()),
            Value::Bool(flag) => Secret::from(flag.to_string()),
            _ => return None,
        };
        Some(match OPEN.contains(&name.as_str()) {
            true => Field::open(&name, value),
            false => Field::secret(&name, value),
        })
    };
    data.into_iter().filter_map(text).collect()
}

//! How the gateway, or a caller, becomes somebody at the vault.

use super::api::{Answer, Api, Auth, Fault};
use super::sessions::{REVOKE_SELF, seconds};
use crate::credential::oauth::token_file;
use crate::credential::{IssueError, Order};
use crate::secret::Secret;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// How to log in.
#[derive(Debug, Clone)]
pub enum Login {
    /// By a JWT, at `auth/MOUNT/login`.
    Jwt {
        /// Where the method is.
        mount: Box<str>,
        /// As whom.
        role: Box<str>,
        /// Whose token it is.
        jwt: Jwt,
    },
    /// By AppRole.
    AppRole {
        /// Where the method is.
        mount: Box<str>,
        /// As whom.
        role_id: Box<str>,
        /// The proof of it.
        secret_id: Material,
    },
    /// Not at all: by a vault token somebody else keeps alive.
    Token(PathBuf),
}

/// Whose JWT it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwt {
    /// The gateway's, in a file somebody renews.
    File(PathBuf),
    /// The one the caller came with.
    Caller,
}

/// A secret to log in with.
#[derive(Debug, Clone)]
pub enum Material {
    /// In a file, read at each login.
    File(PathBuf),
    /// As it was at the start.
    Held(Secret),
}

// === impl Login ===

impl Login {
    /// Logs in for an order. None: the file's token may have no tokens below it, and serves the order itself.
    pub(super) async fn for_order(
        &self,
        api: &Api,
        order: &Order,
    ) -> Result<Option<Auth>, IssueError> {
        let auth = match self {
            Self::Jwt {
                mount,
                role,
                jwt: Jwt::Caller,
            } => match &order.proof {
                Some(proof) => ending(api, by_jwt(api, (mount, role), proof).await?).await?,
                None => {
                    let why = "the caller came without a token to log in with";
                    return Err(IssueError::Refused(why.to_owned()));
                }
            },
            Self::Token(file) => return child(api, &token_file(file).await?, order).await,
            _ => self.own(api).await?,
        };
        Ok(Some(auth))
    }

    /// Logs the gateway itself in.
    pub(super) async fn own(&self, api: &Api) -> Result<Auth, IssueError> {
        match self {
            Self::Jwt {
                mount,
                role,
                jwt: Jwt::File(file),
            } => by_jwt(api, (mount, role), &token_file(file).await?).await,
            Self::Jwt { .. } => Err(IssueError::Refused(
                "only callers log in here, not the gateway".to_owned(),
            )),
            Self::AppRole {
                mount,
                role_id,
                secret_id,
            } => {
                let held;
                let secret_id = match secret_id {
                    Material::Held(secret) => secret,
                    Material::File(file) => {
                        held = token_file(file).await?;
                        &held
                    }
                };
                let body = json!({ "role_id": role_id, "secret_id": secret_id.text() });
                session(api.post(None, &format!("auth/{mount}/login"), body).await)
            }
            // Whoever keeps the file renews it.
            Self::Token(file) => Ok(Auth {
                token: token_file(file).await?,
                accessor: None,
                life: None,
                renewable: false,
            }),
        }
    }

    /// Whether the session the gateway has for itself is its own to end.
    pub(super) fn lends(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    /// Whether only callers log in.
    pub(super) fn callers(&self) -> bool {
        matches!(
            self,
            Self::Jwt {
                jwt: Jwt::Caller,
                ..
            }
        )
    }
}

async fn by_jwt(api: &Api, (mount, role): (&str, &str), jwt: &Secret) -> Result<Auth, IssueError> {
    let body = json!({ "role": role, "jwt": jwt.text() });
    session(api.post(None, &format!("auth/{mount}/login"), body).await)
}

/// A caller's session that may end itself: nobody else can, and when it may no more, it has ended.
async fn ending(api: &Api, auth: Auth) -> Result<Auth, IssueError> {
    let body = json!({ "paths": [REVOKE_SELF] });
    let asked = api
        .post(Some(&auth.token), "sys/capabilities-self", body)
        .await;
    let may = match asked {
        Ok(answer) => allows(&answer.data, REVOKE_SELF),
        Err(fault) if fault.forbidden() => false,
        Err(fault) => return Err(fault.into()),
    };
    match may {
        true => Ok(auth),
        false => Err(IssueError::Refused(
            "a caller's session may not end itself: give its role the policy `default`".to_owned(),
        )),
    }
}

fn allows(data: &Map<String, Value>, path: &str) -> bool {
    let capabilities = data.get(path).and_then(Value::as_array);
    let mut capabilities = capabilities.into_iter().flatten().filter_map(Value::as_str);
    capabilities.any(|one| matches!(one, "update" | "root"))
}

/// A token below the file's own, which an order can have for itself, if that one may make any.
async fn child(api: &Api, token: &Secret, order: &Order) -> Result<Option<Auth>, IssueError> {
    let body = json!({
        "display_name": "hopgate",
        "meta": { "hopgate": &*order.label },
        "ttl": seconds(order.life),
    });
    match api.post(Some(token), "auth/token/create", body).await {
        Err(fault) if fault.forbidden() => Ok(None),
        answer => session(answer).map(Some),
    }
}

/// A session that can be ended.
fn session(answer: Result<Answer, Fault>) -> Result<Auth, IssueError> {
    let auth = answer?.auth;
    let auth = auth.ok_or_else(|| IssueError::Refused("the login gives no token".to_owned()))?;
    match auth.accessor {
        Some(_) => Ok(auth),
        None => Err(IssueError::Refused(
            "the login gives a token without accessor, which cannot be revoked: let its role give service tokens"
                .to_owned(),
        )),
    }
}

//! How the gateway proves to an authorization server which client it is (RFC 6749, RFC 7521, RFC 7523).

use super::super::{IssueError, SigningKey};
use super::file;
use super::form::Form;
use crate::secret::Secret;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// A client of an authorization server.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name there; a workload's token may say it alone.
    pub id: Option<String>,
    /// What proves it.
    pub proof: Proof,
}

/// What proves a client.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Its secret in a header: `client_secret_basic`.
    Basic(Secret),
    /// Its secret in the body: `client_secret_post`.
    Post(Secret),
    /// A token it signs for each request: `private_key_jwt`.
    Key(ClientKey),
    /// A token that somebody else signs and keeps fresh in a file: a workload's own.
    Assertion(PathBuf),
}

/// A client's private key.
#[derive(Debug, Clone)]
pub struct ClientKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// As the server knows it, where it must be told.
    pub kid: Option<String>,
    /// For whom its tokens are, where it is neither the server's issuer nor its token endpoint.
    pub audience: Option<String>,
}

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long a token the client signs is good, in seconds.
const LIFE: u64 = 60;

// === impl Client ===

impl Client {
    /// Proves the client in one request.
    ///
    /// # Errors
    ///
    /// A key that cannot sign, a file without a token.
    pub(super) async fn prove(
        &self,
        headers: &mut HeaderMap,
        form: &mut Form,
        audience: &str,
    ) -> Result<(), IssueError> {
        match &self.proof {
            Proof::Basic(secret) => {
                headers.insert(AUTHORIZATION, basic(self.name(), secret)?);
                return Ok(());
            }
            Proof::Post(secret) => form.add_secret("client_secret", secret),
            Proof::Key(key) => {
                form.add("client_assertion_type", ASSERTION);
                let token = key.token(self.name(), audience, Map::new())?;
                form.add_secret("client_assertion", &token);
            }
            Proof::Assertion(path) => {
                form.add("client_assertion_type", ASSERTION);
                form.add_secret("client_assertion", &file::token(path).await?);
            }
        }
        if let Some(id) = &self.id {
            form.add("client_id", id);
        }
        Ok(())
    }

    /// A token signed by the client, with further claims; none where it has no key.
    ///
    /// # Errors
    ///
    /// A key that cannot sign.
    pub(crate) fn statement(
        &self,
        audience: &str,
        more: Map<String, Value>,
    ) -> Result<Option<Secret>, IssueError> {
        match &self.proof {
            Proof::Key(key) => Ok(Some(key.token(self.name(), audience, more)?)),
            _ => Ok(None),
        }
    }

    fn name(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
}

// === impl ClientKey ===

impl ClientKey {
    fn token(
        &self,
        client: &str,
        audience: &str,
        more: Map<String, Value>,
    ) -> Result<Secret, IssueError> {
        let failed = |why: &str| IssueError::Unavailable(why.to_owned());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(|_| failed("the clock stands before 1970"))?;
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| failed("the system gives no random numbers"))?;
        let mut claims = more;
        claims.extend([
            ("iss".to_owned(), json!(client)),
            ("sub".to_owned(), json!(client)),
            (
                "aud".to_owned(),
                json!(self.audience.as_deref().unwrap_or(audience)),
            ),
            ("jti".to_owned(), json!(URL_SAFE_NO_PAD.encode(id))),
            ("iat".to_owned(), json!(now.as_secs())),
            ("exp".to_owned(), json!(now.as_secs() + LIFE)),
        ]);
        let mut header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
        header.extend(self.kid.iter().map(|kid| ("kid".to_owned(), json!(kid))));
        let token = self.key.jws(header, &Value::Object(claims));
        let token = token.ok_or_else(|| failed("the client's key does not sign"))?;
        Ok(token.into())
    }
}

/// Name and secret are encoded like a form before they are joined (RFC 6749, 2.3.1).
fn basic(name: &str, secret: &Secret) -> Result<HeaderValue, IssueError> {
    let mut pair = Zeroizing::new(String::new());
    pair.extend(byte_serialize(name.as_bytes()));
    pair.push(':');
    pair.extend(byte_serialize(secret.expose()));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| IssueError::Refused("the client's secret fits no header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

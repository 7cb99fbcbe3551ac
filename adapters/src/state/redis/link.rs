//! A connection to the store: dialled, judged and encrypted like every other, and cut when nobody holds it any more.

use super::script::Script;
use super::{Down, Settings};
use crate::egress::{self, DialError, Dialer};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, ProtocolVersion, RedisConnectionInfo};
use redis::{RedisError, Value};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

/// How connections are opened.
#[derive(Debug)]
pub(super) struct Door {
    dialer: Dialer,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    database: i64,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Wire {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
}

/// Where a store listens when its URL does not say.
const PORT: u16 = 6379;

// === impl Door ===

impl Door {
    pub(super) fn new(reach: &egress::Settings) -> Result<Self, String> {
        let url = &reach.url;
        let scheme = match url.scheme() {
            "redis" => "http",
            "rediss" => "https",
            _ => return Err(format!("`{url}` is no redis or rediss URL")),
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or_else(|| format!("`{url}` names no host"))?;
        let database = match url.path().trim_start_matches('/') {
            "" => 0,
            number => number
                .parse::<u16>()
                .map(i64::from)
                .map_err(|_| format!("`{number}` is no number of a database"))?,
        };
        // The dialer speaks of http; read anew, so that an address is taken for one.
        let place = format!("{scheme}://{host}:{}/", url.port().unwrap_or(PORT));
        let place = url::Url::parse(&place).map_err(|why| why.to_string())?;
        let dialer = Dialer::new(&place, &reach.allow_private, reach.connect)
            .ok_or_else(|| format!("`{url}` names no host"))?;
        let tls = if scheme == "https" {
            let config = egress::client_config(&reach.roots, reach.identity.as_ref());
            let mut config = ClientConfig::clone(&*config.map_err(|error| error.to_string())?);
            config.alpn_protocols.clear();
            let name = place
                .host_str()
                .unwrap_or_default()
                .trim_matches(['[', ']']);
            let name = ServerName::try_from(name.to_owned()).map_err(|why| why.to_string())?;
            Some((Arc::new(config), name))
        } else {
            None
        };
        Ok(Self {
            dialer,
            tls,
            database,
        })
    }

    /// Opens a connection and proves who we are.
    pub(super) async fn open(&self, settings: &Settings) -> Result<Wire, Down> {
        let deadline = self.dialer.deadline();
        let stream = self.dialer.dial(deadline).await.map_err(undialled)?;
        let mut info = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name()
            .set_db(self.database);
        if let Some(name) = &settings.username {
            info = info.set_username(name);
        }
        if let Some(password) = &settings.password {
            let password = password.get().map_err(Down::Broken)?;
            let text = password.text();
            info = info.set_password(text.ok_or(Down::Broken("a password is text".to_owned()))?);
        }
        let opened = async {
            match self.tls.clone() {
                None => greet(&info, stream).await,
                Some((config, name)) => {
                    let shaken = TlsConnector::from(config).connect(name, stream).await;
                    let stream =
                        shaken.map_err(|why| Down::Broken(egress::handshake_fault(&why)))?;
                    greet(&info, stream).await
                }
            }
        };
        timeout_at(deadline, opened).await.map_err(|_| Down::Away)?
    }
}

async fn greet<S>(info: &RedisConnectionInfo, stream: S) -> Result<Wire, Down>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Every question has its own deadline here.
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_connection_timeout(None);
    let opened = MultiplexedConnection::new_with_config(info, stream, config).await;
    let (connection, driver) = opened.map_err(|error| fault(&error))?;
    Ok(Wire {
        connection,
        driver: tokio::spawn(driver),
    })
}

/// What is wrong with the configuration is said; that nobody is there may change by itself.
fn undialled(why: DialError) -> Down {
    match why {
        DialError::Plain { address } => Down::Broken(format!(
            "plain redis to `{address}`, a public address; use rediss"
        )),
        DialError::Private { .. } | DialError::Unresolved(_) => Down::Broken(why.to_string()),
        DialError::Connect(_) | DialError::TimedOut => Down::Away,
    }
}

// === impl Wire ===

impl Wire {
    /// Runs a script: one command, and one more where the store has not seen the script yet.
    pub(super) async fn run(
        &self,
        script: &Script,
        fill: impl Fn(&mut Cmd) + Send + Sync,
    ) -> Result<Value, Down> {
        let mut connection = self.connection.clone();
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.digest());
        fill(&mut command);
        let error = match connection.send_packed_command(&command).await {
            Ok(Value::ServerError(error)) => RedisError::from(error),
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.code() != Some("NOSCRIPT") {
            return Err(fault(&error));
        }
        let mut command = redis::cmd("EVAL");
        command.arg(script.text());
        fill(&mut command);
        match connection.send_packed_command(&command).await {
            Ok(Value::ServerError(error)) => Err(fault(&error.into())),
            Ok(value) => Ok(value),
            Err(error) => Err(fault(&error)),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What an error means. Of the store's own words only the code is repeated.
fn fault(error: &RedisError) -> Down {
    match error.kind() {
        ErrorKind::Io => return Down::Away,
        ErrorKind::AuthenticationFailed => {
            let why = "it refuses the user name or the password";
            return Down::Broken(why.to_owned());
        }
        _ => {}
    }
    let why = match error.code() {
        Some("NOAUTH") => "it asks for a password",
        Some("NOPERM") => "its ACL does not allow what the gateway does",
        Some("OOM") => "its memory is full",
        Some("READONLY") => "it is a replica, which takes no writes",
        Some("LOADING") => "it is still loading what it holds",
        Some(code) if code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            return Down::Broken(format!("it answers {code}"));
        }
        _ => "it answers something else than Redis does",
    };
    Down::Broken(why.to_owned())
}

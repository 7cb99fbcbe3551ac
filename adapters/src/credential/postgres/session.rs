//! One session with PostgreSQL as the role that makes roles: opened for one piece of work, and closed after it.

use super::tls::Tls;
use super::{Fault, Settings};
use crate::egress::{self, Dialer};
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{NoTls, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, Connection, SimpleQueryMessage};

/// How sessions are opened.
#[derive(Debug)]
pub(super) struct Door {
    dialer: Dialer,
    tls: Option<Tls>,
}

/// A session. What was not committed when it is dropped has not happened.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    driver: JoinHandle<()>,
}

/// Fixed first: quotes must mean what they seem to, and nothing may be left running or locked behind us. What the server
/// would like to remark nobody reads.
const SETTLED: &str = "SET standard_conforming_strings = on; SET client_min_messages = error;";

// === impl Door ===

impl Door {
    pub(super) fn new(settings: &egress::Settings) -> Result<Self, String> {
        let url = &settings.url;
        let dialer = Dialer::new(url, &settings.allow_private, settings.connect);
        let dialer = dialer.ok_or_else(|| format!("`{url}` names no host"))?;
        let tls = match url.scheme() {
            "https" => {
                let config = egress::client_config(&settings.roots, settings.identity.as_ref());
                let config = config.map_err(|error| error.to_string())?;
                let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
                let name = ServerName::try_from(host.to_owned());
                Some(Tls::new(&config, name.map_err(|why| why.to_string())?))
            }
            _ => None,
        };
        Ok(Self { dialer, tls })
    }

    /// Opens a session in which every statement ends within this time, also when nobody waits for it any more.
    pub(super) async fn open(&self, settings: &Settings, most: Duration) -> Result<Session, Fault> {
        let mut config = Config::new();
        config
            .user(&settings.user)
            .dbname(&settings.database)
            .application_name("hopgate");
        if let Some(password) = &settings.password {
            config.password(password.get().map_err(Fault::Failed)?.expose());
        }
        let stream = self.dialer.dial(self.dialer.deadline()).await;
        let stream = stream.map_err(|why| Fault::Failed(why.to_string()))?;
        let session = match self.tls.clone() {
            Some(tls) => {
                config.ssl_mode(SslMode::Require);
                start(&config, stream, tls).await
            }
            None => {
                config.ssl_mode(SslMode::Disable);
                start(&config, stream, NoTls).await
            }
        };
        let session = session.map_err(|error| Fault::of(&error))?;
        let most = most.as_millis();
        let settled = format!(
            "{SETTLED} SET statement_timeout = {most}; SET lock_timeout = {most}; \
             SET idle_in_transaction_session_timeout = {most};"
        );
        session.run(&settled).await?;
        Ok(session)
    }
}

async fn start<T>(
    config: &Config,
    stream: TcpStream,
    tls: T,
) -> Result<Session, tokio_postgres::Error>
where
    T: TlsConnect<TcpStream>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, tls).await?;
    let driver = tokio::spawn(drive(connection));
    Ok(Session { client, driver })
}

/// Carries the session's bytes. What the server remarks on the side is dropped: the crate would log it.
async fn drive<T: TlsStream + Unpin>(mut connection: Connection<TcpStream, T>) {
    while let Some(Ok(_)) = poll_fn(|context| connection.poll_message(context)).await {}
}

// === impl Session ===

impl Session {
    /// Runs statements without an answer.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Fault> {
        let done = self.client.batch_execute(sql).await;
        done.map_err(|error| Fault::of(&error))
    }

    /// The first value of every row of the answer.
    pub(super) async fn ask(&self, sql: &str) -> Result<Vec<String>, Fault> {
        let answer = self.client.simple_query(sql).await;
        let answer = answer.map_err(|error| Fault::of(&error))?;
        let value = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(row.try_get(0).ok()??.to_owned()),
            _ => None,
        };
        Ok(answer.iter().filter_map(value).collect())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

// === impl Fault ===

impl Fault {
    /// Only the code of what the server says: its words may repeat a statement.
    fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(code) = error.code().map(tokio_postgres::error::SqlState::code) {
            let sound = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let code = if sound { code } else { "unknown" };
            return match code {
                // Read only: another server may have taken over.
                "25006" => Self::Failed(format!("PostgreSQL cannot do it now: SQLSTATE {code}")),
                _ if FINAL.iter().any(|class| code.starts_with(class)) => Self::Refused {
                    code: code.to_owned(),
                },
                _ => Self::Failed(format!("PostgreSQL cannot do it now: SQLSTATE {code}")),
            };
        }
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>()
                && error
                    .get_ref()
                    .is_some_and(|inner| inner.is::<rustls::Error>())
            {
                return Self::Failed(egress::handshake_fault(error));
            }
            cause = error.source();
        }
        Self::Failed("the connection to PostgreSQL broke, or could not be used".to_owned())
    }
}

/// Classes of errors that asking again does not mend.
const FINAL: [&str; 9] = ["0A", "22", "23", "28", "2B", "2F", "3D", "3F", "42"];

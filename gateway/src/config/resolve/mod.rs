//! From the tree to values: defaults put in, paths found, references reached, contradictions named.
//!
//! The shape of every value was checked before; what is read here and does not fit was reported there and is passed over.

mod audit;
mod credential;
mod identity;
mod server;
mod state;
mod telemetry;
mod values;

use super::{Config, Deadlines, Gateway, InboundTls, KeyFile, Log, OwnCertificate, Tls};
use super::{file, form};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::document::{Entry, Table, Value};
use policy::{Code, Diagnostic, Policy, limit};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use values::{bounds, deadlines, default_hosts, networks, texts};
use zeroize::Zeroizing;

/// Resolves one tree.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    folder: &'a Path,
    root: &'a Table,
    diagnostics: &'a mut Vec<Diagnostic>,
    files: Vec<PathBuf>,
}

/// The fewest letters of an operators' token.
const TOKEN_LEAST: usize = 16;

// === impl Resolver ===

impl<'a> Resolver<'a> {
    /// Paths stand for files beside the configuration, in `folder`.
    pub(super) fn new(
        folder: &'a Path,
        root: &'a Table,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            folder,
            root,
            diagnostics,
            files: Vec::new(),
        }
    }

    /// The files that values point at.
    pub(super) fn into_files(self) -> Vec<PathBuf> {
        self.files
    }

    /// The configuration, where nothing kept it from being read.
    pub(super) fn resolve(&mut self, policy: Policy) -> Option<Config> {
        let empty = Table::default();
        let table = self.root.table("gateway").unwrap_or(&empty);
        let gateway = self.gateway(table)?;
        let identities = self.identities(&gateway, table);
        self.own_certificate(&gateway, table, &identities);
        let agents = self.agents(&policy, &identities);
        let credentials = self.credentials();
        let servers = self.servers(&gateway.deadlines, (&agents, &credentials));
        let json = self.root.table("log").and_then(|log| log.text("format")) == Some("json");
        Some(Config {
            gateway,
            log: Log { json },
            audit: audit::audit(self.root.table("audit"), self.checkpoints()),
            telemetry: self.telemetry(),
            identities,
            agents,
            credentials,
            servers,
            policy: Arc::new(policy),
            digest: Arc::from(""),
            files: Vec::new(),
        })
    }

    fn gateway(&mut self, table: &Table) -> Option<Gateway> {
        let listen: Vec<SocketAddr> = match table.items("listen") {
            [] => vec![SocketAddr::from(([127, 0, 0, 1], 3000))],
            items => items
                .iter()
                .filter_map(|item| item.text()?.parse().ok())
                .collect(),
        };
        let admin = match table.text("admin") {
            None => SocketAddr::from(([127, 0, 0, 1], 15_000)),
            Some(text) => text.parse().ok()?,
        };
        if let Some(value) = table.value("admin").filter(|_| listen.contains(&admin)) {
            let one = Diagnostic::error(
                Code::Conflict,
                value.span,
                format!("`{admin}` is among `listen`"),
            );
            self.diagnostics
                .push(one.help("give operators a port of their own"));
        }
        let public_url =
            form::url(table.text("public_url").unwrap_or("http://127.0.0.1:3000")).ok()?;
        let hosts = match table.items("hosts") {
            [] => default_hosts(&public_url, &listen),
            items => texts(items),
        };
        Some(Gateway {
            hosts,
            admin,
            data_dir: self
                .folder
                .join(table.text("data_dir").unwrap_or("hopgate-data")),
            state: self.state(table)?,
            limits: limit::limits(table, self.diagnostics),
            tls: table.get("tls").and_then(|entry| self.tls(entry)),
            origins: texts(table.items("origins")),
            ca: self.paths(table.items("ca")),
            allow_private: networks(table.items("allow_private")),
            keys: self.keys(table.items("keys")),
            admin_token: table
                .value("admin_token")
                .and_then(|value| self.token(value)),
            metrics_open: table.text("metrics") == Some("open"),
            bounds: bounds(table.table("bounds")),
            deadlines: deadlines(table.table("deadlines"), &Deadlines::default()),
            listen,
            public_url,
        })
    }

    fn keys(&mut self, rows: &[Value]) -> Vec<KeyFile> {
        let mut keys: Vec<KeyFile> = Vec::new();
        for table in rows.iter().filter_map(Value::table) {
            let (Some(id), Some(place)) = (table.value("id"), table.value("file")) else {
                continue;
            };
            let (Some(name), Some(path)) = (id.text(), self.path(place)) else {
                continue;
            };
            let plain = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !plain || keys.iter().any(|key| key.id == name) {
                let message = format!("`{}` cannot name this key", name.escape_debug());
                let help = "letters, digits and `-`; each key its own name";
                self.diagnostics
                    .push(Diagnostic::error(Code::InvalidValue, id.span, message).help(help));
            }
            // What cannot be read was said where the path was found.
            if let Some(why) = file::read(&path).ok().and_then(|text| weak_key(&text)) {
                let one = Diagnostic::error(Code::InvalidValue, place.span, why);
                self.diagnostics
                    .push(one.help("make one with `hopgate key new`"));
            }
            keys.push(KeyFile {
                id: name.to_owned(),
                file: path,
            });
        }
        keys
    }

    fn tls(&mut self, entry: &Entry) -> Option<Tls> {
        let table = entry.value.table()?;
        let client_ca = table.value("client_ca").and_then(|value| self.path(value));
        let own = match (table.text("svid"), table.get("cert"), table.get("key")) {
            (Some(name), None, None) => OwnCertificate::Svid(Arc::from(name)),
            (None, Some(_), Some(_)) => OwnCertificate::Files(self.pair(entry)?),
            (Some(_), _, _) => {
                let message = "`tls` has either `svid` or `cert` and `key`";
                let one = Diagnostic::error(Code::Conflict, entry.key, message);
                self.diagnostics.push(one.help("remove one of them"));
                return None;
            }
            (None, _, _) => {
                let message = "`tls` needs a certificate";
                let one = Diagnostic::error(Code::MissingKey, entry.key, message);
                self.diagnostics
                    .push(one.help("add `cert = \"…\"` and `key = { file = \"…\" }`"));
                return None;
            }
        };
        Some(Tls { own, client_ca })
    }

    fn pair(&mut self, entry: &Entry) -> Option<InboundTls> {
        let table = entry.value.table()?;
        let cert = table.value("cert").and_then(|value| self.path(value));
        let key = table.value("key").and_then(|value| self.secret(value));
        Some(InboundTls {
            cert: cert?,
            key: key?,
        })
    }

    /// A token that operators show: what could be guessed is none.
    fn token(&mut self, value: &Value) -> Option<PathBuf> {
        let path = self.secret(value)?;
        if file::read(&path).is_ok_and(|text| text.trim().len() < TOKEN_LEAST) {
            let message = format!("the token in the file has fewer than {TOKEN_LEAST} letters");
            let one = Diagnostic::error(Code::InvalidValue, value.span, message);
            self.diagnostics
                .push(one.help("make one with `hopgate key new`"));
        }
        Some(path)
    }

    fn secret(&mut self, value: &Value) -> Option<PathBuf> {
        self.path(value.table()?.value("file")?)
    }

    fn paths(&mut self, items: &[Value]) -> Vec<PathBuf> {
        items.iter().filter_map(|item| self.path(item)).collect()
    }

    /// The file a value points at, which must be there.
    fn path(&mut self, value: &Value) -> Option<PathBuf> {
        let path = self.folder.join(value.text()?);
        self.files.push(path.clone());
        if let Err(why) = file::read(&path) {
            let message = format!("`{}`: {why}", path.display());
            let one = Diagnostic::error(Code::UnreachableReference, value.span, message);
            self.diagnostics
                .push(one.help("paths are relative to the configuration's folder"));
        }
        Some(path)
    }
}

/// Why a text is no key, if it is none.
fn weak_key(text: &str) -> Option<&'static str> {
    let secret = STANDARD.decode(text.trim()).map(Zeroizing::new);
    let Some(secret) = secret.ok().filter(|secret| secret.len() == 32) else {
        return Some("the file does not hold 32 bytes in base64");
    };
    let mut seen = secret.to_vec();
    seen.sort_unstable();
    seen.dedup();
    // 32 random bytes have fewer than 16 different values once in more tries than will ever be made.
    (seen.len() < 16).then_some("the key in the file is not random")
}

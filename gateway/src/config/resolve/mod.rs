//! From the tree to values: defaults put in, paths found, references reached, contradictions named.
//!
//! The shape of every value was checked before; what is read here and does not fit was reported there and is passed over.

mod server;
mod values;

use super::{Agent, Config, Deadlines, Gateway, Identity, InboundTls, KeyFile, Log};
use super::{file, form};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::document::{Entry, Table, Value};
use policy::model::Lifecycle;
use policy::{Code, Diagnostic, Policy};
use std::collections::BTreeMap;
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

/// How an agent's `identity` names the caller from this machine.
const LOCAL: &str = "local";

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
        let agents = self.agents(&policy, &identities);
        let servers = self.servers(&gateway.deadlines);
        let json = self.root.table("log").and_then(|log| log.text("format")) == Some("json");
        Some(Config {
            gateway,
            log: Log { json },
            identities,
            agents,
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
            tls: table.get("tls").and_then(|entry| self.pair(entry)),
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

    /// `local` proves nothing to anybody but this machine.
    fn identities(&mut self, gateway: &Gateway, table: &Table) -> BTreeMap<Arc<str>, Identity> {
        let root = self.root;
        let mut identities = BTreeMap::new();
        for (name, entry) in root.table("identities").into_iter().flat_map(Table::iter) {
            let Some(kind) = entry.value.table().and_then(|table| table.value("kind")) else {
                continue;
            };
            if kind.text() != Some("local") {
                continue;
            }
            identities.insert(Arc::from(name), Identity::Local);
            let far = match (
                gateway.listen.iter().all(|at| at.ip().is_loopback()),
                form::is_loopback(&gateway.public_url),
            ) {
                (true, true) => continue,
                (false, _) => "listen",
                (true, false) => "public_url",
            };
            let mut one = Diagnostic::error(
                Code::Conflict,
                kind.span,
                format!(
                    "`local` identifies callers on this machine only, and `{far}` reaches further"
                ),
            );
            if let Some(entry) = table.get(far) {
                one = one.also(entry.value.span, "not loopback");
            }
            self.diagnostics
                .push(one.help("listen on loopback only, or take the identity out"));
        }
        identities
    }

    fn agents(
        &mut self,
        policy: &Policy,
        identities: &BTreeMap<Arc<str>, Identity>,
    ) -> BTreeMap<Arc<str>, Agent> {
        let mut known: Vec<_> = policy.agents().collect();
        known.sort_by_key(|(_, agent)| agent.span);
        let mut agents = BTreeMap::new();
        let mut first: Option<(&str, policy::diagnostic::Span)> = None;
        for (name, agent) in known {
            let mut local = false;
            for matcher in &agent.identity {
                if matcher.text == LOCAL && !identities.is_empty() {
                    local = true;
                    let (other, span) = *first.get_or_insert((name.as_str(), matcher.span));
                    if other != name.as_str() {
                        let message = format!(
                            "`{name}` and `{other}` would both be the caller from this machine"
                        );
                        let one = Diagnostic::error(Code::Conflict, matcher.span, message)
                            .also(span, "here too");
                        self.diagnostics
                            .push(one.help("give the identity to one agent"));
                    }
                } else {
                    self.diagnostics.push(unknown_identity(matcher));
                }
            }
            let settings = Agent {
                local,
                active: agent.state == Lifecycle::Active,
                expires: agent.expires,
                owner: agent.owner.clone(),
                purpose: agent.purpose.clone(),
            };
            agents.insert(Arc::from(name.as_str()), settings);
        }
        agents
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

fn unknown_identity(matcher: &policy::model::Matcher) -> Diagnostic {
    let text = &matcher.text;
    if text.contains(':') {
        let message =
            format!("`{text}`: identities by issuer or SPIFFE ID are not in this version");
        return Diagnostic::error(Code::NotInThisVersion, matcher.span, message)
            .help("write `local`: the caller from this machine");
    }
    if text == LOCAL {
        return Diagnostic::error(
            Code::UnknownName,
            matcher.span,
            "no identity is of kind `local`",
        )
        .help("add `[identities.here]` with `kind = \"local\"`");
    }
    Diagnostic::error(
        Code::UnknownName,
        matcher.span,
        format!("`{text}` is no identity"),
    )
    .help("write `local`: the caller from this machine")
}

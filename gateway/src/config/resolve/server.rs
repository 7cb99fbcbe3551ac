//! `[servers.X]`: what stands behind a name, and how it is reached.

use super::Resolver;
use super::credential::Credentials;
use super::values::{deadlines, networks};
use crate::config::{Agent, Choice, Deadlines, HttpUpstream, Protocol, Server, Upstream, form};
use policy::document::{Entry, Table, Value};
use policy::{Code, Diagnostic, limit};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Resolver<'_> {
    pub(super) fn servers(
        &mut self,
        common: &Deadlines,
        (agents, credentials): (&BTreeMap<Arc<str>, Agent>, &Credentials),
    ) -> BTreeMap<Arc<str>, Server> {
        let root = self.root;
        let servers = root.table("servers").into_iter().flat_map(Table::iter);
        servers
            .filter_map(|(name, entry)| {
                let table = entry.value.table()?;
                let server = Server {
                    upstream: self.upstream(name, entry, table)?,
                    protocol: match table.text("protocol") {
                        Some("modern") => Protocol::Modern,
                        Some("legacy") => Protocol::Legacy,
                        _ => Protocol::Auto,
                    },
                    deadlines: deadlines(table.table("deadlines"), common),
                    agent: table
                        .value("agent")
                        .and_then(|value| self.acts_as(value, agents)),
                    credential: self.choice(table, credentials),
                    limits: limit::limits(table, self.diagnostics),
                };
                self.unsaid(name, entry, (&server, credentials));
                Some((Arc::from(name), server))
            })
            .collect()
    }

    /// Where credentials are in use, a server without one should say that this is meant.
    fn unsaid(&mut self, name: &str, entry: &Entry, (server, known): (&Server, &Credentials)) {
        let called = matches!(server.upstream, Upstream::Http(_));
        if known.is_empty() || !called || server.credential != Choice::Unsaid {
            return;
        }
        let message = format!("calls of `{name}` go out without a credential");
        let one = Diagnostic::warning(Code::NoCredential, entry.key, message);
        self.diagnostics.push(
            one.help("add `credential = \"NAME\"`, or `credential = \"none\"` if this is meant"),
        );
    }

    /// The agent a server is.
    fn acts_as(&mut self, value: &Value, agents: &BTreeMap<Arc<str>, Agent>) -> Option<Arc<str>> {
        let name = value.text()?;
        let known = agents.get_key_value(name);
        if known.is_none() {
            let message = format!("no agent is named `{}`", name.escape_debug());
            let one = Diagnostic::error(Code::UnknownName, value.span, message);
            self.diagnostics
                .push(one.help(format!("add `[agents.{name}]` or name one that is there")));
        }
        known.map(|(name, _)| Arc::clone(name))
    }

    fn upstream(&mut self, name: &str, entry: &Entry, table: &Table) -> Option<Upstream> {
        match (table.get("url"), table.get("builtin")) {
            (Some(url), None) => Some(Upstream::Http(HttpUpstream {
                url: form::url(url.value.text()?).ok()?,
                ca: self.paths(table.items("ca")),
                client_cert: table.get("client_cert").and_then(|entry| self.pair(entry)),
                allow_private: networks(table.items("allow_private")),
            })),
            (None, Some(_)) => {
                for key in ["ca", "client_cert", "allow_private"] {
                    if let Some(other) = table.get(key) {
                        let message = format!("`{key}` has no meaning for a built-in server");
                        self.diagnostics.push(
                            Diagnostic::error(Code::Conflict, other.key, message).help("remove it"),
                        );
                    }
                }
                Some(Upstream::Notes)
            }
            (Some(url), Some(builtin)) => {
                let one = Diagnostic::error(
                    Code::Conflict,
                    builtin.key,
                    "a server has either `url` or `builtin`",
                );
                self.diagnostics
                    .push(one.also(url.key, "the other").help("remove one of them"));
                None
            }
            (None, None) => {
                let later = ["command", "openapi", "api"]
                    .iter()
                    .any(|key| table.get(key).is_some());
                if !later {
                    let message = format!("nothing says what stands behind `{name}`");
                    let one = Diagnostic::error(Code::MissingKey, entry.key, message);
                    self.diagnostics
                        .push(one.help("add `url = \"https://…/mcp\"` or `builtin = \"notes\"`"));
                }
                None
            }
        }
    }
}

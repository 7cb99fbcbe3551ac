//! `[credentials.X]`, and which of them servers and rules name.

mod aws;
mod fixed;
mod github_app;
mod inject;
mod mint;
mod oauth;
mod postgres;
mod vault;

use super::Resolver;
use super::values::{networks, texts};
use crate::config::credential::of_kind;
use crate::config::{Choice, Credential, Kind, Per, Reach, SecretFrom, form};
use policy::document::{Datum, Entry, Table, Value};
use policy::{Code, Diagnostic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest life of a lease where nothing is said.
const TTL: Duration = Duration::from_secs(5 * 60);
/// How many leases may be out of reach where nothing is said.
const OUTSTANDING: usize = 10;

pub(super) type Credentials = BTreeMap<Arc<str>, Credential>;

impl Resolver<'_> {
    pub(super) fn credentials(&mut self) -> Credentials {
        let root = self.root;
        let mut credentials = BTreeMap::new();
        for (name, entry) in root.table("credentials").into_iter().flat_map(Table::iter) {
            let Some(table) = entry.value.table() else {
                continue;
            };
            let Some(kind) = table.text("kind") else {
                continue;
            };
            if name == "none" {
                let message =
                    "a credential cannot be named `none`: servers say so that they get none";
                let one = Diagnostic::error(Code::Conflict, entry.key, message);
                self.diagnostics.push(one.help("give it another name"));
            }
            self.fits_kind(entry, table, kind);
            if let Some(credential) = self.credential((name, entry), table, kind) {
                credentials.insert(Arc::from(name), credential);
            }
        }
        credentials
    }

    /// The credential a server's calls go out with.
    pub(super) fn choice(&mut self, table: &Table, known: &Credentials) -> Choice {
        let Some(value) = table.value("credential") else {
            return Choice::Unsaid;
        };
        match value.text() {
            None => Choice::Unsaid,
            Some("none") => Choice::None,
            Some(name) => match known.get_key_value(name) {
                Some((name, _)) => Choice::Named(Arc::clone(name)),
                None => {
                    self.unknown_credential(value, name);
                    Choice::Unsaid
                }
            },
        }
    }

    fn unknown_credential(&mut self, value: &Value, name: &str) {
        // One that is there but cannot be read was reported at its own place.
        let written = self.root.table("credentials");
        if written.is_some_and(|credentials| credentials.get(name).is_some()) {
            return;
        }
        let name = name.escape_debug();
        let message = format!("no credential is named `{name}`");
        let one = Diagnostic::error(Code::UnknownName, value.span, message);
        self.diagnostics.push(one.help(format!(
            "add `[credentials.{name}]`, or write `none` for calls without one"
        )));
    }

    fn credential(
        &mut self,
        (name, entry): (&str, &Entry),
        table: &Table,
        kind: &str,
    ) -> Option<Credential> {
        let reach = Reach {
            ca: self.paths(table.items("ca")),
            client_cert: table.get("client_cert").and_then(|entry| self.pair(entry)),
            allow_private: networks(table.items("allow_private")),
        };
        let kind = match kind {
            "postgres" => Kind::Postgres(self.postgres(entry, table)?),
            "aws" => Kind::Aws(Box::new(self.aws((name, entry), table)?)),
            "exchange" => Kind::Exchange(Box::new(self.exchange(entry, table)?)),
            "github_app" => Kind::GithubApp(self.github_app(table)?),
            "mint" => Kind::Mint(self.mint(table)?),
            "oauth" => Kind::OAuth(self.oauth(entry, table)?),
            "static" => Kind::Fixed(self.fixed((name, entry), table)?),
            "vault" => Kind::Vault(Box::new(self.vault(entry, table)?)),
            _ => return None,
        };
        let inject = self.inject(table.table("inject"), &kind);
        let outstanding = match table.value("outstanding").map(|value| &value.datum) {
            Some(Datum::Integer(most)) => usize::try_from(*most).unwrap_or(OUTSTANDING),
            _ => OUTSTANDING,
        };
        Some(Credential {
            kind,
            inject: inject?,
            per: match table.text("per") {
                Some("call") => Per::Call,
                Some("agent") => Per::Agent,
                _ => Per::Task,
            },
            ttl: table.text("ttl").and_then(form::duration).unwrap_or(TTL),
            scope: texts(table.value("scope").map_or(&[], Value::items)),
            outstanding,
            reach,
        })
    }

    /// A key of another kind does nothing here, and the operator should know.
    fn fits_kind(&mut self, entry: &Entry, table: &Table, kind: &str) {
        let own = of_kind(kind);
        for (name, other) in table.iter().filter(|(name, _)| !own.has(name)) {
            let message = format!("`{name}` has no meaning for kind `{kind}`");
            let one = Diagnostic::error(Code::Conflict, other.key, message);
            self.diagnostics.push(one.help("remove it"));
        }
        for name in own.needed.iter().filter(|name| table.get(name).is_none()) {
            let message = format!("kind `{kind}` needs `{name}`");
            let one = Diagnostic::error(Code::MissingKey, entry.key, message);
            self.diagnostics.push(one);
        }
    }

    /// Where a secret is, which must be there.
    pub(super) fn secret_from(&mut self, value: &Value) -> Option<SecretFrom> {
        let table = value.table()?;
        let from = match (table.value("file"), table.text("env")) {
            (Some(file), None) => SecretFrom::File(self.path(file)?),
            (None, Some(name)) => SecretFrom::Env(name.to_owned()),
            // Reported when the shape was checked.
            _ => return None,
        };
        match (from.read(), &from) {
            (Ok(_), _) => {}
            // Only the process that serves needs it: whoever checks or asks may not have it.
            (Err(why), SecretFrom::Env(_)) => {
                let one = Diagnostic::warning(Code::UnreachableReference, value.span, why);
                self.diagnostics
                    .push(one.help("the gateway does not start without it"));
            }
            (Err(why), SecretFrom::File(_)) => {
                // A file that cannot be read was reported where its path was found.
                if why.ends_with("is empty") {
                    let one = Diagnostic::error(Code::UnreachableReference, value.span, why);
                    self.diagnostics
                        .push(one.help("put the secret there before the gateway starts"));
                }
                return None;
            }
        }
        Some(from)
    }
}

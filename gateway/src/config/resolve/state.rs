//! `state` of `[gateway]`.

use super::Resolver;
use super::values::networks;
use crate::config::form::{self, is_loopback};
use crate::config::state::{PREFIX, STALE, TIMEOUT, place};
use crate::config::{SharedState, State};
use policy::document::{Table, Value};
use policy::{Code, Diagnostic};
use std::time::Duration;

impl Resolver<'_> {
    /// Where state is kept; none where that cannot be read.
    pub(super) fn state(&mut self, gateway: &Table) -> Option<State> {
        let Some(value) = gateway.value("state") else {
            return Some(State::Memory);
        };
        let Some(table) = value.table() else {
            return Some(State::Memory);
        };
        let said = table.value("redis")?;
        let (url, database) = place(said.text()?).ok()?;
        self.sealed_alike(gateway, value);
        self.in_the_open(&url, table, said);
        let duration = |key: &str, otherwise: Duration| {
            let said = table.text(key).and_then(form::duration);
            said.unwrap_or(otherwise)
        };
        let password = match table.value("password") {
            Some(value) => Some(self.secret_from(value)?),
            None => None,
        };
        if let Some(user) = table.get("username").filter(|_| password.is_none()) {
            let message = "a `username` without a `password`";
            let one = Diagnostic::error(Code::MissingKey, user.key, message);
            self.diagnostics
                .push(one.help("add `password = { file = \"path\" }`"));
        }
        Some(State::Redis(Box::new(SharedState {
            database,
            username: table.text("username").map(str::to_owned),
            password,
            timeout: duration("timeout", TIMEOUT),
            stale: duration("stale", STALE),
            prefix: table.text("prefix").unwrap_or(PREFIX).to_owned(),
            ca: self.paths(table.items("ca")),
            client_cert: table.get("client_cert").and_then(|entry| self.pair(entry)),
            allow_private: networks(table.items("allow_private")),
            url,
        })))
    }

    /// What one gateway seals, the others must open.
    fn sealed_alike(&mut self, gateway: &Table, state: &Value) {
        if !gateway.items("keys").is_empty() {
            return;
        }
        let message = "gateways that share state need the same `keys`";
        let one = Diagnostic::error(Code::MissingKey, state.span, message);
        self.diagnostics.push(one.help(
            "add `[[gateway.keys]]` with `id` and `file` (made with `hopgate key new`), the same for each of them",
        ));
    }

    /// Without TLS everybody on the way reads and writes what is shared.
    fn in_the_open(&mut self, url: &url::Url, table: &Table, said: &Value) {
        if url.scheme() == "https" {
            return;
        }
        if !is_loopback(url) {
            let message =
                "state is shared without TLS: everybody on the way can read and change it";
            let one = Diagnostic::warning(Code::Unencrypted, said.span, message);
            self.diagnostics.push(one.help("write `rediss://…`"));
        }
        for key in ["ca", "client_cert"] {
            if let Some(other) = table.get(key) {
                let message = format!("`{key}` has no meaning without TLS");
                let one = Diagnostic::error(Code::Conflict, other.key, message);
                self.diagnostics
                    .push(one.help("write `rediss://…`, or remove it"));
            }
        }
    }
}

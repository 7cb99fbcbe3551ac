//! `kind = "postgres"`.

use super::super::Resolver;
use super::super::values::texts;
use crate::config::Postgres;
use crate::config::credential::place;
use crate::config::form::is_loopback;
use adapters::credential::postgres::Statement;
use policy::document::{Entry, Table, Value};
use policy::{Code, Diagnostic};

impl Resolver<'_> {
    pub(super) fn postgres(&mut self, entry: &Entry, table: &Table) -> Option<Postgres> {
        let (mut place, database) = place(table.text("url")?).ok()?;
        let here = is_loopback(&place);
        let open = match (table.text("tls"), here) {
            (Some("off"), false) => {
                let span = table.value("tls").map_or(entry.key, |value| value.span);
                let message = "without TLS everybody on the way could read the passwords";
                let one = Diagnostic::error(Code::Conflict, span, message);
                self.diagnostics
                    .push(one.help("`off` is for a server on this machine; remove it"));
                false
            }
            (said, here) => said == Some("off") || (said.is_none() && here),
        };
        if open {
            // The port is written: another scheme does not change it.
            let port = place.port_or_known_default();
            place.set_scheme("http").ok()?;
            place.set_port(port).ok()?;
        }
        let password = match table.value("password") {
            Some(value) => Some(self.secret_from(value)?),
            None => None,
        };
        if password.is_none() && table.get("client_cert").is_none() {
            let message = "kind `postgres` needs a `password` or a `client_cert`";
            let one = Diagnostic::error(Code::MissingKey, entry.key, message);
            self.diagnostics
                .push(one.help("add `password = { file = \"path\" }`"));
        }
        let all = |key: &str| table.value(key).map_or(&[][..], Value::items);
        let grants = all("grants").iter();
        let read = |value: &Value| Statement::parse(value.text()?).ok();
        Some(Postgres {
            place,
            database,
            user: table.text("user")?.to_owned(),
            password,
            roles: texts(all("roles")),
            grants: grants.filter_map(read).collect(),
            owner: table.text("owner").map(str::to_owned),
        })
    }
}

//! `kind = "vault"`.

use super::super::Resolver;
use crate::config::form;
use crate::config::{Vault, VaultLogin};
use adapters::credential::vault::{Jwt, Template};
use policy::document::{Entry, Table, Value};
use policy::{Code, Diagnostic};

impl Resolver<'_> {
    pub(super) fn vault(&mut self, entry: &Entry, table: &Table) -> Option<Vault> {
        let address = table.value("address")?;
        let url = form::url(address.text()?).ok()?;
        if url.scheme() != "https" && !form::is_loopback(&url) {
            let message = "tokens of a vault would go over the network in clear";
            let one = Diagnostic::error(Code::InvalidValue, address.span, message);
            self.diagnostics
                .push(one.help("write `https://…`, or call a proxy on this machine"));
        }
        if url.query().is_some() {
            let message = "the address of a vault has no query";
            let one = Diagnostic::error(Code::InvalidValue, address.span, message);
            self.diagnostics.push(one.help("take out what follows `?`"));
        }
        let parameters = table.table("parameters").map(|parameters| {
            let text = |(name, entry): (&str, &Entry)| {
                let text = Template::parse(entry.value.text()?).ok()?;
                Some((Box::from(name), text))
            };
            parameters.iter().filter_map(text).collect()
        });
        let login = table.value("login")?;
        Some(Vault {
            address: url,
            namespace: table.text("namespace").map(str::to_owned),
            login: self.vault_login(entry, login)?,
            path: Template::path(table.text("path")?).ok()?,
            parameters,
        })
    }

    fn vault_login(&mut self, entry: &Entry, login: &Value) -> Option<VaultLogin> {
        let table = login.table()?;
        let mount = |otherwise: &str| table.text("mount").unwrap_or(otherwise).to_owned();
        let ways = (
            table.value("jwt"),
            table.table("approle"),
            table.table("token"),
        );
        let role = table.text("role");
        match (ways, role) {
            ((Some(jwt), None, None), Some(role)) => {
                let jwt = match jwt.table().and_then(|table| table.value("file")) {
                    Some(file) => Jwt::File(self.path(file)?),
                    None => Jwt::Caller,
                };
                Some(VaultLogin::Jwt {
                    mount: mount("jwt"),
                    role: role.to_owned(),
                    jwt,
                })
            }
            ((None, Some(approle), None), None) => Some(VaultLogin::AppRole {
                mount: mount("approle"),
                role_id: approle.text("role_id")?.to_owned(),
                secret_id: self.secret_from(approle.value("secret_id")?)?,
            }),
            ((None, None, Some(token)), None) if table.value("mount").is_none() => {
                Some(VaultLogin::Token(self.path(token.value("file")?)?))
            }
            _ => {
                let message = "`login` needs either `jwt` and `role`, or `approle`, or `token`";
                let one = Diagnostic::error(Code::MissingKey, login.span, message);
                let one = one.also(entry.key, "of this credential");
                self.diagnostics.push(
                    one.help("add `login = { jwt = { file = \"path\" }, role = \"hopgate\" }`"),
                );
                None
            }
        }
    }
}

//! `kind = "mint"`.

use super::super::Resolver;
use crate::config::credential::SUBJECT;
use crate::config::{Mint, file};
use adapters::credential::SigningKey;
use adapters::credential::mint::{Template, is_own};
use policy::document::Table;
use policy::{Code, Diagnostic};

impl Resolver<'_> {
    pub(super) fn mint(&mut self, table: &Table) -> Option<Mint> {
        let mut claims = Vec::new();
        for (name, entry) in table.table("claims").into_iter().flat_map(Table::iter) {
            let plain = !name.is_empty() && !name.contains(char::is_control);
            if is_own(name) || !plain {
                let message = format!("`{}` cannot be a further claim", name.escape_debug());
                let help = "every token has `iss`, `sub`, `aud`, `act`, `client_id`, `scope` and the like by itself";
                let one = Diagnostic::error(Code::Conflict, entry.key, message);
                self.diagnostics.push(one.help(help));
            }
            claims.push((Box::from(name), Template::parse(entry.value.text()?).ok()?));
        }
        let algorithm = table.text("alg").and_then(|name| name.parse().ok());
        let key = match table.value("key") {
            Some(value) => Some(self.secret(value)?),
            None => None,
        };
        if let (Some(place), Some(file)) = (table.value("key"), &key) {
            // What cannot be read was said where the path was found.
            let read = file::read(file).ok();
            let made = read.map(|pem| SigningKey::from_pem(pem.as_bytes(), algorithm));
            if let Some(Err(why)) = made {
                let message = format!("`{}` cannot sign: {why}", file.display());
                let one = Diagnostic::error(Code::InvalidValue, place.span, message);
                self.diagnostics.push(one.help(
                    "make one with `openssl genpkey -algorithm ed25519`, and leave `alg` out",
                ));
            }
        } else if let Some(alg) = table.get("alg") {
            let message = "`alg` says what `key` signs by; the gateway's own key is an Ed25519 key";
            let one = Diagnostic::error(Code::Conflict, alg.key, message);
            self.diagnostics
                .push(one.help("remove it, or name a `key`"));
        }
        let subject = table.text("subject").unwrap_or(SUBJECT);
        Some(Mint {
            issuer: table.text("issuer").map(str::to_owned),
            audience: table.text("audience").map(str::to_owned),
            subject: Template::parse(subject).ok()?,
            claims,
            key,
            algorithm,
        })
    }
}

//! `kind = "github_app"`.

use super::super::Resolver;
use crate::config::credential::API;
use crate::config::{GithubApp, file, form};
use adapters::credential::SigningKey;
use adapters::identity::jwt::Algorithm;
use policy::document::{Datum, Table};
use policy::{Code, Diagnostic};

impl Resolver<'_> {
    pub(super) fn github_app(&mut self, table: &Table) -> Option<GithubApp> {
        let place = table.value("key")?;
        let key = self.secret(place)?;
        // What cannot be read was said where the path was found.
        let read = file::read(&key).ok();
        let made = read.map(|pem| SigningKey::from_pem(pem.as_bytes(), Some(Algorithm::RS256)));
        if let Some(Err(why)) = made {
            let message = format!("`{}` cannot sign: {why}", key.display());
            let one = Diagnostic::error(Code::InvalidValue, place.span, message);
            self.diagnostics
                .push(one.help("the settings page of the app makes one"));
        }
        let installation = match table.value("installation")?.datum {
            Datum::Integer(number) => u64::try_from(number).ok()?,
            _ => return None,
        };
        Some(GithubApp {
            app: table.text("app")?.to_owned(),
            installation,
            key,
            api: form::url(table.text("api").unwrap_or(API)).ok()?,
        })
    }
}

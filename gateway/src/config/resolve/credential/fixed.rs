//! `kind = "static"`.

use super::super::Resolver;
use crate::config::Fixed;
use adapters::wire::echo::SHORTEST;
use policy::document::{Entry, Table};
use policy::{Code, Diagnostic};

impl Resolver<'_> {
    pub(super) fn fixed(&mut self, (name, entry): (&str, &Entry), table: &Table) -> Option<Fixed> {
        let mut fields = Vec::new();
        match (table.value("from"), table.table("fields")) {
            (Some(from), None) => fields.push((Box::from("token"), self.secret_from(from)?)),
            (None, Some(table)) => {
                for (name, entry) in table.iter() {
                    fields.push((Box::from(name), self.secret_from(&entry.value)?));
                }
            }
            _ => {
                let message = "kind `static` needs either `from` or `fields`";
                let one = Diagnostic::error(Code::MissingKey, entry.key, message);
                self.diagnostics
                    .push(one.help("add `from = { file = \"path\" }`"));
                return None;
            }
        }
        let message =
            format!("`{name}` is a secret that no task ends: whoever learns it can use it");
        let one = Diagnostic::warning(Code::StaticKeys, entry.key, message);
        self.diagnostics.push(
            one.help("prefer an issuer that mints for each task; nothing else needs mending"),
        );
        for (field, from) in fields.iter().filter(|(field, _)| &**field != "username") {
            if from.read().is_ok_and(|secret| secret.len() < SHORTEST) {
                let message = format!(
                    "`{field}` has fewer than {SHORTEST} bytes: answers are not searched for it"
                );
                let one = Diagnostic::warning(Code::ShortSecret, entry.key, message);
                self.diagnostics.push(one.help("use a longer one"));
            }
        }
        Some(Fixed { fields })
    }
}

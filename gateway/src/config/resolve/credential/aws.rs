//! `kind = "aws"`.

use super::super::Resolver;
use crate::config::{Aws, AwsProof, form};
use policy::document::{Datum, Entry, Table};
use policy::{Code, Diagnostic};

impl Resolver<'_> {
    pub(super) fn aws(&mut self, (name, entry): (&str, &Entry), table: &Table) -> Option<Aws> {
        let proof = self.aws_proof(entry, table)?;
        if !matches!(proof, AwsProof::Key { .. }) {
            for key in ["external_id", "session_tags"] {
                if let Some(other) = table.get(key) {
                    let message = format!("`{key}` has no meaning with `web_identity`");
                    let one = Diagnostic::error(Code::Conflict, other.key, message);
                    self.diagnostics.push(one.help("remove it"));
                }
            }
        }
        let message = format!(
            "AWS takes no session back: each of `{name}` is good for a quarter of an hour at least"
        );
        let one = Diagnostic::warning(Code::StaticKeys, entry.key, message);
        self.diagnostics
            .push(one.help("narrow it by `scope`; nothing else needs mending"));
        let region = table.text("region")?;
        let own = format!("https://sts.{region}.amazonaws.com");
        Some(Aws {
            role: table.text("role")?.to_owned(),
            region: region.to_owned(),
            proof,
            external_id: table.text("external_id").map(str::to_owned),
            tags: table
                .value("session_tags")
                .is_some_and(|value| value.datum == Datum::Bool(true)),
            endpoint: form::url(table.text("endpoint").unwrap_or(&own)).ok()?,
        })
    }

    fn aws_proof(&mut self, entry: &Entry, table: &Table) -> Option<AwsProof> {
        match (table.table("access_key"), table.value("web_identity")) {
            (Some(key), None) => {
                let session = match key.value("session") {
                    Some(value) => Some(self.secret_from(value)?),
                    None => None,
                };
                Some(AwsProof::Key {
                    id: key.text("id")?.to_owned(),
                    secret: self.secret_from(key.value("secret")?)?,
                    session,
                })
            }
            (None, Some(value)) => match value.table() {
                None => Some(AwsProof::Caller),
                Some(table) => Some(AwsProof::File(self.fresh(table.value("file")?)?)),
            },
            _ => {
                let message = "kind `aws` needs either `access_key` or `web_identity`";
                let one = Diagnostic::error(Code::MissingKey, entry.key, message);
                self.diagnostics
                    .push(one.help("say whose key or token asks for the role"));
                None
            }
        }
    }
}

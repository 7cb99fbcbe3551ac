//! `kind = "oauth"` and `kind = "exchange"`.

use super::super::Resolver;
use crate::config::{Actor, ClientProof, Exchange, IdJag, OAuth, Place, Registration, file, form};
use adapters::credential::SigningKey;
use adapters::credential::exchange::Subject;
use adapters::identity::jwt::Algorithm;
use policy::diagnostic::Span;
use policy::document::{Entry, Table, Value};
use policy::{Code, Diagnostic};
use std::path::{Path, PathBuf};

/// What proves a client: one of these.
const PROOFS: [&str; 3] = ["secret", "key", "assertion"];

impl Resolver<'_> {
    pub(super) fn oauth(&mut self, entry: &Entry, table: &Table) -> Option<OAuth> {
        Some(OAuth {
            registration: self.registration(entry, table)?,
            audience: table.text("audience").map(str::to_owned),
        })
    }

    pub(super) fn exchange(&mut self, entry: &Entry, table: &Table) -> Option<Exchange> {
        let registration = self.registration(entry, table)?;
        let id_jag = match table.get("id_jag") {
            Some(entry) => Some(self.id_jag(entry)?),
            None => None,
        };
        for key in ["actor", "audience"] {
            if let (Some(other), Some(_)) = (table.get(key), &id_jag) {
                let message = format!("`{key}` has no meaning with `id_jag`");
                let one = Diagnostic::error(Code::Conflict, other.key, message);
                self.diagnostics.push(one.help("remove it"));
            }
        }
        let actor = match table.value("actor") {
            Some(value) => Some(self.actor(value, &registration)?),
            None => None,
        };
        let subject = match (table.text("subject_token"), &id_jag) {
            (Some("id_token"), _) | (None, Some(_)) => Subject::IdToken,
            (Some("jwt"), _) => Subject::Jwt,
            _ => Subject::AccessToken,
        };
        Some(Exchange {
            registration,
            audience: table.text("audience").map(str::to_owned),
            subject,
            actor,
            id_jag,
        })
    }

    fn id_jag(&mut self, entry: &Entry) -> Option<IdJag> {
        let table = entry.value.table()?;
        let issuer = table.text("issuer")?;
        let place = match table.value("token_endpoint") {
            Some(token) => self.endpoints(token, table)?,
            None => Place::Issuer(issuer.to_owned()),
        };
        let (id, proof) = self.client(entry.key, table.get("client")?)?;
        let registration = Registration { place, id, proof };
        Some(IdJag {
            registration,
            audience: issuer.to_owned(),
        })
    }

    fn actor(&mut self, value: &Value, registration: &Registration) -> Option<Actor> {
        if let Some(table) = value.table() {
            return Some(Actor::File(self.fresh(table.value("file")?)?));
        }
        if !matches!(registration.proof, ClientProof::Key { .. }) {
            let message = "only a client with a `key` can sign who acts";
            let one = Diagnostic::error(Code::Conflict, value.span, message);
            self.diagnostics.push(
                one.help("give `client` a `key`, or name a file: `actor = { file = \"…\" }`"),
            );
        }
        Some(Actor::Signed)
    }

    fn registration(&mut self, entry: &Entry, table: &Table) -> Option<Registration> {
        let place = match (table.text("issuer"), table.value("token_endpoint")) {
            (Some(issuer), None) => Place::Issuer(issuer.to_owned()),
            (None, Some(token)) => self.endpoints(token, table)?,
            (Some(_), Some(token)) => {
                let message = "`issuer` says itself where tokens are given";
                let one = Diagnostic::error(Code::Conflict, token.span, message);
                self.diagnostics.push(one.help("remove one of them"));
                return None;
            }
            (None, None) => {
                let message = "no authorization server is named";
                let one = Diagnostic::error(Code::MissingKey, entry.key, message);
                let help = "add `issuer = \"https://idp.example.com\"`, or `token_endpoint`";
                self.diagnostics.push(one.help(help));
                return None;
            }
        };
        if let (Place::Issuer(_), Some(other)) = (&place, table.get("revocation_endpoint")) {
            let message = "`issuer` says itself where tokens are taken back";
            let one = Diagnostic::error(Code::Conflict, other.key, message);
            self.diagnostics.push(one.help("remove it"));
        }
        let (id, proof) = self.client(entry.key, table.get("client")?)?;
        Some(Registration { place, id, proof })
    }

    fn endpoints(&mut self, token: &Value, table: &Table) -> Option<Place> {
        let revocation = table.text("revocation_endpoint");
        if revocation.is_none() {
            let message = "without `revocation_endpoint` no token can be taken back: each is good until it expires";
            let one = Diagnostic::warning(Code::StaticKeys, token.span, message);
            self.diagnostics
                .push(one.help("name it where the server has one (RFC 7009)"));
        }
        Some(Place::Endpoints {
            token: form::url(token.text()?).ok()?,
            revocation: revocation.and_then(|text| form::url(text).ok()),
        })
    }

    fn client(&mut self, owner: Span, entry: &Entry) -> Option<(Option<String>, ClientProof)> {
        let table = entry.value.table()?;
        let mut proofs = PROOFS.iter().filter_map(|key| table.get(key));
        let (first, second) = (proofs.next(), proofs.next());
        if let (Some(first), Some(second)) = (first, second) {
            let one = Diagnostic::error(
                Code::Conflict,
                second.key,
                "a client proves itself by one thing",
            );
            self.diagnostics
                .push(one.also(first.key, "the other").help("remove one of them"));
            return None;
        }
        let id = table.text("id").map(str::to_owned);
        if id.is_none() && table.get("assertion").is_none() {
            let one = Diagnostic::error(Code::MissingKey, entry.key, "`client` needs `id`");
            self.diagnostics
                .push(one.help("the client's name at the authorization server"));
        }
        let proof = match (
            table.value("secret"),
            table.value("key"),
            table.value("assertion"),
        ) {
            (Some(secret), ..) => {
                let from = self.secret_from(secret)?;
                match table.text("method") {
                    Some("post") => ClientProof::Post(from),
                    _ => ClientProof::Basic(from),
                }
            }
            (_, Some(key), _) => self.client_key(key, table)?,
            (.., Some(path)) => ClientProof::Assertion(self.fresh(path)?),
            _ => {
                let one =
                    Diagnostic::error(Code::MissingKey, owner, "`client` proves itself by nothing");
                let help = "add `secret = { file = \"path\" }`, `key = { file = \"path\" }` or `assertion = \"path\"`";
                self.diagnostics.push(one.help(help));
                return None;
            }
        };
        self.fits(table, &proof);
        Some((id, proof))
    }

    /// A file that others keep fresh. It is read each time it is needed, so that its changes are none of the
    /// configuration's.
    pub(super) fn fresh(&mut self, value: &Value) -> Option<PathBuf> {
        let path = self.folder.join(value.text()?);
        if let Err(why) = file::read(&path) {
            let message = format!("`{}`: {why}", path.display());
            let one = Diagnostic::error(Code::UnreachableReference, value.span, message);
            self.diagnostics
                .push(one.help("paths are relative to the configuration's folder"));
        }
        Some(path)
    }

    /// A key of another proof does nothing here, and the operator should know.
    fn fits(&mut self, table: &Table, proof: &ClientProof) {
        let foreign: &[&str] = match proof {
            ClientProof::Basic(_) | ClientProof::Post(_) => &["alg", "kid", "audience"],
            ClientProof::Key { .. } => &["method"],
            ClientProof::Assertion(_) => &["method", "alg", "kid", "audience"],
        };
        for entry in foreign.iter().filter_map(|key| table.get(key)) {
            let message = "this has no meaning for what the client proves itself by";
            let one = Diagnostic::error(Code::Conflict, entry.key, message);
            self.diagnostics.push(one.help("remove it"));
        }
    }

    fn client_key(&mut self, value: &Value, table: &Table) -> Option<ClientProof> {
        let path: PathBuf = self.secret(value)?;
        let algorithm = table.text("alg").and_then(|name| name.parse().ok());
        if let Some(why) = unfit(&path, algorithm) {
            let message = format!("`{}` cannot sign: {why}", path.display());
            let one = Diagnostic::error(Code::InvalidValue, value.span, message);
            self.diagnostics.push(
                one.help("`openssl genpkey -algorithm ed25519` makes one; `alg` must fit it"),
            );
        }
        Some(ClientProof::Key {
            file: path,
            algorithm,
            kid: table.text("kid").map(str::to_owned),
            audience: table.text("audience").map(str::to_owned),
        })
    }
}

/// Why a file that can be read holds no key. What cannot be read was said where its path was found.
fn unfit(path: &Path, algorithm: Option<Algorithm>) -> Option<String> {
    let pem = file::read(path).ok()?;
    SigningKey::from_pem(pem.as_bytes(), algorithm).err()
}

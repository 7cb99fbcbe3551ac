//! `[identities.X]`, and which of them `[agents.X]` answer to.

use super::Resolver;
use super::values::{networks, texts};
use crate::config::identity::of_kind;
use crate::config::{
    Agent, Binding, Gateway, Identity, Oidc, OwnCertificate, Spiffe, SpiffeFrom, StaticKey, form,
};
use policy::document::{Datum, Entry, Table, Value};
use policy::model::Who;
use policy::{Code, Diagnostic, Policy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest life of a token, and how long keys are good without their issuer, where nothing is said.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Signatures accepted where nothing is said.
const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "RS256", "PS256"];

type Identities = BTreeMap<Arc<str>, Identity>;

impl Resolver<'_> {
    pub(super) fn identities(&mut self, gateway: &Gateway, table: &Table) -> Identities {
        let root = self.root;
        let mut identities = BTreeMap::new();
        for (name, entry) in root.table("identities").into_iter().flat_map(Table::iter) {
            let Some(inner) = entry.value.table() else {
                continue;
            };
            let Some(kind) = inner.value("kind").and_then(Value::text) else {
                continue;
            };
            self.belongs(entry, inner, kind);
            let identity = match kind {
                "local" => {
                    self.near(gateway, table, inner);
                    Some(Identity::Local)
                }
                "oidc" => self.oidc(inner).map(|oidc| Identity::Oidc(Box::new(oidc))),
                "spiffe" => self
                    .spiffe(entry, inner)
                    .map(|spiffe| Identity::Spiffe(Box::new(spiffe))),
                _ => {
                    let message = format!(
                        "`{name}` proves callers by keys that whoever holds them can use anywhere"
                    );
                    self.diagnostics.push(
                        Diagnostic::warning(Code::StaticKeys, entry.key, message)
                            .help("prefer `oidc` or `spiffe`; nothing else needs mending"),
                    );
                    Some(Identity::Key(self.static_keys(inner.items("keys"))))
                }
            };
            self.one_of_a_kind(inner, kind, &identities);
            if name == "spiffe" {
                let message = format!(
                    "an identity cannot be named `{name}`: agents write it for something else"
                );
                self.diagnostics.push(
                    Diagnostic::error(Code::Conflict, entry.key, message)
                        .help("give it another name"),
                );
            }
            identities.extend(identity.map(|identity| (Arc::from(name), identity)));
        }
        identities
    }

    /// Of two identities for one issuer or trust domain nobody could say which a proof is of.
    fn one_of_a_kind(&mut self, table: &Table, kind: &str, identities: &Identities) {
        let key = match kind {
            "oidc" => "issuer",
            "spiffe" => "trust_domain",
            _ => return,
        };
        let Some(value) = table.value(key) else {
            return;
        };
        let same = identities.iter().find(|(_, other)| match other {
            Identity::Oidc(oidc) => Some(oidc.issuer.as_str()) == value.text(),
            Identity::Spiffe(spiffe) => Some(spiffe.trust_domain.as_str()) == value.text(),
            _ => false,
        });
        if let Some((other, _)) = same {
            let message = format!("`{other}` has the same `{key}`");
            self.diagnostics.push(
                Diagnostic::error(Code::Duplicate, value.span, message)
                    .help("make one identity of them; `audience` takes a list"),
            );
        }
    }

    /// A key of another kind does nothing here, and the operator should know.
    fn belongs(&mut self, entry: &Entry, table: &Table, kind: &str) {
        let (needed, more) = of_kind(kind);
        for (name, other) in table.iter() {
            if name != "kind" && !needed.contains(&name) && !more.contains(&name) {
                let message = format!("`{name}` has no meaning for kind `{kind}`");
                self.diagnostics
                    .push(Diagnostic::error(Code::Conflict, other.key, message).help("remove it"));
            }
        }
        for name in needed.iter().filter(|name| table.get(name).is_none()) {
            let message = format!("kind `{kind}` needs `{name}`");
            self.diagnostics
                .push(Diagnostic::error(Code::MissingKey, entry.key, message));
        }
    }

    /// `local` proves nothing to anybody but this machine.
    fn near(&mut self, gateway: &Gateway, table: &Table, identity: &Table) {
        let far = match (
            gateway.listen.iter().all(|at| at.ip().is_loopback()),
            form::is_loopback(&gateway.public_url),
        ) {
            (true, true) => return,
            (false, _) => "listen",
            (true, false) => "public_url",
        };
        let Some(kind) = identity.value("kind") else {
            return;
        };
        let mut one = Diagnostic::error(
            Code::Conflict,
            kind.span,
            format!("`local` identifies callers on this machine only, and `{far}` reaches further"),
        );
        if let Some(entry) = table.get(far) {
            one = one.also(entry.value.span, "not loopback");
        }
        self.diagnostics
            .push(one.help("listen on loopback only, or take the identity out"));
    }

    fn oidc(&mut self, table: &Table) -> Option<Oidc> {
        let issuer = table.text("issuer")?;
        let algorithms = match table.items("algorithms") {
            [] => ALGORITHMS.map(str::to_owned).to_vec(),
            items => texts(items),
        };
        Some(Oidc {
            issuer: issuer.to_owned(),
            url: form::url(issuer).ok()?,
            jwks: table.text("jwks").and_then(|text| form::url(text).ok()),
            audience: texts(table.items("audience")),
            algorithms,
            max_life: lasting(table, "max_life"),
            stale: lasting(table, "stale"),
            agent: table.text("agent").map(str::to_owned),
            user: table.text("user").map(str::to_owned),
            delegation: table
                .value("delegation")
                .is_some_and(|value| value.datum == Datum::Bool(true)),
            require: table.text("require").map(|what| match what {
                "dpop" => Binding::Dpop,
                _ => Binding::Certificate,
            }),
            ca: self.paths(table.items("ca")),
            client_cert: table.get("client_cert").and_then(|entry| self.pair(entry)),
            allow_private: networks(table.items("allow_private")),
        })
    }

    fn spiffe(&mut self, entry: &Entry, table: &Table) -> Option<Spiffe> {
        let from = match (table.text("workload_api"), table.value("bundle")) {
            (Some(socket), None) => SpiffeFrom::WorkloadApi(socket.to_owned()),
            (None, Some(bundle)) => SpiffeFrom::Files {
                bundle: self.path(bundle)?,
                svid: table.get("svid").and_then(|entry| self.pair(entry)),
            },
            _ => {
                let message = "kind `spiffe` needs either `workload_api` or `bundle`";
                let one = Diagnostic::error(Code::MissingKey, entry.key, message);
                let help = "add `workload_api = \"unix:/run/spire/agent.sock\"`";
                self.diagnostics.push(one.help(help));
                return None;
            }
        };
        let federates = texts(table.items("federates"));
        if let (Some(other), SpiffeFrom::Files { .. }) = (table.get("federates"), &from) {
            let message = "bundles of other trust domains come over the Workload API only";
            let one = Diagnostic::error(Code::Conflict, other.key, message);
            self.diagnostics
                .push(one.help("make an identity of its own for each, with its `bundle`"));
        }
        Some(Spiffe {
            trust_domain: table.text("trust_domain")?.to_owned(),
            federates,
            from,
            audience: texts(table.items("audience")),
            max_life: lasting(table, "max_life"),
        })
    }

    fn static_keys(&mut self, rows: &[Value]) -> Vec<StaticKey> {
        let mut keys: Vec<StaticKey> = Vec::new();
        for table in rows.iter().filter_map(Value::table) {
            let (Some(id), Some(hash)) = (table.value("id"), table.value("hash")) else {
                continue;
            };
            let (Some(name), Some(digest)) = (id.text(), hash.text().and_then(form::hash)) else {
                continue;
            };
            if let Some(other) = keys.iter().find(|key| key.id == name || key.hash == digest) {
                let message = format!("this key and `{}` cannot be told apart", other.id);
                self.diagnostics.push(
                    Diagnostic::error(Code::Duplicate, id.span, message)
                        .help("give each key a name and a value of its own"),
                );
            }
            keys.push(StaticKey {
                id: name.to_owned(),
                hash: digest,
            });
        }
        keys
    }

    /// An SVID is shown only by a `spiffe` identity that can have one.
    pub(super) fn own_certificate(
        &mut self,
        gateway: &Gateway,
        table: &Table,
        identities: &Identities,
    ) {
        let Some(OwnCertificate::Svid(name)) = gateway.tls.as_ref().map(|tls| &tls.own) else {
            return;
        };
        let has_one = match identities.get(name) {
            Some(Identity::Spiffe(spiffe)) => {
                !matches!(spiffe.from, SpiffeFrom::Files { svid: None, .. })
            }
            _ => false,
        };
        let value = table.table("tls").and_then(|tls| tls.value("svid"));
        if let Some(value) = value.filter(|_| !has_one) {
            let message =
                format!("`{name}` is no `spiffe` identity with an SVID of the gateway's own");
            self.diagnostics
                .push(Diagnostic::error(Code::UnknownName, value.span, message));
        }
    }

    pub(super) fn agents(
        &mut self,
        policy: &Policy,
        identities: &Identities,
    ) -> BTreeMap<Arc<str>, Agent> {
        let mut known: Vec<_> = policy.agents().collect();
        known.sort_by_key(|(_, agent)| agent.span);
        let mut agents = BTreeMap::new();
        for (name, agent) in known {
            for matcher in &agent.identity {
                if let Some((message, help)) = unknown(&matcher.who, identities) {
                    let one = Diagnostic::error(Code::UnknownName, matcher.span, message);
                    self.diagnostics.push(one.help(help));
                }
            }
            let settings = Agent {
                identity: agent.identity.clone(),
                state: agent.state,
                expires: agent.expires,
                requires_chain: agent.requires_chain,
                owner: agent.owner.clone(),
                purpose: agent.purpose.clone(),
            };
            agents.insert(Arc::from(name.as_str()), settings);
        }
        agents
    }
}

/// What is wrong with a matcher, where no identity can prove it.
fn unknown(who: &Who, identities: &Identities) -> Option<(String, String)> {
    let any = |wanted: fn(&Identity) -> bool| identities.values().any(wanted);
    match who {
        Who::Local if any(|one| matches!(one, Identity::Local)) => None,
        Who::Local => Some((
            "no identity is of kind `local`".to_owned(),
            "add `[identities.here]` with `kind = \"local\"`".to_owned(),
        )),
        Who::Workload(_) if any(|one| matches!(one, Identity::Spiffe(_))) => None,
        Who::Workload(_) => Some((
            "no identity is of kind `spiffe`".to_owned(),
            "add `[identities.mesh]` with `kind = \"spiffe\"`".to_owned(),
        )),
        Who::Subject { source, .. } => match identities.get(source.as_str()) {
            Some(Identity::Local) => Some((
                format!("`{source}` is of kind `local`, which has no subjects"),
                "write `local`".to_owned(),
            )),
            Some(_) => None,
            None => Some((
                format!("no identity is named `{}`", source.escape_debug()),
                format!("add `[identities.{source}]` or name one that is there"),
            )),
        },
    }
}

fn lasting(table: &Table, key: &str) -> Duration {
    table.text(key).and_then(form::duration).unwrap_or(DAY)
}

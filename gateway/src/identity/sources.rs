//! What verifies proofs: the issuers of tokens and the trust domains of workloads, kept from snapshot to snapshot
//! while their settings stay.

use crate::admin::Readiness;
use crate::config::{Config, InboundTls, Oidc, OwnCertificate, Spiffe, SpiffeFrom};
use adapters::egress;
use adapters::identity::jwks::{self, KeySource};
use adapters::identity::jwt::{Algorithm, KeySet, Rules};
use adapters::identity::spiffe;
use arc_swap::ArcSwapOption;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What verifies proofs.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// By exactly what `iss` says.
    issuers: HashMap<Box<str>, Arc<Issuer>>,
    pub(crate) meshes: BTreeMap<Arc<str>, Arc<Mesh>>,
}

/// One issuer of tokens.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) name: Arc<str>,
    pub(crate) settings: Oidc,
    pub(crate) rules: Rules,
    pub(crate) keys: Arc<KeySource>,
}

/// One trust domain, with those it federates with.
#[derive(Debug)]
pub(crate) struct Mesh {
    pub(crate) name: Arc<str>,
    pub(crate) settings: Spiffe,
    pub(crate) source: Arc<spiffe::Source>,
    /// The keys of JWT-SVIDs, read once for each state of the bundles.
    keys: ArcSwapOption<Domains>,
}

/// Whose keys have verified a token.
#[derive(Debug)]
pub(crate) enum Signer {
    Issuer(Arc<Issuer>),
    Mesh(Arc<Mesh>),
}

/// The keys of each trust domain, and the state of the bundles they are of.
type Domains = (u64, HashMap<Box<str>, Arc<KeySet>>);

/// A clock may be this far off.
const LEEWAY: u64 = 30;

/// How long an issuer may take to be reached.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(3);

// === impl Sources ===

impl Sources {
    /// The issuer of exactly this name.
    pub(crate) fn issuer(&self, issuer: &str) -> Option<&Arc<Issuer>> {
        self.issuers.get(issuer)
    }

    /// The mesh that answers for a trust domain.
    pub(crate) fn mesh(&self, trust_domain: &str) -> Option<&Arc<Mesh>> {
        let own = |mesh: &&Arc<Mesh>| mesh.settings.trust_domain == trust_domain;
        let other = |mesh: &&Arc<Mesh>| {
            mesh.settings
                .federates
                .iter()
                .any(|one| one == trust_domain)
        };
        let mut meshes = self.meshes.values();
        meshes.clone().find(own).or_else(|| meshes.find(other))
    }

    /// Ready is who can verify somebody: an issuer that is away does not take the callers of the others along.
    pub(crate) fn readiness(&self, config: &Config) -> Readiness {
        let issuers = self.issuers.values();
        let issuers = issuers.filter(|issuer| issuer.keys.age().is_none());
        let issuers = issuers.map(|issuer| format!("identities.{}: no keys yet", issuer.name));
        let meshes = self.meshes.values().filter(|mesh| !mesh.source.ready());
        let meshes = meshes.map(|mesh| {
            let why = mesh.source.trouble().unwrap_or_default();
            let text = format!("identities.{}: no bundle yet {why}", mesh.name);
            text.trim_end().to_owned()
        });
        let mut unready: Vec<String> = issuers.chain(meshes).collect();
        unready.sort();
        let mut ready = unready.len() < config.identities.len().max(1);
        if let Some(name) = self.nameless(config) {
            ready = false;
            unready.push(format!("tls.svid: `{name}` has none yet"));
        }
        Readiness { ready, unready }
    }

    /// The identity whose SVID the gateway shows, while there is none.
    fn nameless<'config>(&self, config: &'config Config) -> Option<&'config str> {
        let OwnCertificate::Svid(name) = &config.gateway.tls.as_ref()?.own else {
            return None;
        };
        let svid = self.meshes.get(name).and_then(|mesh| mesh.source.svid());
        svid.is_none().then_some(name)
    }

    /// Puts an issuer among the sources.
    pub(crate) fn add_issuer(&mut self, issuer: Arc<Issuer>) {
        self.issuers
            .insert(Box::from(issuer.settings.issuer.as_str()), issuer);
    }
}

// === impl Issuer ===

impl Issuer {
    /// An issuer whose keys are not known yet.
    ///
    /// # Errors
    ///
    /// A certificate that cannot be used.
    pub(crate) fn new(config: &Config, name: &Arc<str>, settings: &Oidc) -> Result<Self, String> {
        let at = |why: String| format!("identities.{name}: {why}");
        let roots = config.gateway.ca.iter().chain(&settings.ca);
        let ranges = config
            .gateway
            .allow_private
            .iter()
            .chain(&settings.allow_private);
        let keys = KeySource::new(jwks::Settings {
            issuer: settings.url.clone(),
            issuer_text: settings.issuer.clone(),
            jwks: settings.jwks.clone(),
            allow_private: ranges.copied().collect(),
            roots: roots.cloned().collect(),
            identity: settings.client_cert.as_ref().map(|pair| egress::Identity {
                cert: pair.cert.clone(),
                key: pair.key.clone(),
            }),
            connect: CONNECT,
            stale: settings.stale,
        });
        let algorithms = settings
            .algorithms
            .iter()
            .filter_map(|name| name.parse::<Algorithm>().ok());
        Ok(Self {
            name: Arc::clone(name),
            rules: Rules {
                issuer: Some(settings.issuer.clone()),
                algorithms: algorithms.collect(),
                leeway: LEEWAY,
                max_life: settings.max_life.as_secs(),
            },
            settings: settings.clone(),
            keys: keys.map_err(at)?,
        })
    }
}

// === impl Mesh ===

impl Mesh {
    /// A trust domain whose bundles are not known yet.
    ///
    /// # Errors
    ///
    /// A file that cannot be used.
    pub(crate) fn new(name: &Arc<str>, settings: &Spiffe) -> Result<Self, String> {
        let files = |pair: &InboundTls| (pair.cert.clone(), pair.key.clone());
        let from = match &settings.from {
            SpiffeFrom::WorkloadApi(socket) => spiffe::From::WorkloadApi(socket.clone()),
            SpiffeFrom::Files { bundle, svid } => spiffe::From::Files {
                bundle: bundle.clone(),
                federated: Vec::new(),
                svid: svid.as_ref().map(files),
            },
        };
        let source = spiffe::Source::new(spiffe::Settings {
            trust_domain: settings.trust_domain.clone(),
            federates: settings.federates.clone(),
            from,
        });
        Ok(Self {
            name: Arc::clone(name),
            settings: settings.clone(),
            source: source.map_err(|why| format!("identities.{name}: {why}"))?,
            keys: ArcSwapOption::empty(),
        })
    }

    /// What a JWT-SVID must be.
    pub(crate) fn rules(&self) -> Rules {
        use Algorithm::{ES256, ES384, PS256, PS384, PS512, RS256, RS384, RS512};
        Rules {
            issuer: None,
            algorithms: vec![ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512],
            leeway: LEEWAY,
            max_life: self.settings.max_life.as_secs(),
        }
    }

    /// The keys that sign a trust domain's JWT-SVIDs.
    pub(crate) fn keys(&self, trust_domain: &str) -> Option<Arc<KeySet>> {
        let epoch = self.source.epoch();
        let known = self.keys.load();
        if let Some(known) = known.as_ref().filter(|known| known.0 == epoch) {
            return known.1.get(trust_domain).cloned();
        }
        let domains = [&self.settings.trust_domain]
            .into_iter()
            .chain(&self.settings.federates);
        let sets = domains.filter_map(|domain| {
            let bundle = self.source.bundle(domain)?;
            let set = KeySet::parse(bundle.jwt_authorities()).ok()?;
            Some((Box::from(domain.as_str()), Arc::new(set)))
        });
        let sets: HashMap<Box<str>, Arc<KeySet>> = sets.collect();
        let found = sets.get(trust_domain).cloned();
        self.keys.store(Some(Arc::new((epoch, sets))));
        found
    }
}

// === impl Signer ===

impl Signer {
    /// A number that is another one after every change of its keys.
    pub(crate) fn state(&self) -> u64 {
        match self {
            Self::Issuer(issuer) => issuer.keys.generation(),
            Self::Mesh(mesh) => mesh.source.epoch(),
        }
    }
}

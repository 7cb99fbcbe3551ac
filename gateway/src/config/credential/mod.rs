//! `[credentials.X]` as types: which issuer, where the credential goes, how long it lives and whom it serves.

mod aws;
mod fixed;
mod github_app;
mod inject;
mod keys;
mod mint;
mod oauth;
mod postgres;
mod vault;

pub use aws::{Aws, AwsProof};
pub use fixed::Fixed;
pub(super) use github_app::API;
pub use github_app::GithubApp;
pub(super) use inject::INJECT;
pub use inject::{Inject, Part, Template, Where};
pub(super) use keys::{CREDENTIAL, of_kind};
pub use mint::Mint;
pub(super) use mint::SUBJECT;
pub use oauth::{Actor, ClientProof, Exchange, IdJag, OAuth, Place, Registration};
pub use postgres::Postgres;
pub(super) use postgres::place;
pub use vault::{Login as VaultLogin, Vault};

use super::InboundTls;
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;

/// `[credentials.X]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Who issues it.
    pub kind: Kind,
    /// Where it goes.
    pub inject: Inject,
    /// Whom one lease serves.
    pub per: Per,
    /// The longest life of a lease.
    pub ttl: Duration,
    /// What is asked for where no rule says it; templates.
    pub scope: Vec<String>,
    /// With so many leases that cannot be revoked no more are minted.
    pub outstanding: usize,
    /// How its issuer is reached.
    pub reach: Reach,
}

/// Who issues a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `kind = "aws"`.
    Aws(Box<Aws>),
    /// `kind = "exchange"`.
    Exchange(Box<Exchange>),
    /// `kind = "static"`.
    Fixed(Fixed),
    /// `kind = "github_app"`.
    GithubApp(GithubApp),
    /// `kind = "mint"`.
    Mint(Mint),
    /// `kind = "postgres"`.
    Postgres(Postgres),
    /// `kind = "oauth"`.
    OAuth(OAuth),
    /// `kind = "vault"`.
    Vault(Box<Vault>),
}

/// Whom one lease serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// All calls of a task.
    #[default]
    Task,
    /// One call.
    Call,
    /// All calls of one principal.
    Agent,
}

/// The credential a server's calls go out with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// None, and nobody says so.
    #[default]
    Unsaid,
    /// None, on purpose.
    None,
    /// This one.
    Named(std::sync::Arc<str>),
}

/// How an issuer is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Roots added to the system's and the gateway's.
    pub ca: Vec<PathBuf>,
    /// What the gateway shows the issuer.
    pub client_cert: Option<InboundTls>,
    /// Networks the issuer may be in, with the gateway's.
    pub allow_private: Vec<IpNet>,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFrom {
    /// In a file; surrounding white space is not part of it.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

// === impl Kind ===

impl Kind {
    /// The fields it gives, where that is known before it gives them.
    pub(super) fn fields(&self) -> Option<Vec<&str>> {
        match self {
            Self::Fixed(fixed) => Some(fixed.fields.iter().map(|(name, _)| &**name).collect()),
            Self::Postgres(_) => Some(postgres::FIELDS.to_vec()),
            Self::Aws(_) => Some(aws::FIELDS.to_vec()),
            Self::GithubApp(_) => Some(github_app::FIELDS.to_vec()),
            Self::Mint(_) | Self::OAuth(_) | Self::Exchange(_) => Some(vec!["token"]),
            Self::Vault(_) => None,
        }
    }

    /// Who issues it: what is taken back must be taken back there, and not where another configuration says.
    pub(crate) fn backend(&self) -> String {
        let asked = |registration: &Registration| {
            let place = match &registration.place {
                Place::Issuer(issuer) => issuer.clone(),
                Place::Endpoints { token, .. } => token.to_string(),
            };
            format!("{place} {}", registration.id.as_deref().unwrap_or_default())
        };
        match self {
            Self::Aws(aws) => format!("aws {}", aws.endpoint),
            Self::Exchange(exchange) => {
                let giver = exchange.id_jag.as_ref().map(|jag| &jag.registration);
                format!(
                    "exchange {}",
                    asked(giver.unwrap_or(&exchange.registration))
                )
            }
            Self::Fixed(_) => "static".to_owned(),
            Self::GithubApp(app) => format!("github_app {} {}", app.api, app.installation),
            Self::Mint(_) => "mint".to_owned(),
            Self::Postgres(own) => format!("postgres {} {}", own.place, own.database),
            Self::OAuth(oauth) => format!("oauth {}", asked(&oauth.registration)),
            Self::Vault(vault) => {
                let namespace = vault.namespace.as_deref().unwrap_or_default();
                format!("vault {} {namespace}", vault.address)
            }
        }
    }

    /// Where the secrets are that its issuer is made with; what it reads anew each time is not among them.
    pub(crate) fn secrets(&self) -> Vec<SecretFrom> {
        match self {
            Self::Fixed(fixed) => fixed.fields.iter().map(|(_, from)| from.clone()).collect(),
            Self::Postgres(_) => Vec::new(),
            Self::Aws(aws) => match &aws.proof {
                AwsProof::Key {
                    secret, session, ..
                } => [secret].into_iter().chain(session).cloned().collect(),
                AwsProof::File(_) | AwsProof::Caller => Vec::new(),
            },
            Self::Vault(vault) => vault.secret().into_iter().collect(),
            Self::GithubApp(app) => vec![SecretFrom::File(app.key.clone())],
            Self::Mint(mint) => mint.key.iter().cloned().map(SecretFrom::File).collect(),
            Self::OAuth(oauth) => oauth.registration.secret().into_iter().collect(),
            Self::Exchange(exchange) => {
                let there = exchange.id_jag.iter().map(|other| &other.registration);
                let both = there.chain([&exchange.registration]);
                both.filter_map(Registration::secret).collect()
            }
        }
    }
}

// === impl SecretFrom ===

impl SecretFrom {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// Where it is not, or that it is empty.
    #[expect(
        clippy::disallowed_methods,
        reason = "the configuration names the variable"
    )]
    pub fn read(&self) -> Result<zeroize::Zeroizing<String>, String> {
        let (text, place) = match self {
            Self::File(file) => (super::read_file(file), file.display().to_string()),
            Self::Env(name) => {
                let value = std::env::var(name).map(zeroize::Zeroizing::new);
                (
                    value.map_err(|_| "the variable is not set".to_owned()),
                    name.clone(),
                )
            }
        };
        let text = text.map_err(|why| format!("`{place}`: {why}"))?;
        match text.trim() {
            "" => Err(format!("`{place}` is empty")),
            secret => Ok(zeroize::Zeroizing::new(secret.to_owned())),
        }
    }
}

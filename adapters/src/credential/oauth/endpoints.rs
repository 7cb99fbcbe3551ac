//! Where an authorization server is asked: as configured, or as its own metadata says (RFC 8414, OpenID Connect
//! Discovery). Metadata is looked at again every few minutes; what it said last holds while it does not answer.

use crate::egress::{Caller, Fetcher, Identity, Settings as Reach};
use crate::identity::metadata::{Issuer, Metadata};
use arc_swap::ArcSwapOption;
use ipnet::IpNet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Host, Url};

/// An authorization server, and how it is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// Networks it may be in though they are not public.
    pub allow_private: Vec<IpNet>,
    /// Roots beside the system's.
    pub roots: Vec<PathBuf>,
    /// What it is shown.
    pub identity: Option<Identity>,
    /// Until when a connection must be there.
    pub connect: Duration,
    /// Until when one exchange must be over.
    pub deadline: Duration,
}

/// Where an authorization server is.
#[derive(Debug, Clone)]
pub enum Place {
    /// Where its metadata says, which must name this issuer.
    Issuer {
        /// Where it is.
        url: Url,
        /// Exactly as its metadata writes it.
        text: String,
    },
    /// Here.
    Endpoints {
        /// Who gives tokens.
        token: Url,
        /// Who takes them back.
        revocation: Option<Url>,
    },
}

/// Whom to ask.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(super) token: Arc<Caller>,
    pub(super) revocation: Option<Arc<Caller>>,
    /// Whom a client's assertions are for.
    pub(crate) audience: String,
    at: Instant,
}

/// Knows whom to ask.
#[derive(Debug)]
pub(super) struct Directory {
    settings: Settings,
    /// None where the endpoints are configured.
    issuer: Option<(Issuer, Fetcher)>,
    kept: ArcSwapOption<Endpoints>,
    /// Held by the one look at the metadata: when the last one failed, and why.
    looking: Mutex<Option<(Instant, String)>>,
}

/// The token and the revocation endpoint.
type Found = (Url, Option<Url>);

/// The largest metadata.
const DOCUMENT_MOST: usize = 256 * 1024;
/// Metadata is looked at anew this often.
const FRESH: Duration = Duration::from_secs(300);
/// How long it holds while it cannot be read.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The least time between two looks that fail, without and with endpoints that are known.
const APART: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

// === impl Directory ===

impl Directory {
    /// Nobody has been asked yet.
    ///
    /// # Errors
    ///
    /// A certificate that cannot be used, an endpoint that cannot be called.
    pub(super) fn new(settings: Settings) -> Result<Self, String> {
        let mut directory = Self {
            issuer: None,
            kept: ArcSwapOption::empty(),
            looking: Mutex::default(),
            settings,
        };
        match directory.settings.place.clone() {
            Place::Endpoints { token, revocation } => {
                let endpoints = directory.reach((token, revocation))?;
                directory.kept.store(Some(Arc::new(endpoints)));
            }
            Place::Issuer { url, text } => {
                let Settings {
                    allow_private,
                    roots,
                    identity,
                    connect,
                    deadline,
                    ..
                } = &directory.settings;
                let fetcher = Fetcher::new(
                    (allow_private.clone(), *connect),
                    (roots, identity.as_ref()),
                    (*deadline, DOCUMENT_MOST),
                )?;
                let allow_private = allow_private.clone();
                let issuer = Issuer {
                    url,
                    text,
                    allow_private,
                };
                directory.issuer = Some((issuer, fetcher));
            }
        }
        Ok(directory)
    }

    /// Whether it is known that tokens cannot be taken back.
    pub(super) fn lapses(&self) -> bool {
        let kept = self.kept.load();
        self.issuer.is_none() && kept.as_ref().is_some_and(|kept| kept.revocation.is_none())
    }

    /// Whom to ask now.
    ///
    /// # Errors
    ///
    /// Why nobody knows.
    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, String> {
        let kept = self.kept.load_full();
        let Some((issuer, fetcher)) = &self.issuer else {
            return kept.ok_or_else(|| "no endpoint is known".to_owned());
        };
        let mut last = match (kept, self.looking.try_lock()) {
            (Some(kept), _) if kept.at.elapsed() < FRESH => return Ok(kept),
            // Somebody looks already, and what is known will do until then.
            (Some(kept), Err(_)) if kept.at.elapsed() < STALE => return Ok(kept),
            (_, Ok(turn)) => turn,
            (_, Err(_)) => self.looking.lock().await,
        };
        // Another may have been first.
        let kept = self.kept.load_full().filter(|it| it.at.elapsed() < STALE);
        let apart = APART.get(usize::from(kept.is_some()));
        let recent = last
            .as_ref()
            .filter(|(at, _)| apart.is_some_and(|apart| at.elapsed() < *apart));
        match (kept, recent) {
            (Some(kept), recent) if recent.is_some() || kept.at.elapsed() < FRESH => Ok(kept),
            (None, Some((_, why))) => Err(why.clone()),
            (kept, _) => match self.look(issuer, fetcher).await {
                Ok(found) => {
                    *last = None;
                    self.kept.store(Some(Arc::clone(&found)));
                    Ok(found)
                }
                Err(why) => {
                    *last = Some((Instant::now(), why.clone()));
                    kept.ok_or(why)
                }
            },
        }
    }

    async fn look(&self, issuer: &Issuer, fetcher: &Fetcher) -> Result<Arc<Endpoints>, String> {
        let read = |about: &Metadata<'_>| -> Result<Found, String> {
            let token = about.url("token_endpoint")?;
            let token = token.ok_or_else(|| "does not say where it gives tokens".to_owned())?;
            let revocation = about.url("revocation_endpoint")?;
            match unheard(&token) && revocation.as_ref().is_none_or(unheard) {
                true => Ok((token, revocation)),
                false => Err("leads to a public address without TLS".to_owned()),
            }
        };
        let found = issuer.discover(fetcher, read).await?;
        Ok(Arc::new(self.reach(found)?))
    }

    fn reach(&self, (token, revocation): Found) -> Result<Endpoints, String> {
        let audience = match &self.settings.place {
            Place::Issuer { text, .. } => text.clone(),
            Place::Endpoints { token, .. } => token.to_string(),
        };
        let revocation = revocation.map(|url| self.caller(url)).transpose()?;
        Ok(Endpoints {
            token: self.caller(token)?,
            revocation,
            audience,
            at: Instant::now(),
        })
    }

    /// The caller of an endpoint: the one there is, with its connections, where the endpoint is as before.
    fn caller(&self, url: Url) -> Result<Arc<Caller>, String> {
        let kept = self.kept.load();
        let kept = kept.iter().flat_map(|kept| {
            let revocation = kept.revocation.as_ref();
            revocation.into_iter().chain([&kept.token])
        });
        if let Some(same) = kept.into_iter().find(|caller| *caller.base() == url) {
            return Ok(Arc::clone(same));
        }
        let settings = Reach {
            url,
            allow_private: self.settings.allow_private.clone(),
            roots: self.settings.roots.clone(),
            identity: self.settings.identity.clone(),
            connect: self.settings.connect,
        };
        Caller::new(&settings, self.settings.deadline).map(Arc::new)
    }
}

/// Whether nobody on the public Internet could listen in. Names are judged when they are resolved.
fn unheard(url: &Url) -> bool {
    let public = match url.host() {
        Some(Host::Ipv4(address)) => crate::egress::is_public(address.into()),
        Some(Host::Ipv6(address)) => crate::egress::is_public(address.into()),
        _ => false,
    };
    url.scheme() == "https" || !public
}

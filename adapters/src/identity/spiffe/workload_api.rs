//! Bundles and the own SVID from the SPIFFE Workload API: three streams, each opened again when it ends.
//!
//! Withdrawal: when the agent keeps saying that no identity is issued to the gateway (its entry was deleted), the own SVID
//! is dropped. Bundles are then kept until they are stale, as when the agent cannot be reached: that the gateway may
//! not show an identity says nothing about those of others. A trust domain missing from a new answer is dropped at once.

use super::bundle::{Authorities, JwtAuthorities};
use super::source::{STALE, Source};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use spiffe::transport::Endpoint;
use spiffe::{
    JwtBundleSet, WorkloadApiClient, WorkloadApiError, X509BundleSet, X509Context, X509Svid,
};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::{Stream, StreamExt as _};

/// For the connection, and for the first answer: an agent has it at hand.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// Before the second attempt; doubled for each that follows.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a denial must stand to withdraw the own SVID. An agent that has to replace what a tainted authority has
/// signed denies whatever it has not replaced yet.
const DENIAL: Duration = Duration::from_secs(5);

/// One of the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    Svid,
    X509Bundles,
    JwtBundles,
}

/// Why a stream is not there.
enum End {
    /// The source is not needed any more.
    Dropped,
    /// The agent knows no identity for the gateway.
    Denied(String),
    /// Anything else: try again.
    Lost(String),
}

/// What is wrong with the address of a Workload API.
pub(super) fn check(endpoint: &str) -> Result<(), String> {
    let wrong = |fault: &dyn std::fmt::Display| format!("Workload API `{endpoint}`: {fault}");
    match Endpoint::parse(endpoint) {
        // It hands out private keys in the clear.
        Ok(Endpoint::Tcp { host, .. }) if !host.is_loopback() => {
            Err(wrong(&"is neither a unix socket nor a loopback address"))
        }
        Ok(_) => Ok(()),
        Err(fault) => Err(wrong(&fault)),
    }
}

/// Follows one stream while somebody holds the source.
pub(super) async fn watch(feed: Feed, endpoint: String, source: Weak<Source>) {
    let mut lost = Instant::now();
    let mut pause = PAUSE;
    let mut denied = None;
    loop {
        let mut heard = false;
        let end = feed.follow(&endpoint, &source, &mut heard).await;
        if heard {
            (lost, pause, denied) = (Instant::now(), PAUSE, None);
        }
        let Some(held) = source.upgrade() else { return };
        let why = match end {
            End::Dropped => return,
            End::Denied(why) => {
                denied.get_or_insert_with(Instant::now);
                why
            }
            End::Lost(why) => why,
        };
        held.note(
            feed.name(),
            Some(format!("{} ({endpoint}): {why}", feed.name())),
        );
        match feed {
            Feed::Svid if denied.is_some_and(|since| since.elapsed() >= DENIAL) => {
                held.set_svid(None);
            }
            // An SVID that is not renewed ends by itself.
            Feed::Svid => {}
            Feed::X509Bundles if lost.elapsed() >= STALE => held.set_x509(&HashMap::new()),
            Feed::JwtBundles if lost.elapsed() >= STALE => held.set_jwt(&HashMap::new()),
            Feed::X509Bundles | Feed::JwtBundles => {}
        }
        drop(held);
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

// === impl Feed ===

impl Feed {
    fn name(self) -> &'static str {
        match self {
            Self::Svid => "own SVID from the Workload API",
            Self::X509Bundles => "X.509 bundles from the Workload API",
            Self::JwtBundles => "JWT bundles from the Workload API",
        }
    }

    async fn follow(self, endpoint: &str, source: &Weak<Source>, heard: &mut bool) -> End {
        let client = match timeout(FIRST_ANSWER, WorkloadApiClient::connect_to(endpoint)).await {
            Ok(Ok(client)) => client,
            Ok(Err(fault)) => return fault.into(),
            Err(_) => return End::Lost("no connection in time".to_owned()),
        };
        match self {
            Self::Svid => {
                let take = |source: &Source, context| take_svid(source, &context);
                self.drain(client.stream_x509_contexts(), source, heard, take)
                    .await
            }
            Self::X509Bundles => {
                let take = |source: &Source, set| take_x509(source, &set);
                self.drain(client.stream_x509_bundles(), source, heard, take)
                    .await
            }
            Self::JwtBundles => {
                let take = |source: &Source, set| take_jwt(source, &set);
                self.drain(client.stream_jwt_bundles(), source, heard, take)
                    .await
            }
        }
    }

    /// Takes over every answer until the stream ends.
    async fn drain<T, S: Stream<Item = Result<T, WorkloadApiError>>>(
        self,
        open: impl Future<Output = Result<S, WorkloadApiError>>,
        source: &Weak<Source>,
        heard: &mut bool,
        take: impl Fn(&Source, T) -> Result<(), String>,
    ) -> End {
        let until = Instant::now() + FIRST_ANSWER;
        let late = || End::Lost("no answer in time".to_owned());
        let stream = match tokio::time::timeout_at(until, open).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(fault)) => return fault.into(),
            Err(_) => return late(),
        };
        let mut stream = pin!(stream);
        loop {
            let next = match *heard {
                true => stream.next().await,
                false => match tokio::time::timeout_at(until, stream.next()).await {
                    Ok(next) => next,
                    Err(_) => return late(),
                },
            };
            let answer = match next {
                None => return End::Lost("the agent ended the stream".to_owned()),
                Some(Err(fault)) => return fault.into(),
                Some(Ok(answer)) => answer,
            };
            let Some(held) = source.upgrade() else {
                return End::Dropped;
            };
            *heard = true;
            held.note(self.name(), take(&held, answer).err());
        }
    }
}

// === impl End ===

impl std::convert::From<WorkloadApiError> for End {
    fn from(fault: WorkloadApiError) -> Self {
        match fault {
            WorkloadApiError::NoIdentityIssued | WorkloadApiError::PermissionDenied(_) => {
                Self::Denied(with_causes(&fault))
            }
            fault => Self::Lost(with_causes(&fault)),
        }
    }
}

/// The first SVID of the own trust domain; the first is what the agent means by default.
fn take_svid(source: &Source, context: &X509Context) -> Result<(), String> {
    let own = &source.settings().trust_domain;
    let domain = |svid: &X509Svid| svid.spiffe_id().trust_domain().as_str() == own;
    let svid = context.svids().iter().find(|svid| domain(svid));
    let Some(svid) = svid else {
        source.set_svid(None);
        return Err(format!("the agent issues no SVID of trust domain `{own}`"));
    };
    let chain = svid.cert_chain().iter();
    let chain = chain.map(|one| CertificateDer::from(one.as_bytes().to_vec()));
    let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec());
    let key = PrivateKeyDer::Pkcs8(key);
    let svid = CertifiedKey::from_der(chain.collect(), key, &default_provider())
        .map_err(|fault| format!("the agent's SVID cannot be used: {fault}"))?;
    source.set_svid(Some(&Arc::new(svid)));
    Ok(())
}

/// One trust domain's unusable bundle is as good as none, and no reason to leave the others as they were.
fn take_x509(source: &Source, set: &X509BundleSet) -> Result<(), String> {
    let mut taken = HashMap::new();
    let mut faults = Vec::new();
    for (domain, bundle) in set.iter() {
        let certificates = bundle.authorities().iter();
        let certificates: Vec<_> = certificates
            .map(|one| CertificateDer::from(one.as_bytes()))
            .collect();
        match Authorities::new(&certificates) {
            Ok(authorities) => {
                taken.insert(domain.as_str().to_owned(), Arc::new(authorities));
            }
            Err(fault) => faults.push(format!("the bundle of `{}` {fault}", domain.as_str())),
        }
    }
    source.set_x509(&taken);
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.join("; ")),
    }
}

fn take_jwt(source: &Source, set: &JwtBundleSet) -> Result<(), String> {
    let keys = |bundle: &spiffe::JwtBundle| {
        let keys = bundle.jwt_authorities();
        JwtAuthorities::new(
            keys.filter_map(|key| serde_json::from_slice(key.jwk_json()).ok())
                .collect(),
        )
    };
    let taken = set
        .iter()
        .map(|(domain, bundle)| (domain.as_str().to_owned(), keys(bundle)))
        .collect();
    source.set_jwt(&taken);
    Ok(())
}

/// A fault and what it comes from: the last cause is the one that says what is wrong with the socket.
fn with_causes(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(one) = cause {
        let said = one.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = one.source();
    }
    text
}

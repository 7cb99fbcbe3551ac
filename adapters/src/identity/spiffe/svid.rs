//! A client's X.509-SVID: its chain judged against the bundle of the trust domain it names.
//!
//! The name comes from one place of the leaf, its single URI name, and that name alone picks the authorities the chain
//! must end at: an authority of one trust domain can never speak for another. Subjects and DNS names are not looked at.

use super::bundle::Bundle;
use super::id::{IdFault, SpiffeId};
use super::source::Source;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::cell::Cell;
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// Longest chain that is looked at, the leaf included.
const MAX_CHAIN: usize = 8;

/// A verified X.509-SVID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svid {
    /// Whose it is.
    pub id: SpiffeId,
    /// Unix seconds at which the first certificate on the way to its authority expires.
    pub expires: u64,
    /// SHA-256 of the leaf.
    pub fingerprint: [u8; 32],
}

/// Why a chain is no SVID of anybody, in the operator's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No certificate at all.
    #[error("the client sent no certificate")]
    Empty,
    /// Over 8 certificates, or a way to the authority that its certificates do not allow.
    #[error("the chain is too long")]
    TooLong,
    /// A certificate that is no X.509, or has the same extension twice.
    #[error("a certificate of the chain cannot be read")]
    Unreadable,
    /// No URI name.
    #[error("the certificate has no URI name")]
    NoId,
    /// More than one URI name.
    #[error("the certificate has several URI names")]
    SeveralIds,
    /// A URI name that is no SPIFFE ID.
    #[error("the certificate's URI name {0}")]
    Id(#[from] IdFault),
    /// A SPIFFE ID that names the trust domain itself, and so no workload.
    #[error("the certificate's SPIFFE ID has no path")]
    NoPath,
    /// An authority's certificate, or one that may sign others.
    #[error("the certificate is one that may sign others")]
    Authority,
    /// A key usage without `digitalSignature`, or none.
    #[error("the certificate's key usage does not have `digitalSignature`")]
    KeyUsage,
    /// An extended key usage without `clientAuth`.
    #[error("the certificate's extended key usage does not have `clientAuth`")]
    ExtendedKeyUsage,
    /// Neither the own nor a listed trust domain, or one whose X.509 authorities are not known at the moment.
    #[error("no X.509 authorities of trust domain `{0}` are known")]
    TrustDomain(String),
    /// Not signed by an authority of its trust domain.
    #[error("no authority of the certificate's trust domain has signed it")]
    UnknownIssuer,
    /// Expired, anywhere on the way.
    #[error("a certificate of the chain, or its authority, has expired")]
    Expired,
    /// Not valid yet, anywhere on the way.
    #[error("a certificate of the chain, or its authority, is not valid yet")]
    NotYetValid,
    /// A certificate in the middle that may not sign others.
    #[error("a certificate in the chain is not of an authority")]
    Intermediate,
    /// A name that an authority on the way may not sign.
    #[error(
        "an authority's name constraints do not allow the certificate, or constrain URIs, which is not supported"
    )]
    NameConstraint,
    /// Anything else.
    #[error("the chain is not valid: {0}")]
    Chain(String),
}

/// Judges a chain, leaf first, as it is at `now`.
///
/// # Errors
///
/// Why it proves nothing.
pub fn verify(chain: &[CertificateDer<'_>], source: &Source, now: UnixTime) -> Result<Svid, Fault> {
    let (leaf, intermediates) = chain.split_first().ok_or(Fault::Empty)?;
    if chain.len() > MAX_CHAIN {
        return Err(Fault::TooLong);
    }
    let parsed = parse(leaf)?;
    let id = id(&parsed)?;
    check_leaf(&parsed)?;
    let bundle = source
        .bundle(id.trust_domain())
        .filter(|bundle| bundle.x509_authorities() > 0)
        .ok_or_else(|| Fault::TrustDomain(id.trust_domain().to_owned()))?;
    let authority = check_chain(leaf, intermediates, &bundle, now)?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
    Ok(Svid {
        id,
        expires: authority.min(expiry(&parsed)),
        fingerprint: digest.as_ref().try_into().map_err(|_| Fault::Unreadable)?,
    })
}

/// The one SPIFFE ID of a leaf.
fn id(leaf: &X509Certificate<'_>) -> Result<SpiffeId, Fault> {
    let names = leaf
        .subject_alternative_name()
        .map_err(|_| Fault::Unreadable)?
        .ok_or(Fault::NoId)?;
    let mut found = None;
    for name in &names.value.general_names {
        let text = match name {
            GeneralName::URI(text) => *text,
            // What does not read as a name could be a second one to somebody else.
            GeneralName::Invalid(..) => return Err(Fault::Unreadable),
            _ => continue,
        };
        if found.replace(text).is_some() {
            return Err(Fault::SeveralIds);
        }
    }
    let id: SpiffeId = found.ok_or(Fault::NoId)?.parse()?;
    match id.path() {
        "" => Err(Fault::NoPath),
        _ => Ok(id),
    }
}

/// What the standard asks of a leaf beyond what every TLS client certificate must be.
fn check_leaf(leaf: &X509Certificate<'_>) -> Result<(), Fault> {
    let constraints = leaf.basic_constraints().map_err(|_| Fault::Unreadable)?;
    if constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err(Fault::Authority);
    }
    let usage = leaf.key_usage().map_err(|_| Fault::Unreadable)?;
    let usage = usage.ok_or(Fault::KeyUsage)?.value;
    if usage.key_cert_sign() || usage.crl_sign() {
        return Err(Fault::Authority);
    }
    match usage.digital_signature() {
        true => Ok(()),
        false => Err(Fault::KeyUsage),
    }
}

/// Builds the way to an authority, and gives when the first certificate above the leaf expires.
fn check_chain(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    bundle: &Bundle,
    now: UnixTime,
) -> Result<u64, Fault> {
    let expires = Cell::new(u64::MAX);
    let unusable = Cell::new(false);
    let judge = |path: &webpki::VerifiedPath<'_>| {
        let mut end = bundle.x509.expiry(path.anchor(), now)?;
        for one in path.intermediate_certificates() {
            let der = one.der();
            let intermediate = parse(&der).map_err(|_| webpki::Error::BadDer)?;
            let usage = intermediate
                .key_usage()
                .map_err(|_| webpki::Error::BadDer)?;
            if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
                unusable.set(true);
                return Err(webpki::Error::UnknownIssuer);
            }
            end = end.min(expiry(&intermediate));
        }
        expires.set(end);
        Ok(())
    };
    let leaf = EndEntityCert::try_from(leaf).map_err(|fault| chain_fault(&fault))?;
    let verified = leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        bundle.x509.anchors(),
        intermediates,
        now,
        KeyUsage::client_auth(),
        None,
        Some(&judge),
    );
    match verified {
        Ok(_) => Ok(expires.get()),
        Err(webpki::Error::UnknownIssuer) if unusable.get() => Err(Fault::Intermediate),
        Err(fault) => Err(chain_fault(&fault)),
    }
}

fn chain_fault(fault: &webpki::Error) -> Fault {
    use webpki::Error as E;
    match fault {
        E::CertExpired { .. } => Fault::Expired,
        E::CertNotValidYet { .. } => Fault::NotYetValid,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => Fault::ExtendedKeyUsage,
        // An authority of another trust domain may bear the same name; only its key tells them apart.
        E::UnknownIssuer | E::InvalidSignatureForPublicKey => Fault::UnknownIssuer,
        E::NameConstraintViolation => Fault::NameConstraint,
        E::EndEntityUsedAsCa => Fault::Intermediate,
        E::PathLenConstraintViolated | E::MaximumPathDepthExceeded => Fault::TooLong,
        E::BadDer | E::TrailingData(_) | E::ExtensionValueInvalid => Fault::Unreadable,
        other => Fault::Chain(other.to_string()),
    }
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Fault> {
    match X509Certificate::from_der(der) {
        Ok((&[], parsed)) => Ok(parsed),
        _ => Err(Fault::Unreadable),
    }
}

/// A date before 1970 is one that has passed.
fn expiry(certificate: &X509Certificate<'_>) -> u64 {
    u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0)
}

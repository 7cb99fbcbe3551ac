//! Public keys and sets of them, as issuers publish them (RFC 7517): what each may verify is fixed when it is read.

use super::{Algorithm, Fault, decode};
use crate::wire;
use crate::wire::scan::Bounds;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// One public key.
#[derive(Debug)]
pub struct Key {
    kid: Option<String>,
    /// The only algorithm it says it is for.
    alg: Option<Algorithm>,
    material: Material,
}

/// The keys of one issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(ParsedPublicKey),
    P384(ParsedPublicKey),
    Ed25519(ParsedPublicKey),
}

/// Members that only private and symmetric keys have.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The largest key set that is read.
const SET_MOST: usize = 256 * 1024;

/// The fewest and most bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The smallest exponent of an RSA key.
const EXPONENT_LEAST: u64 = 65_537;

/// Small primes by which the keys of a broken generator are told (CVE-2017-15361, "ROCA").
const ROCA_PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

const BOUNDS: Bounds = Bounds {
    depth: 16,
    members: 10_000,
    number: 64,
};

/// The thumbprint of a public key (RFC 7638).
#[must_use]
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    // The members in order of name, and no others.
    let own = match text("kty")? {
        "EC" => json!({ "crv": text("crv")?, "kty": "EC", "x": text("x")?, "y": text("y")? }),
        "OKP" => json!({ "crv": text("crv")?, "kty": "OKP", "x": text("x")? }),
        "RSA" => json!({ "e": text("e")?, "kty": "RSA", "n": text("n")? }),
        _ => return None,
    };
    Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, own.to_string().as_bytes())))
}

// === impl Key ===

impl Key {
    /// A key from its JWK.
    ///
    /// # Errors
    ///
    /// Why it cannot verify anything here.
    pub fn new(jwk: &Map<String, Value>) -> Result<Self, Fault> {
        let text = |name: &str| match jwk.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Fault::Unusable("has a member that is no text")),
        };
        let kind = text("kty")?;
        if PRIVATE.iter().any(|name| jwk.contains_key(*name)) || kind == Some("oct") {
            return Err(Fault::Unusable("is no public key"));
        }
        if text("use")?.is_some_and(|purpose| purpose != "sig") || !may_verify(jwk.get("key_ops")) {
            return Err(Fault::Unusable("is for another use"));
        }
        let part = |name| decode(text(name)?.ok_or(Fault::Unusable("lacks a part"))?);
        let material = match (kind, text("crv")?) {
            (Some("RSA"), None) => rsa(part("n")?, part("e")?)?,
            (Some("EC"), Some("P-256")) => Material::P256(point(
                &signature::ECDSA_P256_SHA256_FIXED,
                &part("x")?,
                &part("y")?,
                32,
            )?),
            (Some("EC"), Some("P-384")) => Material::P384(point(
                &signature::ECDSA_P384_SHA384_FIXED,
                &part("x")?,
                &part("y")?,
                48,
            )?),
            (Some("OKP"), Some("Ed25519")) => {
                Material::Ed25519(parsed(&signature::ED25519, &part("x")?)?)
            }
            _ => return Err(Fault::Unusable("is of a kind that is not used here")),
        };
        let alg = match text("alg")? {
            None => None,
            Some(name) => Some(
                name.parse()
                    .map_err(|()| Fault::Unusable("is for another algorithm"))?,
            ),
        };
        let key = Self {
            kid: text("kid")?.map(str::to_owned),
            alg,
            material,
        };
        match alg {
            Some(alg) if !key.suits(alg) => {
                Err(Fault::Unusable("cannot do the algorithm it names"))
            }
            _ => Ok(key),
        }
    }

    /// Whether it may verify such signatures.
    #[must_use]
    pub fn suits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind = match &self.material {
            Material::Rsa { .. } => {
                matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
            }
            Material::P256(_) => algorithm == ES256,
            Material::P384(_) => algorithm == ES384,
            Material::Ed25519(_) => algorithm == EdDSA,
        };
        kind && self.alg.is_none_or(|own| own == algorithm)
    }

    /// Verifies a signature.
    ///
    /// # Errors
    ///
    /// A key of another kind, a signature that is not its.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), Fault> {
        if !self.suits(algorithm) {
            return Err(Fault::Key(algorithm));
        }
        let verified = match &self.material {
            Material::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(
                    rsa_parameters(algorithm).ok_or(Fault::Key(algorithm))?,
                    signed,
                    signature,
                )
            }
            Material::P256(key) | Material::P384(key) | Material::Ed25519(key) => {
                key.verify_sig(signed, signature)
            }
        };
        verified.map_err(|_| Fault::Signature)
    }
}

// === impl KeySet ===

impl KeySet {
    /// The keys of a JWK set. Keys that are not for us are passed over.
    ///
    /// # Errors
    ///
    /// A set that is too large or no set, or two keys of one name: then nobody could say which is meant.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        if json.len() > SET_MOST {
            return Err(Fault::Set("is larger than 256 KiB"));
        }
        wire::sound(json, &BOUNDS).map_err(|_| Fault::Set("is no sound JSON"))?;
        let document: Value = serde_json::from_slice(json).map_err(|_| Fault::Set("is no JSON"))?;
        let keys = document.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or(Fault::Set("has no `keys`"))?;
        let mut names: Vec<&str> = keys
            .iter()
            .filter_map(|key| key.get("kid").and_then(Value::as_str))
            .collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Fault::Set("has two keys of one name"));
        }
        let keys = keys
            .iter()
            .filter_map(|key| Key::new(key.as_object()?).ok());
        Ok(Self {
            keys: keys.map(Arc::new).collect(),
        })
    }

    /// The key of this name for this algorithm; without a name the only one there is for it.
    #[must_use]
    pub fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Arc<Key>> {
        let mut fit = self.keys.iter().filter(|key| key.suits(algorithm));
        match kid {
            Some(kid) => fit.find(|key| key.kid.as_deref() == Some(kid)),
            None => fit.next().filter(|_| fit.next().is_none()),
        }
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none can.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// `key_ops`, where it is said, must hold `verify`, and each operation once.
fn may_verify(operations: Option<&Value>) -> bool {
    let Some(operations) = operations else {
        return true;
    };
    let Some(operations) = operations.as_array() else {
        return false;
    };
    let mut names: Vec<&str> = operations.iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.len() == operations.len() && names.contains(&"verify")
}

fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Material, Fault> {
    let weak = Fault::Unusable("is too weak, or too large");
    let bits = match n.first() {
        Some(first) if *first != 0 => n.len() * 8 - first.leading_zeros() as usize,
        _ => return Err(weak),
    };
    let exponent = e
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
    let short = e.len() <= 4 && e.first() != Some(&0);
    let sound = odd(&n) && odd(&e) && short && exponent >= EXPONENT_LEAST;
    if !RSA_BITS.contains(&bits) || !sound || roca(&n) {
        return Err(weak);
    }
    Ok(Material::Rsa { n, e })
}

/// Whether a modulus is a power of 65537 by each of those primes: by chance one in a hundred million is.
fn roca(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let rest = n
            .iter()
            .fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        let mut power = 1;
        loop {
            power = power * 65_537 % prime;
            if power == rest {
                return true;
            }
            if power == 1 {
                return false;
            }
        }
    })
}

/// A point of a curve, its coordinates written in full length.
fn point(
    algorithm: &'static dyn VerificationAlgorithm,
    x: &[u8],
    y: &[u8],
    length: usize,
) -> Result<ParsedPublicKey, Fault> {
    if x.len() != length || y.len() != length {
        return Err(Fault::Unusable("has a coordinate of the wrong length"));
    }
    parsed(algorithm, &[&[4], x, y].concat())
}

fn parsed(
    algorithm: &'static dyn VerificationAlgorithm,
    bytes: &[u8],
) -> Result<ParsedPublicKey, Fault> {
    ParsedPublicKey::new(algorithm, bytes).map_err(|_| Fault::Unusable("is no point of its curve"))
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => return None,
    })
}

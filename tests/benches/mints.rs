//! What a token costs that the gateway signs itself, for each kind of key: `cargo bench -p tests --bench mints`.
//!
//! One core, one token after the other, as one call after the other with `per = "call"` asks for them. Each number is
//! the best of several rounds: what else a machine does only adds to it.

use adapters::credential::mint::{Mint, Settings, Template};
use adapters::credential::{Issuer as _, Order, SigningKey, Whom};
use adapters::identity::jwt::Algorithm;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ROUNDS: u32 = 20;
const ROUND: Duration = Duration::from_millis(100);

fn key(algorithm: Algorithm) -> SigningKey {
    let der = match algorithm {
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate().expect("a key");
            pair.to_pkcs8v1().expect("its form").as_ref().to_vec()
        }
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
            pair.to_pkcs8v1().expect("its form").as_ref().to_vec()
        }
        _ => {
            let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
            let der: Pkcs8V1Der<'_> = pair.as_der().expect("its form");
            der.as_ref().to_vec()
        }
    };
    let text = STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    SigningKey::from_pem(pem.as_bytes(), Some(algorithm)).expect("a signing key")
}

fn order() -> Order {
    Order {
        label: "hopgate-0190a1b2c3d4e5f60718293a4b5c6d7e".into(),
        life: Duration::from_secs(300),
        scope: vec!["read".to_owned()],
        resource: Some("https://ledger.internal/mcp".parse().expect("a URL")),
        proof: None,
        whom: Whom {
            agent: "reconciler".into(),
            subject: "spiffe://example.org/ns/billing/sa/reconciler".into(),
            user: Some("ann@example.com".into()),
            chain: ["planner".into()].into(),
            task: "0190a1b2c3d4e5f60718293a4b5c6d7e".to_owned(),
            txn: "0190a1b2c3d4e5f60718293a4b5c6d7e".to_owned(),
            server: "ledger".into(),
        },
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("| key | us a token | tokens/s on one core | bytes |");
    println!("| --- | --- | --- | --- |");
    let order = order();
    for algorithm in [
        Algorithm::EdDSA,
        Algorithm::ES256,
        Algorithm::RS256,
        Algorithm::PS256,
    ] {
        let settings = Settings {
            issuer: "https://gate.example.com".to_owned(),
            audience: None,
            subject: Template::parse("{subject}").expect("a template"),
            claims: Vec::new(),
        };
        let mint = Mint::new(settings, vec![Arc::new(key(algorithm))]);
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            let (began, mut made) = (Instant::now(), 0_u32);
            while began.elapsed() < ROUND {
                black_box(mint.mint(&order, None).await.expect("a token"));
                made += 1;
            }
            best = best.min(began.elapsed().as_secs_f64() / f64::from(made));
        }
        let minted = mint.mint(&order, None).await.expect("a token");
        let bytes = minted
            .field("token")
            .map_or(0, |token| token.value.expose().len());
        println!(
            "| {algorithm} | {:.1} | {:.0} | {bytes} |",
            best * 1e6,
            1.0 / best
        );
    }
}

//! Which tokens prove a caller: every one that is not exactly right is refused in the same words (T20-T26).

use super::{World, audience, leaked};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::issuer::{Signer, encode, now};
use tests::{Agent, Issuer, Whole};

/// What every client is told of a token that is not good.
fn challenge(world: &World) -> String {
    let address = world.gateway.address();
    format!(
        "Bearer resource_metadata=\"http://{address}/.well-known/oauth-protected-resource/servers/up/mcp\", error=\"invalid_token\""
    )
}

fn assert_refused(world: &World, answer: &Whole, why: &str) {
    assert_eq!(answer.status(), 401, "{why}: {answer:?}");
    let told = answer.head.get("www-authenticate");
    assert_eq!(told, Some(challenge(world).as_str()), "{why}");
    assert_eq!(answer.json()["error"]["code"], -31401, "{why}");
    assert_eq!(answer.json()["error"]["message"], "Unauthorized", "{why}");
}

#[tokio::test]
async fn a_good_token_passes_and_goes_no_further() {
    let world = World::start().await;
    let good = world.token("worker");
    let rsa = world
        .issuer
        .mint(Signer::Rs256, &json!({}), &world.claims("worker"));
    let several = world.issuer.sign(&world.changed(
        "worker",
        json!({ "aud": ["https://elsewhere.example", audience(&world.gateway, "up")] }),
    ));
    let typed = world.issuer.mint(
        Signer::Es256,
        &json!({ "typ": "at+jwt" }),
        &world.claims("worker"),
    );
    for token in [&good, &rsa, &several, &typed] {
        let answer = world.call(token).await;
        assert_eq!(answer.said(), "ok", "{answer:?}");
    }
    let mut agent = world.agent(&good);
    agent.headers += "DPoP: x\r\nCookie: a=b\r\nProxy-Authorization: Basic eDp5\r\n";
    assert_eq!(agent.call("echo", "{}").await.said(), "ok");
    // The scheme's case is nobody's business.
    for scheme in ["bearer", "BEARER"] {
        agent.headers = format!("Authorization: {scheme} {good}\r\n");
        assert_eq!(agent.call("echo", "{}").await.said(), "ok", "{scheme}");
    }
    assert_eq!(world.upstream.with_method("tools/call").len(), 7);
    assert_eq!(leaked(&world.upstream), None);
    for received in world.upstream.received() {
        let raw = String::from_utf8_lossy(&received.head.raw).into_owned() + &received.text();
        assert!(!raw.contains(&good) && !raw.contains("eDp5"), "{raw}");
    }
    assert!(!world.gateway.stderr().text().contains(&good));
}

#[tokio::test]
async fn claims_that_are_not_right() {
    let world = World::with("max_life = \"1h\"", "").await;
    let now = now();
    let own = audience(&world.gateway, "up");
    for (why, change) in [
        ("no audience", json!({ "aud": null })),
        (
            "another's audience",
            json!({ "aud": "https://api.example" }),
        ),
        (
            "another endpoint's",
            json!({ "aud": audience(&world.gateway, "other") }),
        ),
        (
            "the gateway's, not the endpoint's",
            json!({ "aud": format!("http://{}", world.gateway.address()) }),
        ),
        ("a longer audience", json!({ "aud": format!("{own}/") })),
        ("another case", json!({ "aud": own.to_uppercase() })),
        ("an empty list", json!({ "aud": [] })),
        ("a list with a number", json!({ "aud": [own, 1] })),
        ("expired", json!({ "iat": now - 600, "exp": now - 60 })),
        ("no expiry", json!({ "exp": null })),
        (
            "an expiry that is text",
            json!({ "exp": (now + 60).to_string() }),
        ),
        ("not yet", json!({ "nbf": now + 120 })),
        ("of tomorrow", json!({ "iat": now + 120 })),
        ("no time of issue", json!({ "iat": null })),
        ("a life too long", json!({ "exp": now + 3_700 })),
        ("issued long ago for long", json!({ "iat": now - 86_400 })),
        ("no subject", json!({ "sub": null })),
        ("a subject that is a list", json!({ "sub": ["worker"] })),
        (
            "an issuer of another spelling",
            json!({ "iss": format!("{}/", world.issuer.url) }),
        ),
        ("no issuer", json!({ "iss": null })),
        ("a list of issuers", json!({ "iss": [world.issuer.url] })),
    ] {
        let token = world.issuer.sign(&world.changed("worker", change));
        assert_refused(&world, &world.call(&token).await, why);
    }
    assert!(world.upstream.received().is_empty());
    let log = world.gateway.stderr().text();
    // The operator reads what was seen and what is allowed.
    assert!(log.contains("3700") && log.contains("3600"), "{log}");
    assert_eq!(world.call(&world.token("worker")).await.said(), "ok");
}

#[tokio::test]
async fn signatures_and_headers_that_are_not_right() {
    let world = World::start().await;
    let claims = world.claims("worker");
    let good = world.issuer.sign(&claims);
    let mint = |header: Value| world.issuer.mint(Signer::Es256, &header, &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let head = signed.split_once('.').unwrap().0;
    let mut richer = claims.clone();
    richer["sub"] = json!("boss");
    let none = |alg: &str| format!("{}.{}.", encode(&json!({ "alg": alg })), encode(&claims));
    for (why, token) in [
        ("no algorithm", none("none")),
        ("no algorithm, shouted", none("NONE")),
        (
            "no algorithm, with a signature",
            mint(json!({ "alg": "none" })),
        ),
        ("hashed with the public key", hashed(&world.issuer, &claims)),
        ("an unknown key", mint(json!({ "kid": "unknown" }))),
        ("a key of another kind", mint(json!({ "kid": "rsa" }))),
        (
            "another algorithm than the key's",
            mint(json!({ "alg": "ES384" })),
        ),
        (
            "a key it brings itself",
            mint(json!({ "kid": null, "jwk": world.issuer.public(), "x5c": [] })),
        ),
        ("an extension", mint(json!({ "crit": ["exp"] }))),
        (
            "an unencoded payload",
            mint(json!({ "b64": false, "crit": ["b64"] })),
        ),
        ("made for another use", mint(json!({ "typ": "dpop+jwt" }))),
        (
            "other claims under the same signature",
            format!("{head}.{}.{signature}", encode(&richer)),
        ),
        ("no signature", format!("{signed}.")),
        ("half a signature", format!("{signed}.{}", &signature[..40])),
        ("two parts", signed.to_owned()),
        ("four parts", format!("{good}.x")),
        ("padding", format!("{good}=")),
        ("too long", mint(json!({ "x": "x".repeat(17 * 1024) }))),
        ("no token at all", "x".to_owned()),
    ] {
        assert_refused(&world, &world.call(&token).await, why);
    }
    assert!(world.upstream.received().is_empty());
    assert_eq!(world.call(&good).await.said(), "ok");
}

/// The public key of an issuer is no secret; who takes it for one believes everybody.
fn hashed(issuer: &Issuer, claims: &Value) -> String {
    let public = issuer.public();
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": public["kid"] });
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, public.to_string().as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn another_issuer_is_nobody() {
    let world = World::start().await;
    let stranger = Issuer::start().await;
    let aud = audience(&world.gateway, "up");
    let own = stranger.token("worker", &aud);
    let borrowed = stranger.sign(&world.claims("worker"));
    let named = stranger.mint(
        Signer::Es256,
        &json!({ "kid": world.issuer.public()["kid"] }),
        &world.claims("worker"),
    );
    let pointed = stranger.mint(
        Signer::Es256,
        &json!({ "jku": format!("{}/keys", stranger.url), "x5u": stranger.url }),
        &world.claims("worker"),
    );
    for (why, token) in [
        ("its own name", own),
        ("our issuer's name", borrowed),
        ("our issuer's key name", named),
        ("where its keys are", pointed),
    ] {
        assert_refused(&world, &world.call(&token).await, why);
    }
    assert_eq!(stranger.fetches(), 0, "a token says where nothing is");
    assert!(world.upstream.received().is_empty());
}

/// Keys nobody has heard of do not make the gateway ask for them again and again (T23).
#[tokio::test]
async fn a_storm_of_unknown_keys_is_one_fetch() {
    let world = World::start().await;
    assert_eq!(world.call(&world.token("worker")).await.said(), "ok");
    let before = world.issuer.fetches();
    assert!(before >= 1);
    let claims = world.claims("worker");
    for number in 0..50 {
        let header = json!({ "kid": format!("unknown-{number}") });
        let token = world.issuer.mint(Signer::Es256, &header, &claims);
        assert_eq!(world.call(&token).await.status(), 401);
    }
    assert!(world.issuer.fetches() <= before + 1);
    assert_eq!(world.call(&world.token("worker")).await.said(), "ok");
}

#[tokio::test]
async fn a_token_stands_in_one_place_alone() {
    let world = World::start().await;
    let good = world.token("worker");
    let call = async |headers: &str, path: &str| {
        let mut agent = Agent::modern(&world.gateway);
        headers.clone_into(&mut agent.headers);
        path.clone_into(&mut agent.path);
        agent.call("echo", "{}").await
    };
    let own = "/servers/up/mcp";
    let line = format!("Authorization: Bearer {good}\r\n");
    for (why, headers) in [
        ("twice", line.clone() + &line),
        (
            "two schemes",
            line.clone() + "Authorization: Basic eDp5\r\n",
        ),
        (
            "a list",
            format!("Authorization: Bearer {good}, Bearer {good}\r\n"),
        ),
        ("Basic", format!("Authorization: Basic {good}\r\n")),
        ("no scheme", format!("Authorization: {good}\r\n")),
        ("no token", "Authorization: Bearer\r\n".to_owned()),
        ("nothing", "Authorization:\r\n".to_owned()),
        ("two words", format!("Authorization: Bearer {good} x\r\n")),
    ] {
        assert_refused(&world, &call(&headers, own).await, why);
    }
    // A token in the query is no door's; one in the body or in another header is nobody's.
    for query in ["access_token", "token", "authorization"] {
        let path = format!("{own}?{query}={good}");
        assert_eq!(call("", &path).await.status(), 404, "{query}");
    }
    for headers in [
        "",
        &format!("X-Authorization: Bearer {good}\r\n"),
        &format!("Cookie: access_token={good}\r\n"),
    ] {
        let answer = call(headers, own).await;
        assert_eq!(answer.status(), 401, "{headers}");
        let told = answer.head.get("www-authenticate").unwrap();
        // Who sent no proof is told where to get one, and no error.
        assert!(
            told.contains("resource_metadata=") && !told.contains("error"),
            "{told}"
        );
    }
    assert!(world.upstream.received().is_empty());
}

/// The scheme DPoP is for tokens that are bound to a key, and those for nothing else.
#[tokio::test]
async fn a_bound_token_needs_its_key() {
    let world = World::start().await;
    let bound = world.issuer.sign(&world.changed(
        "worker",
        json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }),
    ));
    let plain = world.token("worker");
    for (scheme, token) in [("Bearer", &bound), ("DPoP", &bound), ("DPoP", &plain)] {
        let mut agent = Agent::modern(&world.gateway);
        agent.headers = format!("Authorization: {scheme} {token}\r\n");
        let answer = agent.call("echo", "{}").await;
        assert_eq!(answer.status(), 401, "{scheme}: {answer:?}");
        let told = answer.head.all("www-authenticate");
        let dpop = |text: &&str| text.starts_with("DPoP ") && text.contains("invalid_dpop_proof");
        assert!(told.iter().any(dpop), "{told:?}");
    }
    assert!(world.upstream.received().is_empty());
    assert_eq!(world.call(&plain).await.said(), "ok");
}

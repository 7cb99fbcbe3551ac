//! How tokens are taken back, and what is believed of it.

use super::peer::{CANARY, Peer, REVOKE, Reply, TOKEN, client, good, oauth, order, settings};
use adapters::credential::oauth::Place;
use adapters::credential::{Issuer as _, RevokeError, Taken};
use serde_json::json;

#[tokio::test]
async fn what_was_minted_is_taken_back_by_itself() {
    let peer = Peer::open().await;
    let oauth = oauth(peer.endpoints(), client());
    let minted = oauth.mint(&order(), None).await.unwrap();
    let handle = minted.handle.unwrap();
    assert!(!format!("{handle:?}").contains(CANARY));
    assert_eq!(oauth.revoke(&handle).await, Ok(Taken::Revoked));
    let asked = peer.only(REVOKE);
    assert_eq!(asked.form["token"], CANARY);
    assert_eq!(asked.form["token_type_hint"], "access_token");
    assert!(asked.headers.contains_key("authorization"));
    assert_eq!(
        oauth.revoke(&handle).await,
        Ok(Taken::Revoked),
        "twice does no harm"
    );
}

#[tokio::test]
async fn what_could_make_new_tokens_goes_first() {
    let peer = Peer::open().await;
    let mut answer = good();
    answer["refresh_token"] = json!("the-refresh-token");
    peer.set(TOKEN, Reply::json(200, &answer));
    let oauth = oauth(peer.endpoints(), client());
    let minted = oauth.mint(&order(), None).await.unwrap();
    assert_eq!(minted.fields.len(), 1, "nobody is given the other");
    assert_eq!(
        oauth.revoke(&minted.handle.unwrap()).await,
        Ok(Taken::Revoked)
    );
    let asked = peer.asked(REVOKE);
    let asked: Vec<(&str, &str)> = asked
        .iter()
        .map(|one| {
            (
                one.form["token_type_hint"].as_str(),
                one.form["token"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        asked,
        [
            ("refresh_token", "the-refresh-token"),
            ("access_token", CANARY)
        ]
    );
}

#[tokio::test]
async fn only_a_server_that_says_so_has_taken_it_back() {
    let error = |status, error: &str| Reply::json(status, &json!({ "error": error }));
    let sink = Peer::open().await;
    let away = format!("location: {}\r\n", sink.url(REVOKE));
    for (reply, expected) in [
        (Reply::with(200, "", ""), Ok(Taken::Revoked)),
        (Reply::with(200, "", "<html>"), Ok(Taken::Revoked)),
        (Reply::with(204, "", ""), Ok(Taken::Revoked)),
        (error(400, "unsupported_token_type"), Ok(Taken::Lapses)),
        (error(503, "unsupported_token_type"), Ok(Taken::Lapses)),
        (error(400, "invalid_request"), Err(true)),
        (error(401, "invalid_client"), Err(true)),
        // Whoever does not speak the protocol may be somebody in between.
        (Reply::with(202, "", ""), Err(false)),
        (Reply::with(404, "", ""), Err(false)),
        (Reply::with(302, &away, ""), Err(false)),
        (Reply::with(429, "", ""), Err(false)),
        (Reply::with(500, "", CANARY), Err(false)),
        (Reply::with(503, "", ""), Err(false)),
        (Reply::Raw(String::new()), Err(false)),
    ] {
        let peer = Peer::open().await;
        peer.set(REVOKE, reply.clone());
        let oauth = oauth(peer.endpoints(), client());
        let minted = oauth.mint(&order(), None).await.unwrap();
        let taken = oauth.revoke(&minted.handle.unwrap()).await;
        let taken = taken.map_err(|error| {
            assert!(!error.to_string().contains("canary"), "{error}");
            matches!(error, RevokeError::Refused(_))
        });
        assert_eq!(taken, expected, "{reply:?}");
    }
    assert!(sink.asked(REVOKE).is_empty());
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_promised() {
    let peer = Peer::open().await;
    let place = Place::Endpoints {
        token: peer.url(TOKEN),
        revocation: None,
    };
    let oauth = oauth(settings(place), client());
    let minted = oauth.mint(&order(), None).await.unwrap();
    assert_eq!(minted.handle, None);
    assert!(oauth.lapses());
    assert_eq!(oauth.recover("hopgate-1", None).await, Ok(Taken::Lapses));
}

#[tokio::test]
async fn a_token_nobody_heard_of_cannot_be_found_again() {
    let peer = Peer::open().await;
    let oauth = oauth(peer.endpoints(), client());
    assert!(!oauth.lapses());
    let lost = oauth.recover("hopgate-1", None).await;
    assert!(matches!(lost, Err(RevokeError::Refused(_))), "{lost:?}");
}

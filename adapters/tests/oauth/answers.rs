//! What a token endpoint may answer, and what becomes of it.

use super::peer::{CANARY, Peer, REVOKE, Reply, TOKEN, client, good, oauth, order};
use adapters::credential::{IssueError, Issuer as _};
use serde_json::{Value, json};
use std::time::Duration;

/// A good answer with these members changed.
fn with(changes: &Value) -> Reply {
    let mut answer = good();
    let members = answer.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    Reply::json(200, &answer)
}

async fn minted(reply: Reply) -> Result<Option<Duration>, IssueError> {
    let peer = Peer::open().await;
    peer.set(TOKEN, reply);
    let minted = peer.mint().await?;
    let token = minted.field("token").unwrap();
    assert!(!token.open && token.value.text() == Some(CANARY));
    assert!(!format!("{minted:?}").contains(CANARY));
    Ok(minted.life)
}

#[tokio::test]
async fn tokens_that_are_used() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (changes, life) in [
        (json!({}), seconds(300)),
        (json!({ "token_type": "bearer" }), seconds(300)),
        (json!({ "expires_in": "60" }), seconds(60)),
        (json!({ "expires_in": null }), None),
        (
            json!({ "expires_in": u64::MAX }),
            seconds(10 * 365 * 86_400),
        ),
        (json!({ "scope": "repo:acme/x read" }), seconds(300)),
        (json!({ "scope": "read" }), seconds(300)),
        (json!({ "scope": "" }), seconds(300)),
        (json!({ "example_parameter": { "x": [1] } }), seconds(300)),
    ] {
        assert_eq!(minted(with(&changes)).await, Ok(life), "{changes}");
    }
}

#[tokio::test]
async fn tokens_that_must_not_be_used_are_taken_back_at_once() {
    for (changes, why) in [
        (json!({ "token_type": "DPoP" }), "DPoP"),
        (json!({ "token_type": "mac" }), "token_type"),
        (json!({ "token_type": null }), "token_type"),
        (json!({ "token_type": ["Bearer"] }), "token_type"),
        (json!({ "scope": "read admin" }), "more than was asked"),
        (json!({ "scope": "READ" }), "more than was asked"),
        (json!({ "scope": ["read"] }), "more than was asked"),
        (json!({ "expires_in": -1 }), "expires"),
        (json!({ "expires_in": 1.5 }), "expires"),
        (json!({ "expires_in": "soon" }), "expires"),
        (json!({ "expires_in": 0 }), "expired"),
    ] {
        let peer = Peer::open().await;
        peer.set(TOKEN, with(&changes));
        match peer.mint().await {
            Err(IssueError::Refused(said)) => assert!(said.contains(why), "{said}"),
            other => panic!("{changes}: {other:?}"),
        }
        assert_eq!(peer.only(REVOKE).form["token"], CANARY, "{changes}");
    }
}

#[tokio::test]
async fn one_that_could_not_be_taken_back_is_not_forgotten() {
    let peer = Peer::open().await;
    peer.set(TOKEN, with(&json!({ "scope": "read admin" })));
    peer.set(REVOKE, Reply::with(503, "", ""));
    let failed = peer.mint().await.unwrap_err();
    assert!(matches!(failed, IssueError::Failed(_)), "{failed:?}");
    peer.set(
        REVOKE,
        Reply::json(400, &json!({ "error": "unsupported_token_type" })),
    );
    match peer.mint().await {
        Err(IssueError::Refused(why)) => assert!(why.contains("could not be taken back"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn where_no_scope_was_asked_for_the_server_grants_its_own() {
    let peer = Peer::open().await;
    peer.set(TOKEN, with(&json!({ "scope": "everything" })));
    let mut order = order();
    order.scope.clear();
    let minted = oauth(peer.endpoints(), client()).mint(&order, None).await;
    assert!(minted.is_ok() && !peer.only(TOKEN).form.contains_key("scope"));
}

#[tokio::test]
async fn an_answer_that_is_none_may_hide_a_token() {
    let twice =
        format!(r#"{{"access_token":"{CANARY}","access_token":"x","token_type":"Bearer"}}"#);
    let long = "x".repeat(40_000);
    for reply in [
        Reply::with(200, "", ""),
        Reply::with(200, "", "<html>log in</html>"),
        Reply::with(200, "", "null"),
        Reply::with(200, "", "[]"),
        Reply::with(200, "", &twice),
        Reply::with(200, "", good().to_string().trim_end_matches('}')),
        with(&json!({ "access_token": null })),
        with(&json!({ "access_token": "" })),
        with(&json!({ "access_token": [CANARY] })),
        with(&json!({ "access_token": format!("{CANARY}\r\nX-Admin: 1") })),
        with(&json!({ "access_token": format!("{CANARY} ä") })),
        with(&json!({ "access_token": long })),
        Reply::Raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":".to_owned()),
        Reply::Raw("SSH-2.0-x\r\n\r\n".to_owned()),
        Reply::Raw(String::new()),
        Reply::with(200, "", &" ".repeat((1 << 20) + 1)),
    ] {
        let failed = minted(reply.clone()).await.unwrap_err();
        assert!(
            matches!(failed, IssueError::Failed(_)),
            "{reply:?}: {failed}"
        );
        assert!(!failed.to_string().contains("canary"), "{failed}");
    }
}

#[tokio::test]
async fn refusals_are_final_and_trouble_is_not() {
    let error = |status, error: &str| {
        let description = format!("because of {CANARY}");
        Reply::json(
            status,
            &json!({ "error": error, "error_description": description }),
        )
    };
    for (reply, last, says) in [
        (error(400, "invalid_scope"), true, "`invalid_scope`"),
        (error(400, "invalid_target"), true, "`invalid_target`"),
        (error(401, "invalid_client"), true, "`invalid_client`"),
        (error(403, "access_denied"), true, "`access_denied`"),
        (error(400, CANARY), true, "status 400"),
        (Reply::with(403, "", CANARY), true, "status 403"),
        (Reply::with(404, "", ""), true, "status 404"),
        (
            Reply::with(201, "", &good().to_string()),
            true,
            "status 201",
        ),
        (
            error(400, "temporarily_unavailable"),
            false,
            "`temporarily_unavailable`",
        ),
        (error(400, "slow_down"), false, "`slow_down`"),
        (error(500, "server_error"), false, "`server_error`"),
        (error(503, "invalid_scope"), false, "`invalid_scope`"),
        (
            Reply::with(429, "retry-after: 1\r\n", ""),
            false,
            "status 429",
        ),
    ] {
        let refused = minted(reply.clone()).await.unwrap_err();
        match refused {
            IssueError::Refused(_) => assert!(last, "{reply:?}: {refused}"),
            IssueError::Unavailable(_) => assert!(!last, "{reply:?}: {refused}"),
            IssueError::Failed(_) => panic!("{reply:?}: {refused}"),
        }
        let said = refused.to_string();
        assert!(said.contains(says) && !said.contains("canary"), "{said}");
    }
}

/// It may have been given before something else went wrong.
#[tokio::test]
async fn a_server_that_fails_without_a_word_may_have_given_one() {
    for status in [408, 500, 502, 504] {
        let failed = minted(Reply::with(status, "", CANARY)).await.unwrap_err();
        assert!(matches!(failed, IssueError::Failed(_)), "{failed:?}");
        assert!(!failed.to_string().contains("canary"), "{failed}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (peer, sink) = (Peer::open().await, Peer::open().await);
        let to = format!("location: {}\r\n", sink.url(TOKEN));
        peer.set(TOKEN, Reply::with(status, &to, ""));
        match peer.mint().await {
            Err(IssueError::Refused(why)) => assert!(why.contains("redirect"), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(sink.asked(TOKEN).is_empty());
    }
}

#[tokio::test]
async fn a_server_that_hangs_or_is_gone_is_given_up() {
    let peer = Peer::open().await;
    peer.set(TOKEN, Reply::Hang);
    let mut settings = peer.endpoints();
    settings.deadline = Duration::from_millis(200);
    let failed = oauth(settings, client()).mint(&order(), None).await;
    assert!(matches!(failed, Err(IssueError::Failed(_))), "{failed:?}");
    let mut gone = peer.endpoints();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    if let adapters::credential::oauth::Place::Endpoints { token, .. } = &mut gone.place {
        token.set_port(Some(port)).unwrap();
    }
    let failed = oauth(gone, client()).mint(&order(), None).await;
    assert!(
        matches!(failed, Err(IssueError::Unavailable(_))),
        "{failed:?}"
    );
}

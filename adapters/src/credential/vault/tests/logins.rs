//! Logins other than the gateway's own by JWT: a caller's, and tokens below the one in a file.

use super::double::{double, order};
use super::{END, LEASE, LOG_IN, LOGIN, MAY, READ, REVOKE};
use crate::credential::vault::held::Held;
use crate::credential::vault::{Jwt, Login};
use crate::credential::{IssueError, Issuer as _, Order, RevokeError, Taken};
use serde_json::json;

#[tokio::test]
async fn a_caller_logs_in_for_itself() {
    let login = Login::Jwt {
        mount: "jwt".into(),
        role: "agents".into(),
        jwt: Jwt::Caller,
    };
    let may = r#"{"data":{"auth/token/revoke-self":["update"]}}"#;
    let script = [
        (LOG_IN, 200, LOGIN),
        (MAY, 200, may),
        (MAY, 200, r#"{"data":{"auth/token/revoke-self":["deny"]}}"#),
        (READ, 200, LEASE),
        (END, 204, ""),
        (REVOKE, 204, ""),
        (REVOKE, 403, ""),
        (END, 403, ""),
    ];
    let double = double(Some(login), &script).await;
    assert!(matches!(
        double.vault.root(&order()).await,
        Err(IssueError::Refused(_))
    ));
    assert!(
        double.paths().is_empty(),
        "nobody is asked for a caller without a token"
    );
    let order = Order {
        proof: Some("eyJ.of-the-caller.x".into()),
        ..order()
    };
    let root = double.vault.root(&order).await.unwrap().unwrap();
    let minted = double.vault.mint(&order, Some(&root)).await.unwrap();
    assert_eq!(double.asked(LOG_IN).1["jwt"], "eyJ.of-the-caller.x");
    // As after a crash: nothing but what was written down.
    double.vault.sessions.forget(&Held::read(&root).unwrap());
    let handle = minted.handle.unwrap();
    assert_eq!(double.vault.revoke(&handle).await, Ok(Taken::Revoked));
    assert_eq!(double.asked(END).0, "s.session");
    assert_eq!(double.paths(), [LOG_IN, MAY, READ, REVOKE, END]);
    // A session that may not even end itself has ended.
    assert_eq!(double.vault.revoke(&handle).await, Ok(Taken::Gone));
    // One that never could is not used.
    assert!(matches!(
        double.vault.root(&order).await,
        Err(IssueError::Refused(_))
    ));
}

#[tokio::test]
async fn a_token_of_a_file_gives_each_order_one_below_it() {
    const CREATE: &str = "POST auth/token/create";
    let file = std::env::temp_dir().join(format!("hopgate-token-{}", std::process::id()));
    std::fs::write(&file, "s.file\n").unwrap();
    let login = Some(Login::Token(file.clone()));
    let double_ = double(login.clone(), &[(CREATE, 200, LOGIN), (READ, 200, LEASE)]).await;
    double_.mint().await.unwrap();
    let (token, body) = double_.asked(CREATE);
    assert_eq!(
        (token.as_str(), &body["meta"]["hopgate"]),
        ("s.file", &json!("hopgate-1"))
    );
    assert_eq!(body["ttl"], "300s");
    assert_eq!(double_.asked(READ).0, "s.session");
    // One that may have none below it serves the order itself, and stays.
    let bare = double(login, &[(CREATE, 403, ""), (READ, 200, LEASE)]).await;
    let root = bare.vault.root(&order()).await.unwrap();
    let minted = bare.vault.mint(&order(), root.as_ref()).await.unwrap();
    assert_eq!(bare.asked(READ).0, "s.file");
    let found = bare.vault.recover("hopgate-1", root.as_ref()).await;
    assert!(matches!(found, Err(RevokeError::Refused(_))), "{found:?}");
    let taken = bare.vault.revoke(&minted.handle.unwrap()).await;
    assert_eq!(taken, Ok(Taken::Revoked));
    bare.vault.close().await;
    assert_eq!(bare.paths(), [CREATE, READ, REVOKE]);
    std::fs::remove_file(&file).unwrap();
}

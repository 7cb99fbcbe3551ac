//! Sessions of a role, asked of an STS that answers exactly what a test says. That AWS's wire format is spoken is shown by
//! `tests/credentials`, with moto.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop"
)]

use adapters::credential::aws::{AccessKey, Aws, Proof, Settings};
use adapters::credential::{IssueError, Issuer as _, Minted, Order, Taken, Whom};
use adapters::egress;
use adapters::secret::Secret;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

const CANARY: &str = "canary-3f9a1c77d0e84b26";

type Asked = Arc<Mutex<Vec<String>>>;

/// An STS that answers everything so; what it was asked.
async fn sts(status: u16, body: String) -> (Url, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = String::new();
            let mut part = [0; 4096];
            while !request.contains("Action=") {
                match stream.read(&mut part).await {
                    Ok(length) if length > 0 => {
                        request.push_str(std::str::from_utf8(&part[..length]).unwrap());
                    }
                    _ => break,
                }
            }
            seen.lock().unwrap().push(request);
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
            let answer = format!("{head}\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    (url, asked)
}

fn aws(url: Url, proof: Proof) -> Aws {
    let reach = egress::Settings {
        url,
        allow_private: Vec::new(),
        roots: Vec::new(),
        identity: None,
        connect: Duration::from_secs(5),
    };
    let settings = Settings {
        role: "arn:aws:iam::123456789012:role/agents".to_owned(),
        region: "eu-central-1".to_owned(),
        proof,
        external_id: None,
        tags: false,
    };
    Aws::new(&reach, Duration::from_secs(5), settings).unwrap()
}

fn key() -> Proof {
    Proof::Key(AccessKey {
        id: "AKIDEXAMPLE".to_owned(),
        secret: format!("{CANARY}-secret").into(),
        session: None,
    })
}

fn order(life: u64, scope: &[&str], proof: Option<&str>) -> Order {
    Order {
        label: "hopgate-1".into(),
        life: Duration::from_secs(life),
        scope: scope.iter().map(|one| (*one).to_owned()).collect(),
        resource: None,
        proof: proof.map(Secret::from),
        whom: Whom::default(),
    }
}

async fn mint(status: u16, body: &str) -> Result<Minted, IssueError> {
    let (url, _) = sts(status, body.to_owned()).await;
    aws(url, key()).mint(&order(300, &[], None), None).await
}

fn good() -> String {
    format!(
        "<R><Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>{CANARY}</SecretAccessKey>\
         <SessionToken>{CANARY}</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></R>"
    )
}

#[tokio::test]
async fn a_session_lapses_and_its_secrets_are_not_shown() {
    let (url, asked) = sts(200, good()).await;
    let aws = aws(url, key());
    let minted = aws.mint(&order(1_800, &[], None), None).await.unwrap();
    assert_eq!(
        minted.field("secret_access_key").unwrap().value.text(),
        Some(CANARY)
    );
    assert!(minted.field("access_key_id").unwrap().open);
    assert!(minted.handle.is_none() && aws.lapses());
    assert!(!format!("{aws:?} {minted:?}").contains("canary"));
    assert_eq!(aws.recover("hopgate-1", None).await, Ok(Taken::Lapses));
    let asked = asked.lock().unwrap().join("\n");
    assert!(
        asked.contains("DurationSeconds=1800") && !asked.contains("Policy="),
        "{asked}"
    );
    assert!(
        asked.contains("AWS4-HMAC-SHA256") && !asked.contains("canary"),
        "{asked}"
    );
}

#[tokio::test]
async fn the_callers_own_token_is_shown_where_it_came_with_one() {
    let (url, asked) = sts(200, good()).await;
    let aws = aws(url, Proof::Caller);
    let without = aws.mint(&order(300, &[], None), None).await;
    assert!(
        matches!(without, Err(IssueError::Refused(_))),
        "{without:?}"
    );
    let wrong = aws.mint(&order(300, &["read"], Some("x.y.z")), None).await;
    assert!(matches!(wrong, Err(IssueError::Refused(_))), "{wrong:?}");
    assert!(asked.lock().unwrap().is_empty());
    let with = aws.mint(&order(300, &[], Some("x.y.z")), None).await;
    assert!(with.is_ok());
    let asked = asked.lock().unwrap().join("\n");
    assert!(
        asked.contains("WebIdentityToken=x.y.z") && !asked.contains("authorization"),
        "{asked}"
    );
    assert!(asked.contains("DurationSeconds=900"), "{asked}");
}

#[tokio::test]
async fn refusals_are_final_and_trouble_is_not() {
    let error = |code: &str| {
        format!("<E><Error><Code>{code}</Code><Message>{CANARY}</Message></Error></E>")
    };
    for (status, body, last, says) in [
        (403, error("AccessDenied"), true, "`AccessDenied`"),
        (
            403,
            error("SignatureDoesNotMatch"),
            true,
            "`SignatureDoesNotMatch`",
        ),
        (400, error(CANARY), true, "status 400"),
        (302, String::new(), true, "status 302"),
        (400, error("Throttling"), false, "`Throttling`"),
        (
            400,
            error("IDPCommunicationError"),
            false,
            "`IDPCommunicationError`",
        ),
        (429, String::new(), false, "status 429"),
        (500, CANARY.to_owned(), false, "status 500"),
    ] {
        let said = match mint(status, &body).await {
            Err(IssueError::Refused(why)) if last => why,
            Err(IssueError::Unavailable(why)) if !last => why,
            other => panic!("{status} {body}: {other:?}"),
        };
        assert!(said.contains(says) && !said.contains("canary"), "{said}");
    }
    for body in [
        String::new(),
        "<html>".to_owned(),
        good().replace("2999", "1999"),
    ] {
        let failed = mint(200, &body).await;
        assert!(
            matches!(failed, Err(IssueError::Failed(_))),
            "{body}: {failed:?}"
        );
    }
}

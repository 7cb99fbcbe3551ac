//! A vault that answers from a script.

use super::super::*;
use crate::credential::Whom;
use crate::egress;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The gateway's own proof.
pub(super) const JWT: &str = "eyJhbGciOiJub25lIn0.secret-of-the-gateway.x";

/// What was asked: method and path, token, body.
type Asked = Arc<Mutex<Vec<(String, String, Value)>>>;
/// Answers by method and path, the next of each in turn and the last again and again.
type Script = HashMap<&'static str, Vec<(u16, &'static str)>>;

pub(super) struct Double {
    asked: Asked,
    pub(super) vault: Vault,
    file: std::path::PathBuf,
}

/// A vault of this script.
pub(super) async fn double(
    login: Option<Login>,
    script: &[(&'static str, u16, &'static str)],
) -> Double {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let mut answers = Script::new();
    for &(path, status, body) in script {
        answers.entry(path).or_default().push((status, body));
    }
    let answers = Arc::new(Mutex::new(answers));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answers)));
        }
    });
    let settings = egress::Settings {
        url: url.parse().unwrap(),
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        roots: Vec::new(),
        identity: None,
        connect: Duration::from_secs(5),
    };
    let caller = Caller::new(&settings, Duration::from_millis(500)).unwrap();
    let file = std::env::temp_dir().join(format!(
        "hopgate-{}-{}",
        std::process::id(),
        settings.url.port().unwrap_or_default()
    ));
    std::fs::write(&file, format!("{JWT}\n")).unwrap();
    let by_file = Login::Jwt {
        mount: "jwt".into(),
        role: "hopgate".into(),
        jwt: Jwt::File(file.clone()),
    };
    let settings = Settings {
        login: login.unwrap_or(by_file),
        path: Template::path("database/creds/ro").unwrap(),
        parameters: None,
        namespace: Some("team".into()),
    };
    let vault = Vault::new(caller, settings).unwrap();
    Double { asked, vault, file }
}

/// One request a connection. A status of 0 hangs.
async fn serve(mut stream: TcpStream, asked: Asked, answers: Arc<Mutex<Script>>) {
    let mut read = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = header(head, "content-length").unwrap_or_default();
        if body.len() >= length.parse().unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let path = path.split('?').next().unwrap();
    let asked_for = format!("{method} {}", path.strip_prefix("/v1/").unwrap_or(path));
    assert_eq!(header(&head, "x-vault-request").as_deref(), Some("true"));
    assert_eq!(header(&head, "x-vault-namespace").as_deref(), Some("team"));
    let token = header(&head, "x-vault-token").unwrap_or_default();
    let sent = serde_json::from_str(&body).unwrap_or_default();
    asked.lock().unwrap().push((asked_for.clone(), token, sent));
    let (status, body) = {
        let mut answers = answers.lock().unwrap();
        let answers = answers.get_mut(asked_for.as_str());
        match answers {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0],
            None => (204, ""),
        }
    };
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let length = body.len();
    let more = if status == 307 {
        "location: http://127.0.0.1:1/\r\n"
    } else {
        ""
    };
    let answer = format!(
        "HTTP/1.1 {status} x\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let _sent = stream.write_all(answer.as_bytes()).await;
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (other, value) = line.split_once(": ")?;
        other.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

pub(super) fn order() -> Order {
    Order {
        label: "hopgate-1".into(),
        life: Duration::from_secs(300),
        scope: Vec::new(),
        resource: None,
        proof: None,
        whom: Whom::default(),
    }
}

impl Double {
    pub(super) fn paths(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(path, ..)| path.clone()).collect()
    }

    pub(super) fn asked(&self, path: &str) -> (String, Value) {
        let asked = self.asked.lock().unwrap();
        let (_, token, body) = asked.iter().rfind(|(other, ..)| other == path).unwrap();
        (token.clone(), body.clone())
    }

    pub(super) async fn mint(&self) -> Result<Minted, IssueError> {
        let order = order();
        let root = self.vault.root(&order).await?;
        self.vault.mint(&order, root.as_ref()).await
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.file);
    }
}

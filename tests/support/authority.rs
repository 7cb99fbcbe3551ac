//! An authorization server played by the test: it gives opaque tokens, takes them back, and knows which are good. It can
//! be made to fail.

use crate::upstream::plain;
use crate::{Received, Upstream, Wire};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A listening authorization server.
#[derive(Debug)]
pub struct Authority {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

/// What it does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// What it is asked.
    Willing,
    /// Answers with this status, and does nothing.
    Answers(u16),
    /// Answers with this status and a page that no authorization server writes, and does nothing.
    Page(u16),
    /// Does what it is asked, and then answers with this status.
    DoesAndAnswers(u16),
    /// Does what it is asked, and closes the connection without an answer.
    DoesAndCloses,
    /// Closes the connection at once.
    Closes,
    /// Waits so long before it does what it is asked.
    Slow(Duration),
}

#[derive(Debug)]
struct State {
    /// Every token that was given, and whether it is good.
    tokens: BTreeMap<String, bool>,
    life: u64,
    giving: Mood,
    taking: Mood,
    asked: usize,
}

// === impl Authority ===

impl Authority {
    /// Listens; a token lives an hour.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            tokens: BTreeMap::new(),
            life: 3600,
            giving: Mood::Willing,
            taking: Mood::Willing,
            asked: 0,
        }));
        let played = Arc::clone(&state);
        let upstream = Upstream::start(move |received, wire| {
            let state = Arc::clone(&played);
            async move { answer(&state, &received, wire).await }
        })
        .await;
        Self { upstream, state }
    }

    /// Its table in a configuration, under the name `own`.
    pub fn credential(&self, keys: &str) -> String {
        self.credential_named("own", keys)
    }

    /// The same under any name.
    pub fn credential_named(&self, name: &str, keys: &str) -> String {
        let base = self.upstream.url().replace("/mcp", "");
        format!(
            "\n[credentials.{name}]\nkind = \"oauth\"\ntoken_endpoint = \"{base}/token\"\n\
             revocation_endpoint = \"{base}/revoke\"\n\
             client = {{ id = \"hopgate\", secret = {{ env = \"AUTHORITY_SECRET\" }} }}\n{keys}\n"
        )
    }

    /// Every token it has ever given.
    pub fn given(&self) -> Vec<String> {
        self.lock().tokens.keys().cloned().collect()
    }

    /// The tokens that are good.
    pub fn good(&self) -> Vec<String> {
        let state = self.lock();
        let good = state.tokens.iter().filter(|(_, good)| **good);
        good.map(|(token, _)| token.clone()).collect()
    }

    /// How often it was asked for a token.
    pub fn asked(&self) -> usize {
        self.lock().asked
    }

    /// What every request said, head and body.
    pub fn received(&self) -> Vec<Received> {
        self.upstream.received()
    }

    /// How long tokens live from here on.
    pub fn live(&self, seconds: u64) {
        self.lock().life = seconds;
    }

    /// What it does when it is asked for a token.
    pub fn giving(&self, mood: Mood) {
        self.lock().giving = mood;
    }

    /// What it does when it is asked to take one back.
    pub fn taking(&self, mood: Mood) {
        self.lock().taking = mood;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("state")
    }
}

async fn answer(state: &Mutex<State>, received: &Received, wire: Wire) -> Option<Wire> {
    let gives = received.head.line.contains(" /token ");
    let mood = {
        let mut state = state.lock().expect("state");
        state.asked += usize::from(gives);
        if gives { state.giving } else { state.taking }
    };
    if let Mood::Slow(pause) = mood {
        tokio::time::sleep(pause).await;
    }
    let done = match mood {
        Mood::Closes => return None,
        Mood::Answers(_) | Mood::Page(_) => String::new(),
        _ => state.lock().expect("state").act(gives, &received.text()),
    };
    match mood {
        Mood::DoesAndCloses => None,
        Mood::Page(status) => plain(wire, (status, "", "<h1>gone</h1>".to_owned())).await,
        Mood::Answers(status) | Mood::DoesAndAnswers(status) => {
            let body = r#"{"error":"invalid_request"}"#.to_owned();
            plain(wire, (status, "", body)).await
        }
        _ => plain(wire, (200, "Cache-Control: no-store\r\n", done)).await,
    }
}

// === impl State ===

impl State {
    fn act(&mut self, gives: bool, form: &str) -> String {
        if gives {
            let mut bytes = [0; 16];
            aws_lc_rs::rand::fill(&mut bytes).expect("randomness");
            let token = format!("canary-oauth-{}", crate::records::hex(&bytes));
            self.tokens.insert(token.clone(), true);
            let life = self.life;
            return format!(
                "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":{life},\
                 \"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\"}}"
            );
        }
        let token = form.split('&').find_map(|pair| pair.strip_prefix("token="));
        if let Some(good) = token.and_then(|token| self.tokens.get_mut(token)) {
            *good = false;
        }
        "{}".to_owned()
    }
}

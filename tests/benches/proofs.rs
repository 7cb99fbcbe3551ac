//! What a proof costs a call, and what a crowd of subjects weighs.

use crate::load::Caller;
use crate::machine::{Cores, cpu, median, rss};
use crate::stub::text;
use crate::subjects::{Child, Proxy};
use serde_json::json;
use std::fmt::Write;
use tests::issuer::{Issuer, Signer};
use tests::setup::registered;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Proofs {
    /// CPU microseconds of a call, by what it is proven with.
    rows: Vec<(&'static str, f64)>,
    crowd: usize,
    /// Resident bytes before the crowd and after it.
    before: usize,
    after: usize,
}

/// Connections that call in turn.
const CONNECTIONS: usize = 8;
/// A static key, and its hash.
const KEY: &str = "Zq3vYx9TnB5kL7wPcR2mHs8dFgJ4aKe6";

/// Calls with each kind of proof, `calls` times in each of `rounds` rounds; then once with each of `crowd` subjects.
pub(crate) async fn measure(cores: &Cores, stub: &Child, plan: (usize, usize, usize)) -> Proofs {
    let (rounds, calls, crowd) = plan;
    let issuer = Issuer::start().await;
    let proxy = Proxy::hopgate_with(cores, stub, &tables(&issuer)).await;
    let audience = format!("http://127.0.0.1:{}/servers/up/mcp", proxy.target().port);
    let claims = |number: usize| {
        let mut claims = issuer.claims("svc", &audience);
        claims["jti"] = json!(number.to_string());
        claims
    };
    let mint = |signer, number| issuer.mint(signer, &json!({}), &claims(number));
    let known = [mint(Signer::Es256, 0)];
    let key = [KEY.to_owned()];
    let mut rows = Vec::new();
    let mut number = 0;
    for (name, proofs) in [
        ("`local`", None),
        ("a static key", Some(&key)),
        ("an ES256 token it knows", Some(&known)),
    ] {
        eprintln!("proof: {name}");
        let proofs: &[String] = proofs.map_or(&[], |proofs| proofs);
        let mut spent = Vec::new();
        for _ in 0..rounds {
            spent.push(cost(&proxy, proofs, calls).await);
        }
        rows.push((name, median(spent)));
    }
    for (name, signer) in [
        ("an ES256 token it sees first", Signer::Es256),
        ("an RS256 token it sees first", Signer::Rs256),
    ] {
        eprintln!("proof: {name}");
        let mut spent = Vec::new();
        for _ in 0..rounds {
            let tokens: Vec<String> = (0..calls / 4)
                .map(|at| mint(signer, number + at + 1))
                .collect();
            number += tokens.len();
            spent.push(cost(&proxy, &tokens, tokens.len()).await);
        }
        rows.push((name, median(spent)));
    }
    let before = rss(proxy.pid());
    let mut many = 0;
    while many < crowd {
        eprintln!("subject {many} of {crowd}");
        let subjects = many..crowd.min(many + 10_000);
        let tokens: Vec<String> = subjects
            .map(|one| issuer.token(&format!("one-{one}"), &audience))
            .collect();
        many += tokens.len();
        cost(&proxy, &tokens, tokens.len()).await;
    }
    let after = rss(proxy.pid());
    Proofs {
        rows,
        crowd,
        before,
        after,
    }
}

fn tables(issuer: &Issuer) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, KEY.as_bytes());
    let mut digits = String::new();
    for byte in hash.as_ref() {
        write!(digits, "{byte:02x}").expect("text");
    }
    issuer.identity("corp", "")
        + &format!(
            "\n[identities.keys]\nkind = \"key\"\nkeys = [{{ id = \"k\", hash = \"sha256:{digits}\" }}]\n"
        )
        + &registered(
            "service",
            "\"corp:svc\", \"corp:one-*\", \"keys:k\"",
            "tools = [\"**\"]",
        )
        + "\n[[rules]]\nname = \"the service\"\nagents = [\"service\"]\ntools = [\"up/**\"]\nallow = true\n"
}

/// CPU microseconds of the proxy for a call, over so many calls with these tokens in turn.
async fn cost(proxy: &Proxy, tokens: &[String], calls: usize) -> f64 {
    let expected = text(200);
    let target = proxy.target();
    let mut callers = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        callers.push(Caller::connect(&target).await);
    }
    let before = cpu(proxy.pid());
    let mut next = 0;
    while next < calls {
        let turn = callers.iter_mut().enumerate().map(|(at, caller)| {
            if let Some(token) = tokens.get((next + at) % tokens.len().max(1)) {
                caller.bears(token);
            }
            caller.call(next + at + 1, 200, &expected)
        });
        futures_all(turn).await;
        next += CONNECTIONS;
    }
    (cpu(proxy.pid()) - before).as_secs_f64() * 1e6 / next as f64
}

/// All at once, on this one thread.
async fn futures_all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut open: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        open.retain_mut(|one| one.as_mut().poll(context).is_pending());
        match open.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

// === impl Proofs ===

impl Proofs {
    /// The table as the page shows it.
    pub(crate) fn render(&self) -> String {
        let local = self.rows.first().map_or(f64::NAN, |(_, spent)| *spent);
        let mut text = "\n| a 200 B call proven by | CPU µs per call | more than `local` |\n| --- | ---: | ---: |\n".to_owned();
        for (name, spent) in &self.rows {
            writeln!(text, "| {name} | {spent:.1} | {:+.1} |", spent - local).expect("text");
        }
        let mib = |bytes: usize| bytes as f64 / 1_048_576.0;
        writeln!(
            text,
            "\n{} subjects, each with a token and a task of its own: {:.0} MiB resident, {:.0} MiB before (aim ≤ 256 MiB).",
            self.crowd,
            mib(self.after),
            mib(self.before)
        )
        .expect("text");
        text
    }
}

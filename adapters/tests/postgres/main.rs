//! Roles for leases on a real PostgreSQL: there while the lease lives, gone after it, and nothing more than was granted.
//!
//! Run by the stage `credentials` of tests/run, which sees to it that there is a PostgreSQL:
//! `cargo test -p adapters --test postgres`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

mod disturbed;
mod roles;
mod server;

use adapters::credential::postgres::{Settings, Statement};
use adapters::credential::{Handle, Minted, Order, Whom};
use adapters::egress;
use adapters::secret::{Secret, Supply};
use server::Server;
use std::time::Duration;
use tokio_postgres::Client;

const PATIENCE: Duration = Duration::from_secs(30);

fn settings(server: &Server) -> Settings {
    Settings {
        reach: egress::Settings {
            url: format!("http://127.0.0.1:{}", server.port).parse().unwrap(),
            allow_private: Vec::new(),
            roots: Vec::new(),
            identity: None,
            connect: Duration::from_secs(5),
        },
        database: "ledger".to_owned(),
        user: "maker".to_owned(),
        password: Some(Supply::new(|| Ok(Secret::from("maker maker maker")))),
        roles: vec!["reader".to_owned(), "writer".to_owned()],
        grants: vec![
            Statement::parse("GRANT CREATE, USAGE ON SCHEMA work TO {role}").unwrap(),
            Statement::parse("ALTER ROLE {role} CONNECTION LIMIT 2").unwrap(),
        ],
        owner: None,
        deadline: Duration::from_secs(10),
    }
}

fn order(label: &str, life: u64, scope: &[&str]) -> Order {
    Order {
        label: label.into(),
        life: Duration::from_secs(life),
        scope: scope.iter().map(|one| (*one).to_owned()).collect(),
        resource: None,
        proof: None,
        whom: Whom {
            agent: "it's \"c\"".into(),
            task: "t1".to_owned(),
            ..Whom::default()
        },
    }
}

fn text<'a>(minted: &'a Minted, field: &str) -> &'a str {
    minted.field(field).unwrap().value.text().unwrap()
}

fn handle(minted: &Minted) -> Handle {
    minted.handle.clone().unwrap()
}

async fn login(server: &Server, minted: &Minted) -> Result<Client, String> {
    let (user, password) = (text(minted, "username"), text(minted, "password"));
    server.login(user, password, "ledger").await
}

/// The names of roles like this one.
async fn roles(server: &Server, like: &str) -> Vec<String> {
    let rows = server.superuser().await;
    let sql = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE $1 ORDER BY 1";
    let rows = rows.query(sql, &[&like]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

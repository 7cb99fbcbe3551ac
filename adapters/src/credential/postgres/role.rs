//! What is done in a session to make a role, to let it live longer, and to end it with everything it can do.

use super::Fault;
use super::session::Session;
use super::sql::{Role, Statement, identifier, text};
use crate::credential::Taken;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the comment of every role begins with: a role without it is not ours to drop.
pub(super) const OURS: &str = "minted by hopgate";

/// The number of the lock, among those that others may use: "hopgate" in letters.
const LOCK: u64 = u64::from_be_bytes(*b"\0hopgate");

/// A code PostgreSQL does not have.
pub(super) const NOT_OURS: &str = "-";

/// What is known of a role that is to be made.
pub(super) struct Create<'a> {
    pub(super) role: Role,
    pub(super) members: &'a [String],
    pub(super) grants: &'a [Statement],
    pub(super) verifier: String,
    pub(super) comment: String,
    pub(super) seconds: u64,
    /// Whether it may be there, whatever becomes of the answer.
    pub(super) committing: AtomicBool,
}

impl Create<'_> {
    /// All of it or nothing.
    pub(super) async fn run(&self, session: &Session) -> Result<(), Fault> {
        let name = &self.role.name;
        session.run(&begin()).await?;
        let end = session.ask(&until(self.seconds)).await?;
        let end = end.first().map(|end| text(end)).unwrap_or_default();
        let members: Vec<String> = self.members.iter().map(|one| identifier(one)).collect();
        let members = match members.as_slice() {
            [] => String::new(),
            some => format!(" IN ROLE {}", some.join(", ")),
        };
        let verifier = text(&self.verifier);
        let create =
            format!("CREATE ROLE {name} LOGIN PASSWORD {verifier} VALID UNTIL {end}{members}");
        session.run(&create).await?;
        let comment = text(&self.comment.replace(char::is_control, " "));
        session
            .run(&format!("COMMENT ON ROLE {name} IS {comment}"))
            .await?;
        for grant in self.grants {
            session.run(&grant.fill(&self.role)).await?;
        }
        self.committing.store(true, Ordering::Relaxed);
        session.run("COMMIT").await
    }
}

/// Ends what a role can do, and the role. Every step can be taken twice.
pub(super) async fn remove(
    session: &Session,
    role: &Role,
    owner: Option<&str>,
) -> Result<Taken, Fault> {
    let Role { name, text: label } = role;
    // Waits for the end of whoever is just making it.
    session.run(&format!("{}; COMMIT", begin())).await?;
    let about = format!(
        "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = {label}"
    );
    match session.ask(&about).await?.first() {
        None => return Ok(Taken::Gone),
        Some(comment) if comment.starts_with(OURS) => {}
        Some(_) => {
            return Err(Fault::Refused {
                code: NOT_OURS.to_owned(),
            });
        }
    }
    session
        .run(&format!("ALTER ROLE {name} NOLOGIN PASSWORD NULL"))
        .await?;
    // Whoever is no superuser must be one of the role to end its sessions and to drop what it has.
    session
        .run(&format!("GRANT {name} TO CURRENT_USER"))
        .await?;
    let sessions =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {label}");
    while !session.ask(&sessions).await?.is_empty() {
        session.run("SELECT pg_sleep(0.02)").await?;
    }
    let hand_over = match owner {
        Some(owner) => format!("REASSIGN OWNED BY {name} TO {};", identifier(owner)),
        None => String::new(),
    };
    let begin = begin();
    let drop = format!("{begin}; {hand_over} DROP OWNED BY {name}; DROP ROLE {name}; COMMIT");
    session.run(&drop).await?;
    Ok(Taken::Revoked)
}

/// Lets a role log in for so many seconds from now.
pub(super) async fn prolong(session: &Session, role: &Role, seconds: u64) -> Result<(), Fault> {
    let until = session.ask(&until(seconds)).await?;
    let until = until.first().map(|until| text(until)).unwrap_or_default();
    let prolong = format!("ALTER ROLE {} VALID UNTIL {until}", role.name);
    session.run(&prolong).await
}

/// Begins what only one may do at a time: PostgreSQL fails two who change what is granted on one thing. And whoever holds
/// this lock next sees what the one before has done.
fn begin() -> String {
    format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})")
}

/// So many seconds from now by the server's own clock, which is what it holds roles against.
fn until(seconds: u64) -> String {
    format!(
        "SELECT to_char((clock_timestamp() + interval '{seconds} seconds') AT TIME ZONE 'UTC', \
         'YYYY-MM-DD HH24:MI:SS.US') || '+00'"
    )
}

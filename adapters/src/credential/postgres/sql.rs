//! What is said to PostgreSQL: names and texts in quotes, the verifier of a password, the operator's statements.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// A statement of the operator's, with `{role}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(Box<str>);

/// A role by its name.
#[derive(Debug)]
pub(super) struct Role {
    /// As an identifier.
    pub(super) name: String,
    /// As a text.
    pub(super) text: String,
}

/// What stands for the role.
const ROLE: &str = "{role}";

/// PostgreSQL cuts longer names short, and then two may be one.
const NAME_MOST: usize = 63;

/// As many rounds as PostgreSQL itself makes. The password is random: more would not make it harder to guess.
const ROUNDS: u32 = 4096;

// === impl Role ===

impl Role {
    /// The role of a lease. None where PostgreSQL can have no such name.
    pub(super) fn of(label: &str) -> Option<Self> {
        let fits = !label.is_empty() && label.len() <= NAME_MOST && !label.contains('\0');
        fits.then(|| Self {
            name: identifier(label),
            text: text(label),
        })
    }
}

// === impl Statement ===

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(sql: &str) -> Result<Self, &'static str> {
        if sql.contains('\0') {
            return Err("has a zero byte in it");
        }
        if !sql.contains(ROLE) {
            return Err("does nothing for `{role}`");
        }
        // Names of other templates, such as `{{name}}`, would reach PostgreSQL as they stand.
        let mut rest = sql;
        while let Some((_, after)) = rest.split_once('{') {
            let name = after.split_once('}').map(|(name, _)| name);
            let word = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphabetic());
            if name.is_some_and(|name| name != "role" && !name.is_empty() && word(name)) {
                return Err("has a name that is not `{role}`");
            }
            rest = after;
        }
        Ok(Self(sql.into()))
    }

    /// The statement for one role.
    pub(super) fn fill(&self, role: &Role) -> String {
        self.0.replace(ROLE, &role.name)
    }
}

/// A name in quotes.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in quotes, for sessions with standard strings.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A password nobody can guess, of letters that need no quotes anywhere.
pub(super) fn password() -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(&mut *bytes).ok()?;
    Some(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

/// What PostgreSQL keeps instead of a password (RFC 5803): made here, so that it never sees the password itself, and
/// neither do its logs.
pub(super) fn verifier(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).ok()?;
    salted(password, &salt, NonZeroU32::new(ROUNDS)?)
}

fn salted(password: &str, salt: &[u8], rounds: NonZeroU32) -> Option<String> {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        salt,
        password.as_bytes(),
        &mut *key,
    );
    let sign = |word: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*key), word);
    let stored = digest(&SHA256, sign(b"Client Key").as_ref());
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    Some(format!(
        "SCRAM-SHA-256${rounds}:{}${}:{}",
        encode(salt),
        encode(stored.as_ref()),
        encode(sign(b"Server Key").as_ref())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_quotes() {
        assert_eq!(identifier("hopgate-1"), "\"hopgate-1\"");
        assert_eq!(identifier("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(text("a'; DROP"), "'a''; DROP'");
        assert!(Role::of("").is_none() && Role::of("a\0b").is_none());
        assert!(Role::of(&"a".repeat(63)).is_some() && Role::of(&"a".repeat(64)).is_none());
    }

    #[test]
    fn statements_are_for_the_role_and_nobody_else() {
        let role = Role::of("a\"b").unwrap();
        let sql = "GRANT SELECT ON t TO {role}; ALTER ROLE {role} SET x = '{}'";
        let filled = Statement::parse(sql).unwrap().fill(&role);
        assert_eq!(
            filled,
            "GRANT SELECT ON t TO \"a\"\"b\"; ALTER ROLE \"a\"\"b\" SET x = '{}'"
        );
        for bad in [
            "",
            "GRANT SELECT ON t TO PUBLIC",
            "GRANT SELECT ON t TO {role}, {name}",
            "GRANT SELECT ON t TO {{role}}, {{name}}",
            "GRANT SELECT ON t TO {role} \0",
        ] {
            assert!(Statement::parse(bad).is_err(), "{bad}");
        }
    }

    /// The exchange of RFC 7677, section 3: its client proof is that of this verifier's keys.
    #[test]
    fn a_verifier_is_that_of_its_password() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let made = salted("pencil", &salt, NonZeroU32::new(4096).unwrap()).unwrap();
        let (head, keys) = made.rsplit_once('$').unwrap();
        assert_eq!(head, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==");
        let (stored, server) = keys.split_once(':').unwrap();
        let said = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let sign = |key: &str| {
            let key = STANDARD.decode(key).unwrap();
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), said)
        };
        let server = STANDARD.encode(sign(server));
        assert_eq!(server, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        // The proof hides the client's key under a signature with the stored key, which is that key's digest.
        let proof = STANDARD
            .decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
            .unwrap();
        let signature = sign(stored);
        let key: Vec<u8> = proof
            .iter()
            .zip(signature.as_ref())
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(STANDARD.encode(digest(&SHA256, &key)), stored);
    }

    #[test]
    fn passwords_differ() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert!(one.len() == 43 && *one != *two);
        assert_ne!(verifier(&one), verifier(&one), "each its salt");
    }
}

//! What STS answers: XML, of which the few elements are read that are needed, each exactly once.

use super::super::instant;
use crate::secret::Secret;
use std::time::Duration;

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) token: Secret,
    pub(super) life: Duration,
}

/// Errors of STS that are named. Others are AWS's own words and not repeated.
const ERRORS: [&str; 14] = [
    "AccessDenied",
    "ExpiredToken",
    "ExpiredTokenException",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "MalformedPolicyDocument",
    "PackedPolicyTooLarge",
    "RegionDisabledException",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "ValidationError",
];

/// The session in an answer.
pub(super) fn session(body: &[u8], now: u64) -> Option<Session> {
    let body = std::str::from_utf8(body).ok()?;
    let inner = element(body, "Credentials")?;
    let part = |name: &str| {
        let text = element(inner, name)?;
        // Keys and tokens are written without references; one that is not would not be what it says.
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'&' && byte != b'<');
        (plain && !text.is_empty()).then_some(text)
    };
    let end = instant::seconds(part("Expiration")?)?;
    let life = Duration::from_secs(end.checked_sub(now).filter(|left| *left > 0)?);
    Some(Session {
        id: part("AccessKeyId")?.to_owned(),
        secret: part("SecretAccessKey")?.into(),
        token: part("SessionToken")?.into(),
        life,
    })
}

/// The error an answer names, where it is a known one.
pub(super) fn error(body: &[u8]) -> Option<&'static str> {
    let body = std::str::from_utf8(body).ok()?;
    let said = element(body, "Code")?;
    ERRORS.into_iter().find(|known| *known == said)
}

/// What stands between the only pair of tags of a name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (_, rest) = text.split_once(&open)?;
    let (inner, rest) = rest.split_once(&close)?;
    let again = rest.contains(&open) || inner.contains(&open);
    (!again).then(|| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>
        <Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey>
        <SessionToken>t</SessionToken><Expiration>2026-11-21T22:00:05.123Z</Expiration></Credentials>
        </AssumeRoleResult></AssumeRoleResponse>";
    const NOW: u64 = 1_795_294_805;

    #[test]
    fn sessions_are_read_strictly() {
        let read = session(GOOD.as_bytes(), NOW).unwrap();
        assert_eq!((read.id.as_str(), read.life.as_secs()), ("ASIAX", 3_600));
        assert_eq!(read.secret.text(), Some("s/+="));
        assert!(session(GOOD.as_bytes(), NOW + 3_600).is_none(), "expired");
        for (from, to) in [
            ("<SessionToken>t</SessionToken>", ""),
            ("<SessionToken>t", "<SessionToken>"),
            ("<SessionToken>t", "<SessionToken>a b"),
            ("<SessionToken>t", "<SessionToken>&amp;"),
            (
                "<SessionToken>t</SessionToken>",
                "<SessionToken>t</SessionToken><SessionToken>u</SessionToken>",
            ),
            ("2026-11-21", "soon"),
            ("</Credentials>", ""),
        ] {
            assert!(
                session(GOOD.replace(from, to).as_bytes(), NOW).is_none(),
                "{from} {to}"
            );
        }
        assert!(session(&[0xff], NOW).is_none());
    }

    #[test]
    fn only_known_errors_are_named() {
        let body =
            |code: &str| format!("<Error><Code>{code}</Code><Message>canary</Message></Error>");
        assert_eq!(error(body("AccessDenied").as_bytes()), Some("AccessDenied"));
        assert_eq!(error(body("canary").as_bytes()), None);
    }
}

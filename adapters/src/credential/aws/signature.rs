//! Signature Version 4 of AWS, for requests whose body is a form.

use super::super::instant;
use crate::secret::Secret;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::Write as _;

/// An access key.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Its name.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// The session it belongs to, where it is a temporary one.
    pub session: Option<Secret>,
}

/// What is signed beside the headers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) body: &'a str,
    pub(super) now: u64,
}

pub(super) const FORM: &str = "application/x-www-form-urlencoded";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SESSION: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The headers that prove a POST of a form; none where a part of the key fits no header.
pub(super) fn headers(key: &AccessKey, what: Signed<'_>) -> Option<HeaderMap> {
    let instant = instant::compact(what.now);
    let (date, _) = instant.split_once('T')?;
    let mut named = vec![
        ("content-type".to_owned(), FORM.to_owned()),
        (HOST.to_string(), what.host.to_owned()),
        (DATE.to_string(), instant.clone()),
    ];
    if let Some(session) = &key.session {
        named.push((SESSION.to_string(), session.text()?.to_owned()));
    }
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let mut canonical = format!("POST\n{}\n\n", what.path);
    for (name, value) in &named {
        canonical.extend([name, ":", value, "\n"]);
    }
    let body = hex(digest(&SHA256, what.body.as_bytes()).as_ref());
    canonical.extend(["\n", &names, "\n", &body]);
    let place = format!("{date}/{}/{}/aws4_request", what.region, what.service);
    let canonical = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{instant}\n{place}\n{canonical}");
    let first = [b"AWS4", key.secret.expose()].concat();
    let derived = [date, what.region, what.service, "aws4_request"]
        .iter()
        .fold(zeroize::Zeroizing::new(first), |key, part| {
            zeroize::Zeroizing::new(mac(&key, part).as_ref().to_vec())
        });
    let signature = hex(mac(&derived, &text).as_ref());
    let said = format!(
        "AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={names}, Signature={signature}",
        key.id
    );
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&said).ok()?);
    headers.insert(DATE, HeaderValue::from_str(&instant).ok()?);
    if let Some(session) = &key.session {
        let mut value = HeaderValue::from_bytes(session.expose()).ok()?;
        value.set_sensitive(true);
        headers.insert(SESSION, value);
    }
    Some(headers)
}

fn mac(key: &[u8], text: &str) -> Tag {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore 1.x signs at that instant.
    #[test]
    fn requests_are_signed_as_others_sign_them() {
        let signed = |session: Option<&str>| {
            let key = AccessKey {
                id: "AKIDEXAMPLE".to_owned(),
                secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
                session: session.map(Secret::from),
            };
            let what = Signed {
                host: "sts.eu-central-1.amazonaws.com",
                path: "/",
                region: "eu-central-1",
                service: "sts",
                body: "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fagents",
                now: 1_795_294_805,
            };
            let headers = headers(&key, what).unwrap();
            assert_eq!(headers["x-amz-date"], "20261121T210005Z");
            headers["authorization"].to_str().unwrap().to_owned()
        };
        let scope =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/sts/aws4_request";
        let plain = signed(None);
        assert_eq!(
            plain,
            format!(
                "{scope}, SignedHeaders=content-type;host;x-amz-date, Signature=3026ef618996242dc5df4c13e8f9b4dc55a70957d7eb46e1f285dcf84909af23"
            )
        );
        assert_eq!(
            signed(Some("session/token+1==")),
            format!(
                "{scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=320ebe10469b07580fe606bf00e32ff7c0f272d96c3f7491d5aff059be55439e"
            )
        );
    }
}

//! `kind = "aws"`: sessions of a role.

use super::SecretFrom;
use crate::config::form::{PATH, URL};
use policy::shape::{ANY, Choice, Fault, Form, Key, Shape};
use std::path::PathBuf;
use url::Url;

/// `kind = "aws"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// The role's ARN.
    pub role: String,
    /// Where STS is asked.
    pub region: String,
    /// Who asks.
    pub proof: AwsProof,
    /// What the role's owner wants to hear.
    pub external_id: Option<String>,
    /// Whether sessions are tagged.
    pub tags: bool,
    /// Where STS is.
    pub endpoint: Url,
}

/// Who asks for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsProof {
    /// Who holds an access key.
    Key {
        /// Its name.
        id: String,
        /// Its secret.
        secret: SecretFrom,
        /// The session it belongs to.
        session: Option<SecretFrom>,
    },
    /// Whom the token in a file names.
    File(PathBuf),
    /// The caller, by its own token.
    Caller,
}

/// The fields it gives.
pub(super) const FIELDS: [&str; 3] = ["access_key_id", "secret_access_key", "session_token"];

/// The keys of this kind.
pub(super) const KEYS: [Key; 7] = [
    Key::new("role", Shape::Text(ROLE), "Kind `aws`: the role's ARN."),
    Key::new(
        "region",
        Shape::Text(REGION),
        "Kind `aws`: where STS is asked, such as \"eu-central-1\".",
    ),
    Key::new(
        "access_key",
        Shape::Table(ACCESS_KEY),
        "Kind `aws`: whose key asks (`AssumeRole`).",
    ),
    Key::new(
        "web_identity",
        Shape::OrTable(&Shape::Choice(&[Choice::new("caller")]), WEB_IDENTITY),
        "Kind `aws`: instead of `access_key`, whose token asks (`AssumeRoleWithWebIdentity`): the caller's own, or one in a file.",
    ),
    Key::new(
        "external_id",
        Shape::Text(ANY),
        "Kind `aws`: what the role's owner wants to hear, with `access_key`.",
    ),
    Key::new(
        "session_tags",
        Shape::Bool,
        "Kind `aws`: whether sessions are tagged with agent, task, user, server and chain, with `access_key`; the role must allow it.",
    )
    .default("false"),
    Key::new(
        "endpoint",
        Shape::Text(URL),
        "Kind `aws`: where STS is; without it `https://sts.REGION.amazonaws.com`.",
    ),
];

const ACCESS_KEY: &[Key] = &[
    Key::new("id", Shape::Text(ANY), "The key's name.").required(),
    Key::new("secret", Shape::Secret, "The key's secret.").required(),
    Key::new(
        "session",
        Shape::Secret,
        "The token of the session it belongs to, where it is a temporary one.",
    ),
];

const WEB_IDENTITY: &[Key] = &[Key::new(
    "file",
    Shape::Text(PATH),
    "A file in which others keep a fresh token of this workload; read for each session.",
)
.required()];

const ROLE: Form = Form {
    name: "a role such as \"arn:aws:iam::123456789012:role/agents\"",
    pattern: Some("^arn:.+:role/.+$"),
    check: |text| {
        let named = text.starts_with("arn:") && text.contains(":role/");
        match named && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("`{}` is no ARN of a role", text.escape_debug()),
                "write `arn:aws:iam::ACCOUNT:role/NAME`",
            )),
        }
    },
};

const REGION: Form = Form {
    name: "a region such as \"eu-central-1\"",
    pattern: Some("^[a-z0-9-]+$"),
    check: |text| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match !text.is_empty() && text.bytes().all(plain) {
            true => Ok(()),
            false => Err(Fault::new(
                format!("`{}` is no region", text.escape_debug()),
                "write it as AWS does: `eu-central-1`",
            )),
        }
    },
};

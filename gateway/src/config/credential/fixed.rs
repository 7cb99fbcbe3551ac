//! `kind = "static"`: a secret somebody else has made, which lives until they change it.

use super::SecretFrom;
use policy::shape::{Form, Key, Shape};

/// `kind = "static"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Its parts, as templates name them.
    pub fields: Vec<(Box<str>, SecretFrom)>,
}

/// The keys of this kind.
pub(super) const KEYS: [Key; 2] = [
    Key::new(
        "from",
        Shape::Secret,
        "Kind `static`: where the secret is; it becomes `{token}`.",
    ),
    Key::new(
        "fields",
        Shape::Secrets(FIELD),
        "Kind `static`: instead of `from`, where each part is: `{ username = { env = \"U\" }, password = { file = \"p\" } }`.",
    ),
];

/// The name of a part.
pub(super) const FIELD: Form = Form {
    name: "a name such as \"token\"",
    pattern: Some("^[a-z][a-z0-9_]*$"),
    check: |text| super::inject::name(text),
};

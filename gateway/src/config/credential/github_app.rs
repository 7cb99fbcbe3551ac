//! `kind = "github_app"`: installation tokens of a GitHub App.

use crate::config::form::URL;
use policy::shape::{ANY, Key, Shape};
use std::path::PathBuf;
use url::Url;

/// `kind = "github_app"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubApp {
    /// The app's client id, or its number.
    pub app: String,
    /// Which of its installations.
    pub installation: u64,
    /// The PEM file of the app's key.
    pub key: PathBuf,
    /// Where the API is.
    pub api: Url,
}

/// GitHub's own API.
pub(in crate::config) const API: &str = "https://api.github.com";

/// The fields it gives.
pub(super) const FIELDS: [&str; 2] = ["token", "username"];

/// The keys of this kind beside `key`.
pub(super) const KEYS: [Key; 3] = [
    Key::new(
        "app",
        Shape::Text(ANY),
        "Kind `github_app`: the app's client id, or its number.",
    ),
    Key::new(
        "installation",
        Shape::Integer(1, i64::MAX),
        "Kind `github_app`: the number of the installation.",
    ),
    Key::new(
        "api",
        Shape::Text(URL),
        "Kind `github_app`: where the API is, such as \"https://github.example.com/api/v3\".",
    )
    .default("\"https://api.github.com\""),
];

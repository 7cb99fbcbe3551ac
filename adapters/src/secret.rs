//! A secret in memory: cannot be printed, is compared in constant time, and is wiped when dropped.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes nobody may print.
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

/// A secret that is looked up each time it is needed: who keeps it may change it.
#[derive(Clone)]
pub struct Supply(Arc<dyn Fn() -> Result<Secret, String> + Send + Sync>);

// === impl Secret ===

impl Secret {
    /// Takes bytes over. Copies made before are not wiped.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for where they must go.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The same as text, where they are text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

// === impl Supply ===

impl Supply {
    /// A secret that is got by this, which waits for nobody.
    pub fn new(get: impl Fn() -> Result<Secret, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(get))
    }

    /// As it is now.
    ///
    /// # Errors
    ///
    /// Why it is not there.
    pub fn get(&self) -> Result<Secret, String> {
        (self.0)()
    }
}

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Supply")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::from("hunter2hunter2");
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret Secret");
        assert_eq!(secret.text(), Some("hunter2hunter2"));
        assert!(secret == secret.clone() && secret != Secret::from("hunter2hunter3"));
        assert!(secret != Secret::from("hunter2"));
    }
}

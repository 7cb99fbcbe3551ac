//! The secrets that seal handles: a configured ring, or one made at first start and kept in `data_dir`.

use super::seal::KeyRing;
use crate::config::Gateway;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// The name of the key a single gateway makes for itself.
const OWN: &str = "own";

/// Loads the key ring of a configuration.
///
/// # Errors
///
/// A key file that cannot be read or does not hold 32 bytes in base64.
pub(crate) fn load(gateway: &Gateway) -> Result<KeyRing, String> {
    if gateway.keys.is_empty() {
        let folder = gateway.data_dir.join("keys");
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        make(&folder.join(OWN))?;
    }
    existing(gateway)
}

/// Loads the key ring of a configuration, and makes nothing where there is none.
///
/// # Errors
///
/// A key file that is not there, cannot be read or does not hold 32 bytes in base64.
pub(crate) fn existing(gateway: &Gateway) -> Result<KeyRing, String> {
    let mut secrets = Vec::new();
    for key in &gateway.keys {
        secrets.push((key.id.as_str(), read(&key.file)?));
    }
    if secrets.is_empty() {
        let file = gateway.data_dir.join("keys").join(OWN);
        secrets.push((OWN, read(&file)?));
    }
    KeyRing::new(secrets.iter().map(|(id, secret)| (*id, secret.as_slice())))
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| at(&error))?);
    STANDARD
        .decode(text.trim())
        .map(Zeroizing::new)
        .map_err(|error| at(&error))
}

/// Makes the key where there is none; another start that made it first is as good.
fn make(file: &Path) -> Result<(), String> {
    let mut secret = Zeroizing::new([0; 32]);
    rand::fill(&mut *secret).map_err(|_| "the system has no randomness".to_owned())?;
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    let written = match opened {
        Ok(mut opened) => {
            let text = Zeroizing::new(STANDARD.encode(*secret));
            opened
                .write_all(text.as_bytes())
                .and_then(|()| opened.sync_all())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    };
    written.map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{make, read};

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = std::env::temp_dir().join(format!("hopgate-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("own");
        make(&file).unwrap();
        let first = read(&file).unwrap();
        assert_eq!(first.len(), 32);
        make(&file).unwrap();
        assert_eq!(*first, *read(&file).unwrap());
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&file).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

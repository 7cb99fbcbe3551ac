//! The operators' token: made at the first start, readable by its owner alone, compared in constant time.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

/// The token's file in the data directory, unless `admin_token` names another.
pub const FILE: &str = "admin.token";

/// Shorter ones could be guessed.
const LENGTH_MIN: usize = 16;

/// Makes `data_dir` and the token in it, unless they are there. Says where the token is.
///
/// # Errors
/// Names the file and what went wrong.
pub fn make(data_dir: &Path) -> Result<PathBuf, String> {
    let file = data_dir.join(FILE);
    let named = |why: io::Error| format!("{}: {why}", file.display());
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(named)?;
    let mut open = fs::OpenOptions::new();
    match open.write(true).create_new(true).mode(0o600).open(&file) {
        Ok(mut new) => {
            let mut random = Zeroizing::new([0; 32]);
            rand::fill(random.as_mut_slice()).map_err(|why| format!("no random bytes: {why}"))?;
            let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(random.as_slice()));
            writeln!(new, "{}", text.as_str())
                .and_then(|()| new.sync_all())
                .map_err(named)?;
        }
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
        Err(why) => return Err(named(why)),
    }
    read(&file).map(|_token| file)
}

/// Whether these headers carry the token that is now in `file`.
///
/// # Errors
/// The file cannot be read or holds no token: then nobody gets in.
pub(super) fn opens(file: &Path, headers: &HeaderMap) -> Result<bool, String> {
    let token = read(file)?;
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (shown.next(), shown.next()) else {
        return Ok(false);
    };
    let Some((scheme, shown)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
        return Ok(false);
    };
    // Digests are of one length, so that the comparison does not tell the token's.
    let same = verify_slices_are_equal(
        digest(&SHA256, shown.trim_ascii()).as_ref(),
        digest(&SHA256, token.as_bytes()).as_ref(),
    );
    Ok(scheme.eq_ignore_ascii_case(b"Bearer ") && same.is_ok())
}

pub(crate) fn read(file: &Path) -> Result<Zeroizing<String>, String> {
    let text = fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
    let text = Zeroizing::new(text);
    let token = Zeroizing::new(text.trim().to_owned());
    if token.len() < LENGTH_MIN {
        let place = file.display();
        return Err(format!(
            "{place}: a token has at least {LENGTH_MIN} letters"
        ));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("hopgate-token-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn made_once_for_its_owner_alone() {
        let folder = folder("made").join("deep");
        let file = make(&folder).unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let token = fs::read_to_string(&file).unwrap();
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.decode(token.trim()).unwrap().len(),
            32
        );
        assert_eq!(make(&folder).unwrap(), file);
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            token,
            "a second start keeps it"
        );
    }

    #[test]
    fn only_the_token_opens() {
        let folder = folder("opens");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("token");
        fs::write(&file, "0123456789abcdef\n").unwrap();
        let check = |shown: &[&str], expected: bool| {
            let mut headers = HeaderMap::new();
            for value in shown {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(opens(&file, &headers), Ok(expected), "{shown:?}");
        };
        let well = "Bearer 0123456789abcdef";
        check(&[well], true);
        check(&["bearer 0123456789abcdef"], true);
        check(&[], false);
        check(&[well, well], false);
        for other in [
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "Bearer 0123456789ABCDEF",
        ] {
            check(&[other], false);
        }
        fs::write(&file, "short\n").unwrap();
        assert!(opens(&file, &HeaderMap::new()).unwrap_err().contains("16"));
        fs::write(&file, "").unwrap();
        assert!(
            opens(&file, &HeaderMap::new()).is_err(),
            "an empty file opens nothing"
        );
        assert!(make(&folder.join("token")).unwrap_err().contains("token"));
    }
}

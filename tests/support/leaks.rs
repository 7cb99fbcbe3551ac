//! Every credential of the suites begins like a canary; whatever a gateway leaves behind is searched for them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::path::{Path, PathBuf};

/// How credentials of the suites begin: long enough that nothing else does.
pub const CANARIES: [&str; 3] = ["canary-oauth-", "canary-static-", "canary-of-the-client"];
/// What may hold them: it is how the test itself is written down.
const OWN: [&str; 2] = ["hopgate.toml", "fresh.toml"];

/// The files in a folder that hold a credential in some form.
pub fn found(folder: &Path) -> Vec<PathBuf> {
    let forms: Vec<Vec<u8>> = CANARIES.iter().flat_map(|canary| forms(canary)).collect();
    let mut found = Vec::new();
    walk(folder, &mut |file| {
        let own = file.file_name().and_then(|name| name.to_str());
        if own.is_some_and(|name| OWN.contains(&name)) {
            return;
        }
        let bytes = std::fs::read(&file).unwrap_or_default();
        let holds = |form: &Vec<u8>| memchr::memmem::find(&bytes, form).is_some();
        if forms.iter().any(holds) {
            found.push(file);
        }
    });
    found
}

/// As it stands, in hexadecimal of both cases, and in base64 of both alphabets at each of the three places it can begin.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let hex = crate::records::hex(canary.as_bytes());
    let mut forms = vec![
        canary.as_bytes().to_vec(),
        hex.clone().into_bytes(),
        hex.to_ascii_uppercase().into_bytes(),
    ];
    for shift in 0..3 {
        let bytes = [&[0; 2][..shift], canary.as_bytes()].concat();
        let (from, to) = ((shift * 8).div_ceil(6), bytes.len() * 8 / 6);
        for coded in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)] {
            forms.push(coded.as_bytes()[from..to].to_vec());
        }
    }
    forms
}

fn walk(folder: &Path, each: &mut impl FnMut(PathBuf)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => walk(&path, each),
            path => each(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::found;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_canary_is_found_in_every_form() {
        let folder = std::env::temp_dir().join(format!("hopgate-leaks-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let token = "canary-oauth-0123456789";
        let shifted = STANDARD.encode(format!("xy:{token}"));
        for (name, text) in [
            ("data/plain", format!("Bearer {token}")),
            ("data/hex", crate::records::hex(token.as_bytes())),
            ("data/base64", shifted),
            ("data/clean", "canary-of-another-kind".to_owned()),
            ("hopgate.toml", token.to_owned()),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        assert_eq!(found(&folder).len(), 3);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

//! Files a configuration is made of or points at: regular ones of sensible size, so that no pipe, device or folder
//! can hold a reload up.

use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// A file larger than this is no configuration, certificate or key.
const BYTES_MOST: u64 = 8 << 20;

/// The text of a file.
///
/// # Errors
///
/// Why it cannot be used, without its name.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    // Asked before the file is opened: opening a pipe would wait for its writer.
    let facts = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("not a regular file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Zeroizing::new(Vec::new());
    // One byte more than is taken, and never the whole of a file that grew meanwhile.
    file.take(BYTES_MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > BYTES_MOST {
        return Err("larger than 8 MiB".to_owned());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "not UTF-8".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MOST, read};

    #[test]
    fn only_regular_files_of_sensible_size_are_read() {
        let path = std::env::temp_dir().join(format!("hopgate-file-{}", std::process::id()));
        let written = |bytes: u64| {
            let file = std::fs::File::create(&path).unwrap();
            file.set_len(bytes).unwrap();
            read(&path).map(|text| text.len() as u64)
        };
        assert_eq!(written(BYTES_MOST), Ok(BYTES_MOST));
        assert_eq!(written(BYTES_MOST + 1), Err("larger than 8 MiB".to_owned()));
        std::fs::remove_file(&path).unwrap();
        assert!(read(&path).is_err());
        assert_eq!(
            read(&std::env::temp_dir()).map(drop),
            Err("not a regular file".to_owned())
        );
    }
}

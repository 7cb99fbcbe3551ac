//! Tokens that others put into files and renew there: read each time they are needed.

use super::super::IssueError;
use crate::secret::Secret;
use std::path::Path;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

/// The largest file.
const MOST: u64 = 64 * 1024;

/// The token in a file, without the white space around it.
///
/// # Errors
///
/// A file that cannot be read, or holds no token. Names it, never what is in it.
pub(crate) async fn token(file: &Path) -> Result<Secret, IssueError> {
    let failed = |why: &str| IssueError::Unavailable(format!("{}: {why}", file.display()));
    let opened = tokio::fs::File::open(file).await;
    let opened = opened.map_err(|why| failed(&why.kind().to_string()))?;
    let mut bytes = Zeroizing::new(Vec::new());
    let read = opened.take(MOST + 1).read_to_end(&mut bytes).await;
    read.map_err(|why| failed(&why.kind().to_string()))?;
    let token = bytes.trim_ascii();
    if bytes.len() as u64 > MOST || !token.iter().all(u8::is_ascii_graphic) {
        return Err(failed("holds no token"));
    }
    match token {
        [] => Err(failed("is empty")),
        token => Ok(Secret::new(token)),
    }
}

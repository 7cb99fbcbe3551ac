//! What one replica puts and all find: bytes under a name, for a time.

use super::script::{self, ENTRY};
use super::{Down, Redis};
use redis::Value;
use std::time::Duration;

/// The kind of these keys.
pub(super) const KIND: u8 = b'e';

// === impl Redis ===

impl Redis {
    /// Puts an entry, in the place of the one that was there.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn put(&self, name: &[u8], value: &[u8], life: Duration) -> Result<(), Down> {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let life = life.clamp(1, 1 << 50);
        self.entry(name, "put", Some((value, life))).await.map(drop)
    }

    /// The entry of this name.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn get(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Down> {
        script::bytes(self.entry(name, "get", None).await?)
    }

    /// The entry of this name, which nobody finds after us.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn take_out(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Down> {
        script::bytes(self.entry(name, "take", None).await?)
    }

    /// Removes an entry, soon.
    pub fn remove(&self, name: &[u8]) {
        self.shared.outbox.remove(name);
    }

    async fn entry(
        &self,
        name: &[u8],
        deed: &str,
        value: Option<(&[u8], u64)>,
    ) -> Result<Option<Value>, Down> {
        let asked = self.shared.ask(&ENTRY, |standing, command| {
            standing.keys(command, 1);
            command.arg(standing.key(KIND, name));
            standing.proof(command);
            command.arg(deed);
            if let Some((value, life)) = value {
                command.arg(value).arg(life);
            }
        });
        Ok(asked.await?.into_iter().nth(1))
    }
}

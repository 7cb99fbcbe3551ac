//! What gateways say to one another through the store, and the names under which they find things there.

use super::Fleet;
use adapters::state::redis::Down;
use aws_lc_rs::digest::{Context as Hash, SHA256};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What one gateway says to all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// The client has answered a request of the server, which another gateway may have delivered.
    Answered {
        /// The session's key.
        session: Vec<u8>,
        /// The request's id, as raw JSON.
        id: Vec<u8>,
    },
    /// A tree of tasks has touched more: who knows it tells a store that has forgotten.
    Touched {
        /// The first task of the tree.
        root: Uuid,
        /// What it has touched, in one word.
        labels: u8,
    },
    /// A session is over.
    Over {
        /// Its key.
        session: Vec<u8>,
    },
}

/// What messages are bound to.
const NEWS: &[u8] = b"news";

/// The name of a thing in the store: its parts, none of which can run into the next, as a digest.
pub(crate) fn name<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Hash::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut name = [0; 32];
    name.copy_from_slice(hash.finish().as_ref());
    name
}

impl Fleet {
    /// Says something to all gateways.
    ///
    /// # Errors
    ///
    /// Why it is not said.
    pub(crate) async fn say(&self, message: &Message) -> Result<(), Down> {
        // Nothing in it can fail to be written.
        let text = serde_json::to_vec(message).unwrap_or_default();
        match self.enclose(NEWS, &text) {
            Some(sealed) => self.store.say(&sealed).await,
            None => Ok(()),
        }
    }

    /// What a gateway with our keys has said.
    pub(super) fn understand(&self, said: &[u8]) -> Option<Message> {
        serde_json::from_slice(&self.disclose(NEWS, said)?).ok()
    }
}

//! Where a task stands that no call names: as its principal's own, as its part of a parent's, or as a session's. The
//! same place has the same name in every gateway.

use super::work::{Kind, Task};
use crate::fleet::name;
use crate::identity::Principal;
use std::sync::Arc;
use uuid::Uuid;

/// Where a task stands that no call names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Its principal's own, or its part of a parent's.
    Own(Own),
    /// A legacy session's, by the digest of the session's key.
    Session([u8; 32]),
}

/// Whose task it is, and within what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Own {
    pub(super) principal: Arc<Principal>,
    pub(super) parent: Option<Uuid>,
    pub(super) actors: Arc<[Arc<str>]>,
}

/// Is told of a task that has ended.
pub(super) struct Told(pub(super) Box<dyn Fn(&Task) + Send + Sync>);

// === impl Place ===

impl Place {
    /// Where a task stands; none for one that was opened on purpose.
    pub(super) fn of(task: &Task) -> Option<Self> {
        if let Some(session) = task.session {
            return Some(Self::Session(session));
        }
        if task.kind == Kind::Declared {
            return None;
        }
        let before = task.chain.len().saturating_sub(task.actors);
        Some(Self::Own(Own {
            principal: Arc::clone(&task.principal),
            parent: task.parent,
            actors: task.chain.get(before..).unwrap_or_default().into(),
        }))
    }

    /// What it is called where several gateways look: its parts, none of which can run into the next, as a digest.
    pub(super) fn name(&self) -> [u8; 32] {
        match self {
            Self::Own(own) => {
                let parent: &[u8] = own.parent.as_ref().map_or(&[], |parent| parent.as_bytes());
                let [agent, subject, user] = own.principal.parts();
                let parts = [b"own".as_slice(), agent, subject, user, parent];
                let actors = own.actors.iter().map(|actor| actor.as_bytes());
                name(parts.into_iter().chain(actors))
            }
            Self::Session(print) => name([b"session".as_slice(), print]),
        }
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_places_share_a_name() {
        let own = |agent: &str, subject: &str, actors: &[&str]| {
            Place::Own(Own {
                principal: Arc::new(Principal {
                    agent: Arc::from(agent),
                    subject: Arc::from(subject),
                    user: None,
                }),
                parent: None,
                actors: actors.iter().map(|actor| Arc::from(*actor)).collect(),
            })
        };
        let places = [
            own("a", "bc", &[]),
            own("ab", "c", &[]),
            own("a", "bc", &["d"]),
            own("a", "bc", &["d", "e"]),
            own("a", "bc", &["de"]),
            Place::Session([7; 32]),
        ];
        let names: std::collections::HashSet<_> = places.iter().map(Place::name).collect();
        assert_eq!(names.len(), places.len());
        assert_eq!(own("a", "bc", &[]).name(), places[0].name());
    }
}

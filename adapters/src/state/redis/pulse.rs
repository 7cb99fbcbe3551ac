//! The pulse of a replica: it lives, it knows the news, and what its configuration has withdrawn all learn.

use super::script::{self, LEAVE, PULSE, SAY, natural, odd};
use super::{Down, Redis, locked};
use redis::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// What a replica says of itself, twice a second.
#[derive(Debug, Clone, Default)]
pub struct Beat {
    /// The newest news it has, as the last pulse said.
    pub seen: u64,
    /// Agents its configuration has withdrawn. None: as before.
    pub withdrawn: Option<Vec<Box<str>>>,
}

/// What it is told.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// What has happened since, its own news among it. May be told twice.
    pub news: Vec<News>,
    /// The newest of it.
    pub seen: u64,
    /// How many replicas live, this one among them. Right after the store was away: as many as there were, at least.
    pub replicas: u32,
    /// What any living replica has withdrawn.
    pub withdrawn: Vec<Box<str>>,
    /// The store has forgotten since the last pulse, or news were missed: put again what you know.
    pub lost: bool,
}

/// Something all replicas are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A task has ended.
    Ended {
        /// Which.
        id: Uuid,
        /// How, in the words of who ended it.
        end: Vec<u8>,
    },
    /// A message of the gateway's own.
    Said(Vec<u8>),
}

/// What is remembered from one pulse to the next.
#[derive(Debug, Default)]
pub(super) struct Pulsed {
    /// The state of the store at the last one.
    epoch: Box<str>,
    withdrawn: Vec<u8>,
    /// The link over which that was said.
    said: u64,
    /// How many replicas there were at the last one, and how long they may take to come back to a store that was away.
    replicas: u32,
    former: Option<(u32, Instant)>,
    /// The link of the last one.
    link: u64,
    /// The link over which the store was first seen to have forgotten; 0 when that is known.
    lost: u64,
}

/// As long as a replica lives without a word.
const RETURN: Duration = Duration::from_secs(5);

// === impl Redis ===

impl Redis {
    /// Says that this replica lives, and hears the news.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn pulse(&self, beat: &Beat) -> Result<Pulse, Down> {
        let shared = &self.shared;
        if let Some(names) = &beat.withdrawn {
            locked(&shared.pulsed).withdraw(names);
        }
        let link = shared.link()?;
        let standing = &link.standing;
        let (say, seen) = locked(&shared.pulsed).before(standing.link, &standing.epoch.text);
        let seen = if seen { beat.seen } else { 0 };
        let asked = shared.ask_over(&link, &PULSE, |standing, command| {
            standing.keys(command, 3);
            command
                .arg(standing.key(b'n', b"news"))
                .arg(standing.key(b'a', b"living"))
                .arg(standing.key(b'w', b"withdrawn"));
            standing.proof(command);
            command.arg("").arg(seen);
            match &say {
                Some(names) => command.arg(1).arg(names),
                None => command.arg(0),
            };
        });
        let mut pulse = read(asked.await?)?;
        for news in &pulse.news {
            if let News::Ended { id, end } = news {
                locked(&shared.memory).ended(*id, end);
            }
        }
        let mut pulsed = locked(&shared.pulsed);
        pulse.replicas = pulsed.count(standing.link, pulse.replicas);
        pulse.lost |= pulsed.after(standing.link, &standing.epoch.text, say.as_deref());
        Ok(pulse)
    }

    /// How many replicas lived at the last pulse, this one among them.
    pub fn replicas(&self) -> u32 {
        locked(&self.shared.pulsed).replicas.max(1)
    }

    /// Says that this replica lives no longer: nobody waits until it is taken for dead.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn leave(&self) -> Result<(), Down> {
        let asked = self.shared.ask(&LEAVE, |standing, command| {
            standing.keys(command, 2);
            command
                .arg(standing.key(b'a', b"living"))
                .arg(standing.key(b'w', b"withdrawn"));
            standing.proof(command);
        });
        asked.await.map(drop)
    }

    /// Tells all replicas a message.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn say(&self, message: &[u8]) -> Result<(), Down> {
        let asked = self.shared.ask(&SAY, |standing, command| {
            standing.task(command);
            command.arg(message);
        });
        asked.await.map(drop)
    }
}

// === impl Pulsed ===

impl Pulsed {
    /// The store had forgotten something when this link came about.
    pub(super) fn lost(&mut self, link: u64) {
        self.lost = link;
    }

    fn withdraw(&mut self, names: &[Box<str>]) {
        let mut packed = Vec::new();
        for name in names {
            let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
            packed.extend_from_slice(&length.to_be_bytes());
            packed.extend_from_slice(name.as_bytes());
        }
        if packed != self.withdrawn {
            self.withdrawn = packed;
            self.said = 0;
        }
    }

    /// What is to be said over this link, and whether its news are numbered as at the last pulse.
    fn before(&self, link: u64, epoch: &str) -> (Option<Vec<u8>>, bool) {
        let say = (self.said != link).then(|| self.withdrawn.clone());
        (say, self.epoch.is_empty() || *self.epoch == *epoch)
    }

    fn count(&mut self, link: u64, replicas: u32) -> u32 {
        let now = Instant::now();
        if self.link != link {
            self.link = link;
            self.former = Some((self.replicas, now + RETURN));
        }
        let former = self.former.filter(|(_, until)| now < *until);
        self.replicas = former.map_or(replicas, |(former, _)| replicas.max(former));
        self.replicas
    }

    /// Whether the caller is to be told of a loss.
    fn after(&mut self, link: u64, epoch: &str, said: Option<&[u8]>) -> bool {
        if said.is_some_and(|said| *said == *self.withdrawn) {
            self.said = link;
        }
        self.epoch = epoch.into();
        let lost = self.lost != 0 && self.lost <= link;
        if lost {
            self.lost = 0;
        }
        lost
    }
}

fn read(parts: Vec<Value>) -> Result<Pulse, Down> {
    let mut parts = parts.into_iter().skip(1);
    let replicas = natural(parts.next().as_ref())?;
    let withdrawn = script::parts(parts.next().unwrap_or_default())?;
    let seen = natural(parts.next().as_ref())?;
    let missed = natural(parts.next().as_ref())?;
    let news = script::parts(parts.next().unwrap_or_default())?;
    let mut names = BTreeSet::new();
    for packed in withdrawn {
        unpack(
            &script::bytes(Some(packed))?.unwrap_or_default(),
            &mut names,
        )?;
    }
    // Every other one is its number.
    let news = news.into_iter().step_by(2).map(|one| {
        let one = script::bytes(Some(one))?.ok_or_else(odd)?;
        told(&one).ok_or_else(odd)
    });
    Ok(Pulse {
        news: news.collect::<Result<_, _>>()?,
        seen,
        replicas: u32::try_from(replicas).unwrap_or(u32::MAX),
        withdrawn: names.into_iter().collect(),
        lost: missed != 0,
    })
}

fn unpack(mut packed: &[u8], names: &mut BTreeSet<Box<str>>) -> Result<(), Down> {
    while let Some((length, rest)) = packed.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let (name, rest) = rest.split_at_checked(length).ok_or_else(odd)?;
        names.insert(std::str::from_utf8(name).map_err(|_| odd())?.into());
        packed = rest;
    }
    Ok(())
}

/// NUMBER:KIND and the rest.
fn told(bytes: &[u8]) -> Option<News> {
    let at = bytes.iter().position(|byte| *byte == b':')?;
    let (kind, rest) = bytes.get(at + 1..)?.split_first()?;
    match kind {
        b'S' => Some(News::Said(rest.to_vec())),
        b'E' => {
            let (id, end) = rest.split_at_checked(36)?;
            Some(News::Ended {
                id: Uuid::try_parse_ascii(id).ok()?,
                end: end.to_vec(),
            })
        }
        _ => None,
    }
}

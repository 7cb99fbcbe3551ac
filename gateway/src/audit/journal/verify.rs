//! Proof that a folder of records, or a copy of one, is whole: reads everything, trusts nothing but public keys, and
//! names the first bad record of each log.
//!
//! Checkpoints are read before the logs they seal, so that a gateway which writes meanwhile is never taken for one whose
//! records were cut off.

use super::chain::{Flaw, Head, Opening, holds_whole_line};
use super::checkpoint::{Checkpoint, Keys};
use super::disk::Disk;
use super::proof::{Bad, Fault, Proof};
use super::segment::{name, number};
use super::{CHECKPOINTS, Log};
use std::collections::{BTreeMap, HashSet};

/// What is known beside the folder.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Who may have signed checkpoints.
    pub(crate) keys: Keys,
    /// Checkpoints that were kept elsewhere, a line each.
    pub(crate) elsewhere: Option<String>,
    /// The first segment of each log that is still kept; 1 where nothing is said.
    pub(crate) first: BTreeMap<String, u32>,
}

/// What checkpoints say of one log: numbers and hashes, in order.
type Seals = BTreeMap<u64, Head>;

struct Reader<'a, D> {
    disk: &'a mut D,
    known: &'a Known,
    /// By log.
    seals: BTreeMap<String, Seals>,
}

/// One log on its way.
struct Walk {
    proof: Proof,
    head: Head,
    /// The last line that a checkpoint has sealed and that is as it says.
    sealed: u64,
    /// Whether the line before was followed at all: the first line of what is kept continues what is not.
    begun: bool,
    file: String,
    line: u64,
}

/// Proves every log of a disk: checkpoints first.
pub(crate) fn verify<D: Disk>(disk: &mut D, known: &Known) -> Vec<Proof> {
    let mut reader = Reader {
        disk,
        known,
        seals: BTreeMap::new(),
    };
    let mut proofs = vec![reader.checkpoints()];
    for log in Log::ALL {
        let seals = reader.seals.remove(log.name()).unwrap_or_default();
        proofs.push(reader.log(log.name(), &seals, |_, _| Ok(())));
    }
    proofs
}

// === impl Reader ===

impl<D: Disk> Reader<'_, D> {
    /// Proves the checkpoints, and gathers what they say.
    fn checkpoints(&mut self) -> Proof {
        let (keys, mut prev) = (&self.known.keys, None);
        let (mut seals, mut seen) = (BTreeMap::new(), HashSet::new());
        let mut proof = self.log(CHECKPOINTS, &Seals::new(), |head, line| {
            if Checkpoint::read(line).is_none() {
                return other(line);
            }
            let checkpoint = Checkpoint::prove(line, keys)?;
            let before = prev.unwrap_or(match head.seq {
                // The first two lines of the first segment.
                0..=2 => Checkpoint::NONE,
                _ => checkpoint.prev,
            });
            if checkpoint.prev != before {
                return Err("it does not follow the checkpoint before".to_owned());
            }
            prev = Some(checkpoint.hash);
            seen.insert(checkpoint.hash);
            note(&mut seals, &checkpoint)
        });
        // Nothing seals the seals; what they seal, they seal.
        proof.unsealed = 0;
        if let (None, Some(copy)) = (&proof.bad, &self.known.elsewhere) {
            proof.bad = compare(copy, keys, &seen, &mut seals);
        }
        self.seals = seals;
        proof
    }

    /// Proves one log, line by line.
    fn log(
        &mut self,
        log: &'static str,
        seals: &Seals,
        mut more: impl FnMut(Head, &[u8]) -> Result<(), String>,
    ) -> Proof {
        let mut walk = Walk::new(log);
        let first = self.known.first.get(log).copied().unwrap_or(1);
        let listed = match self.disk.list(log) {
            Ok(names) => names,
            Err(error) => {
                walk.file = log.to_owned();
                return walk.bad(Fault::Unreadable(error.to_string()));
            }
        };
        let last = listed.iter().filter_map(|name| number(name)).max();
        // A log that nothing was ever written to has no file; one that is said to begin somewhere has.
        let last = match last {
            None if first == 1 => 0,
            last => last.unwrap_or(first).max(first),
        };
        for number in first..=last {
            walk.file = format!("{log}/{}", name(number));
            walk.line = 0;
            if !listed.contains(&name(number)) {
                return walk.bad(Fault::Absent);
            }
            let bytes = match self.disk.read(&walk.file) {
                Ok(bytes) => bytes,
                Err(error) => return walk.bad(Fault::Unreadable(error.to_string())),
            };
            let place = Place {
                first: number == first && first > 1,
                last: number == last,
            };
            if let Err(fault) = walk.segment(&bytes, place, (seals, &mut more)) {
                return walk.bad(fault);
            }
        }
        walk.end(seals)
    }
}

/// Where a segment stands in its log.
#[derive(Clone, Copy)]
struct Place {
    /// The first that is kept, and not the first there was.
    first: bool,
    last: bool,
}

// === impl Walk ===

impl Walk {
    fn new(log: &'static str) -> Self {
        Self {
            proof: Proof {
                log,
                lines: 0,
                last: 0,
                unsealed: 0,
                unfinished: 0,
                bad: None,
            },
            head: Head::START,
            sealed: 0,
            begun: false,
            file: format!("{log}/{}", name(1)),
            line: 0,
        }
    }

    fn segment(
        &mut self,
        bytes: &[u8],
        place: Place,
        (seals, more): (&Seals, &mut impl FnMut(Head, &[u8]) -> Result<(), String>),
    ) -> Result<(), Fault> {
        if bytes.is_empty() && !place.last {
            self.line = 1;
            return Err(Fault::Opening);
        }
        for whole in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line += 1;
            let Some(line) = whole.strip_suffix(b"\n") else {
                return self.unfinished(whole, place);
            };
            if self.line == 1 {
                self.open(line, place)?;
            }
            let next = self.head.next(line).map_err(|flaw| match flaw {
                Flaw::Shape => Fault::Shape,
                Flaw::Seq(found) => Fault::Seq(found),
                Flaw::Hash => Fault::Changed,
            })?;
            if let Some(sealed) = seals.get(&next.seq) {
                if *sealed != next {
                    return Err(Fault::Resealed);
                }
                self.sealed = next.seq;
            }
            more(next, line).map_err(Fault::Checkpoint)?;
            self.head = next;
            self.begun = true;
            self.proof.lines += 1;
        }
        Ok(())
    }

    /// The first line of a segment says what it continues; only of the first that is kept it is believed.
    fn open(&mut self, line: &[u8], place: Place) -> Result<(), Fault> {
        let opening = Opening::read(line);
        if place.first && !self.begun {
            self.head = opening.ok_or(Fault::Opening)?.before;
            return Ok(());
        }
        // A line of this place that is damaged is told as damage.
        match opening {
            Some(opening) if opening.before.seq == self.head.seq && opening.before != self.head => {
                Err(Fault::Opening)
            }
            None if self.head.next(line).is_ok() => Err(Fault::Opening),
            _ => Ok(()),
        }
    }

    /// What has no line break is a line that is being written, if it is the last there is and could become one.
    fn unfinished(&mut self, rest: &[u8], place: Place) -> Result<(), Fault> {
        if !place.last {
            return Err(Fault::Shape);
        }
        if holds_whole_line(self.head, rest) {
            return Err(Fault::Break);
        }
        self.proof.unfinished = rest.len() as u64;
        // It is no line: where lines are missing, they are missing from here on.
        self.line -= 1;
        Ok(())
    }

    fn end(mut self, seals: &Seals) -> Proof {
        if let Some((seq, _)) = seals.last_key_value()
            && *seq > self.head.seq
        {
            self.line += 1;
            return self.bad(Fault::Truncated(*seq));
        }
        self.finish()
    }

    fn finish(mut self) -> Proof {
        self.proof.last = self.head.seq;
        self.proof.unsealed = (self.head.seq - self.sealed).min(self.proof.lines);
        self.proof
    }

    fn bad(mut self, fault: Fault) -> Proof {
        self.proof.bad = Some(Bad {
            file: std::mem::take(&mut self.file),
            line: self.line.max(1),
            seq: self.head.seq + 1,
            fault,
        });
        self.finish()
    }
}

/// Lines of the checkpoints' log that are none: those that begin a segment, and those of recovery.
fn other(line: &[u8]) -> Result<(), String> {
    let said: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    match said.get("kind").and_then(serde_json::Value::as_str) {
        Some("segment" | "recovered" | "resumed") => Ok(()),
        _ => Err("it is no checkpoint".to_owned()),
    }
}

/// Notes what a checkpoint says. Two genuine ones that contradict each other mean that a log was rewritten, which the
/// first of them tells.
fn note(seals: &mut BTreeMap<String, Seals>, checkpoint: &Checkpoint) -> Result<(), String> {
    for (log, head) in &checkpoint.logs {
        let seals = seals.entry(log.clone()).or_default();
        if seals
            .insert(head.seq, *head)
            .is_some_and(|before| before != *head)
        {
            return Err(format!(
                "it seals another record {} of `{log}` than a checkpoint before it",
                head.seq
            ));
        }
    }
    Ok(())
}

/// Compares the folder's checkpoints with those that were kept elsewhere.
fn compare(
    copy: &str,
    keys: &Keys,
    seen: &HashSet<super::chain::Hash>,
    seals: &mut BTreeMap<String, Seals>,
) -> Option<Bad> {
    let bad = |line: usize, why: &str| Bad {
        file: "the checkpoints kept elsewhere".to_owned(),
        line: line as u64 + 1,
        seq: 0,
        fault: Fault::Checkpoint(why.to_owned()),
    };
    let mut begun = seen.is_empty();
    let mut first = None;
    for (at, line) in copy.lines().map(str::as_bytes).enumerate() {
        if line.is_empty() || Opening::read(line).is_some() {
            continue;
        }
        let checkpoint = match Checkpoint::prove(line, keys) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return Some(bad(at, &why)),
        };
        // All of them are noted, whatever is wrong with one: the logs are held to what they say.
        if let Err(why) = note(seals, &checkpoint) {
            first = first.or(Some(bad(at, &why)));
        }
        let here = seen.contains(&checkpoint.hash);
        // Those before the first that is still kept here were given up; those after it were not.
        begun |= here || seen.contains(&checkpoint.prev);
        if begun && !here {
            let why = "it is not among the checkpoints of this folder";
            first = first.or(Some(bad(at, why)));
        }
    }
    let none = "none of them is a checkpoint of this folder";
    first.or((!begun).then(|| bad(0, none)))
}

//! Whatever the disk does and wherever the machine stops: nothing that was acknowledged is missing, and what is there is
//! proven. Each seed is one life of a gateway, or several.

use super::simulated::Simulated;
use super::*;
use std::collections::HashMap;
use std::time::Duration;

const SEEDS: u64 = 5_000;

fn settings(durability: Durability) -> Settings {
    Settings {
        durability,
        segment_bytes: 900,
        checkpoint_records: 8,
        ..Settings::default()
    }
}

/// What callers were told of each record.
#[derive(Default)]
struct Told {
    id: u64,
    waiting: Vec<(u64, bool, Waiting)>,
    written: Vec<u64>,
    /// Delivered through a place, and its caller was told no.
    kept: Vec<u64>,
    refused: Vec<u64>,
}

impl Told {
    fn entry(&mut self, disk: &Simulated) -> Entry {
        self.id += 1;
        let log = Log::ALL[disk.random(3) as usize];
        let lasting = disk.random(2) == 0;
        let lines = vec![
            line(log, "outcome", self.id),
            line(Log::Decisions, "decision", self.id),
        ];
        let (entry, waiting) = asked(lines, lasting);
        self.waiting.push((self.id, lasting, waiting));
        entry
    }

    fn settle(&mut self) {
        for (id, lasting, waiting) in self.waiting.drain(..) {
            match waiting.said().expect("told at once") {
                Ok(()) => self.written.push(id),
                Err(_) if lasting => self.kept.push(id),
                Err(_) => self.refused.push(id),
            }
        }
    }
}

/// One life: writes, in trouble, until it is stopped or done. Says whether all that was kept is written.
fn live(disk: &Simulated, told: &mut Told, durability: Durability, now: &mut Moment) -> bool {
    let Ok(mut writer) = writer(disk.clone(), settings(durability), *now) else {
        return false;
    };
    for _ in 0..disk.random(12) + 1 {
        let mut batch: Vec<_> = (0..disk.random(3) + 1).map(|_| told.entry(disk)).collect();
        writer.accept(&mut batch, *now);
        assert!(batch.is_empty());
        told.settle();
        now.steady += Duration::from_millis(disk.random(3) * 150);
        now.wall += Duration::from_millis(150);
        writer.tick(*now);
    }
    // In half of the lives the trouble is over at some time, and the end is a clean one.
    if disk.random(2) == 0 {
        disk.trouble(0, None);
        now.steady += Duration::from_secs(1);
        writer.tick(*now);
        return writer.finish(*now);
    }
    false
}

fn seed(seed: u64, durability: Durability) {
    let disk = Simulated::new(seed);
    let mut told = Told::default();
    let mut now = Moment::now();
    for _ in 0..2 {
        let trouble = [0, 3, 10, 40][disk.random(4) as usize];
        let left = (disk.random(3) > 0).then(|| disk.random(50) as u32 + 1);
        disk.trouble(trouble, left);
        let before = told.kept.len();
        let clean = live(&disk, &mut told, durability, &mut now);
        if clean {
            let kept = told.kept.split_off(before);
            told.written.extend(kept);
        }
        match durability {
            Durability::Process => disk.after_kill(),
            Durability::Power => disk.after_power_loss(),
        }
    }
    let writer = writer(disk.clone(), settings(durability), now).unwrap();
    drop(writer);
    let mut disk = disk;
    let proofs = verify(&mut disk, &known());
    assert_eq!(bad(&proofs), [""; 0], "seed {seed}");
    let mut found: HashMap<u64, usize> = HashMap::new();
    for log in Log::ALL {
        for line in lines(&mut disk, log.name()) {
            let said: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(id) = said.get("id").and_then(serde_json::Value::as_u64) {
                *found.entry(id).or_default() += 1;
            }
            if said.get("missing_from").is_some() {
                panic!("seed {seed}: sealed records are missing: {line}");
            }
        }
    }
    for id in &told.written {
        assert_eq!(
            found.get(id),
            Some(&2),
            "seed {seed}: record {id} was acknowledged"
        );
    }
    for (id, times) in &found {
        assert!(*times <= 2, "seed {seed}: record {id} is there twice");
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    (0..SEEDS).for_each(|number| seed(number, Durability::Process));
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_fails() {
    (0..SEEDS).for_each(|number| seed(number, Durability::Power));
}

/// Without the syncs the same test must find losses, or it tests nothing.
#[test]
fn without_syncs_the_power_loss_is_found() {
    let lost = (0..200).filter(|number| {
        let disk = Simulated::new(*number);
        let (mut told, mut now) = (Told::default(), Moment::now());
        live(&disk, &mut told, Durability::Process, &mut now);
        disk.after_power_loss();
        let mut all = String::new();
        for log in Log::ALL {
            let mut disk = disk.clone();
            for name in disk.list(log.name()).unwrap() {
                let bytes = disk.read(&format!("{}/{name}", log.name())).unwrap();
                all.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
        let there = |id: &u64| all.matches(&format!("\"id\":{id},")).count() == 2;
        !told.written.iter().all(there)
    });
    assert!(lost.count() > 20);
}

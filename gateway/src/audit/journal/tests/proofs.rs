//! Whatever is done to a folder of records, the proof finds it and names the record; and what a crash leaves is
//! recovered at every byte.

use super::simulated::Simulated;
use super::*;
use crate::audit::journal::proof::Fault;

/// A log of about fifty records in three segments, sealed, in one folder.
fn written(records: u64, end: bool) -> Simulated {
    let disk = Simulated::new(9);
    let now = Moment::now();
    let settings = Settings {
        segment_bytes: 2_800,
        checkpoint_records: 20,
        ..Settings::default()
    };
    let mut writer = writer(disk.clone(), settings, now).unwrap();
    for id in 1..=records {
        let (entry, waits) = asked(vec![line(Log::Calls, "outcome", id)], false);
        writer.accept(&mut vec![entry], now);
        assert_eq!(waits.said(), Some(Ok(())));
    }
    if end {
        assert!(writer.finish(now));
    }
    disk
}

fn proof(disk: &Simulated, log: &str) -> Proof {
    let proofs = verify(&mut disk.clone(), &known());
    proofs.into_iter().find(|proof| proof.log == log).unwrap()
}

/// Where each line of a file begins and ends, newline included.
fn places(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut from = 0;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| {
            let place = from..from + line.len();
            from = place.end;
            place
        })
        .collect()
}

fn files(disk: &Simulated, log: &str) -> Vec<(String, Vec<u8>)> {
    let names = disk.clone().list(log).unwrap().into_iter();
    let paths = names.map(|name| format!("{log}/{name}"));
    paths
        .map(|path| {
            let bytes = disk.clone().read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

#[test]
fn an_untouched_folder_is_whole() {
    let disk = written(50, true);
    assert_eq!(files(&disk, "calls").len(), 3);
    let calls = proof(&disk, "calls");
    assert_eq!(
        (calls.bad, calls.lines, calls.last, calls.unsealed),
        (None, 53, 53, 0)
    );
    assert_eq!(proof(&disk, CHECKPOINTS).lines, 4);
    let open = proof(&written(50, false), "calls");
    assert_eq!(
        (open.bad, open.unsealed),
        (None, 10),
        "40 of the 50 are sealed"
    );
}

/// Every byte of every file, the checkpoints' included; all eight bits of one line are flipped beside the chain.
#[test]
fn a_flip_in_any_byte_is_found_and_its_record_named() {
    let disk = written(50, true);
    for log in ["calls", CHECKPOINTS] {
        for (path, bytes) in files(&disk, log) {
            let places = places(&bytes);
            for (at, place) in places.iter().enumerate() {
                for byte in place.clone() {
                    // One bit of each byte, another in its neighbour.
                    let flip = 1 << (byte % 8);
                    disk.edit(&path, |bytes| bytes[byte] ^= flip);
                    let found = proof(&disk, log).bad;
                    disk.edit(&path, |bytes| bytes[byte] ^= flip);
                    let found = found.unwrap_or_else(|| panic!("{path} {byte}"));
                    assert_eq!(
                        (&found.file, found.line),
                        (&path, at as u64 + 1),
                        "{byte}: {found:?}"
                    );
                }
            }
        }
    }
    assert_eq!(bad(&verify(&mut disk.clone(), &known())), [""; 0]);
}

#[test]
fn dropped_doubled_swapped_and_added_records_are_found_and_named() {
    let disk = written(50, true);
    let mut seq = 0;
    for (path, bytes) in files(&disk, "calls") {
        let places = places(&bytes);
        for (at, place) in places.iter().enumerate() {
            seq += 1;
            let line = bytes[place.clone()].to_vec();
            let check = |seq: u64, at: usize, edit: &dyn Fn(&mut Vec<u8>)| {
                let copy = disk.copy();
                copy.edit(&path, edit);
                let found = proof(&copy, "calls").bad.unwrap();
                // Past the end of one file is the beginning of the next.
                let past = at + 1 >= places.len() && found.line == 1;
                assert!(found.seq == seq, "{path} {at}: {found:?}");
                assert!(
                    past || (found.file == path && found.line == at as u64 + 1),
                    "{at}: {found:?}"
                );
            };
            check(seq, at, &|bytes| drop(bytes.drain(place.clone())));
            check(seq + 1, at + 1, &|bytes| {
                drop(bytes.splice(place.end..place.end, line.clone()))
            });
            let forged = br#"{"at":"x","kind":"outcome"}"#;
            check(seq, at, &|bytes| {
                drop(bytes.splice(place.start..place.start, [&forged[..], b"\n"].concat()));
            });
            if let Some(next) = places.get(at + 1) {
                check(seq, at, &|bytes| {
                    let swapped = [&bytes[next.clone()], &line[..]].concat();
                    bytes.splice(place.start..next.end, swapped);
                });
            }
        }
    }
}

#[test]
fn moved_and_missing_segments_are_found() {
    let disk = written(50, true);
    let [one, two, three] = [
        "calls/00000001.jsonl",
        "calls/00000002.jsonl",
        "calls/00000003.jsonl",
    ];
    let found = |edit: &dyn Fn(&mut Simulated)| {
        let mut copy = disk.copy();
        edit(&mut copy);
        let bad = proof(&copy, "calls").bad.unwrap();
        (bad.file, bad.fault)
    };
    assert_eq!(
        found(&|disk| disk.remove(one).unwrap()),
        (one.to_owned(), Fault::Absent)
    );
    assert_eq!(
        found(&|disk| disk.remove(two).unwrap()),
        (two.to_owned(), Fault::Absent)
    );
    let (file, fault) = found(&|disk| disk.remove(three).unwrap());
    assert_eq!(
        (file.as_str(), matches!(fault, Fault::Truncated(53))),
        (two, true),
        "{fault:?}"
    );
    let (file, _) = found(&|disk| {
        disk.rename(two, "x/y");
        disk.rename(three, two);
        disk.rename("x/y", three);
    });
    assert_eq!(file, two);
    // Given up on purpose: what is left is proven from there on.
    let mut copy = disk.copy();
    copy.remove(one).unwrap();
    let mut known = known();
    known.first.insert("calls".to_owned(), 2);
    let proofs = verify(&mut copy, &known);
    assert_eq!(bad(&proofs), [""; 0]);
    known.first.insert("calls".to_owned(), 4);
    assert_eq!(bad(&verify(&mut copy, &known)).len(), 1);
}

/// Somebody who can write the files can compute hashes, too; the signature is what he cannot make.
#[test]
fn a_rewritten_log_is_found_by_its_checkpoints() {
    let disk = written(50, true);
    let mut head = crate::audit::journal::chain::Head::START;
    for (path, bytes) in files(&disk, "calls") {
        let mut forged = Vec::new();
        for place in places(&bytes) {
            let text = String::from_utf8(bytes[place].to_vec()).unwrap();
            let open = text
                .split(",\"seq\":")
                .next()
                .unwrap()
                .replace("\"id\":30", "\"id\":31");
            let open = match open.find("\"prev\":\"") {
                Some(at) => format!(
                    "{}\"prev\":\"{}\"",
                    open.get(..at).unwrap(),
                    crate::audit::journal::chain::hex_text(&head.hash)
                ),
                None => open,
            };
            let from = forged.len();
            forged.extend_from_slice(open.as_bytes());
            head.end(&mut forged, from);
        }
        disk.edit(&path, |bytes| *bytes = forged);
    }
    let found = proof(&disk, "calls").bad.unwrap();
    assert_eq!(found.fault, Fault::Resealed);
    assert!((31..=53).contains(&found.seq), "{found:?}");
}

#[test]
fn a_log_that_was_cut_is_truncated_even_with_its_checkpoints() {
    let disk = written(50, true);
    let carried = lines(&mut disk.clone(), CHECKPOINTS)
        .split_off(1)
        .join("\n");
    let third = "calls/00000003.jsonl".to_owned();
    let bytes = disk.clone().read(&third).unwrap();
    let at = places(&bytes)[2].start;
    disk.edit(&third, |bytes| bytes.truncate(at));
    let found = proof(&disk, "calls").bad.unwrap();
    assert_eq!((found.file, found.line), (third, 3));
    assert!(matches!(found.fault, Fault::Truncated(53)));
    // The checkpoints are cut as well: only what was kept elsewhere knows.
    let path = "checkpoints/00000001.jsonl";
    let bytes = disk.clone().read(path).unwrap();
    disk.edit(path, |bytes_| bytes_.truncate(places(&bytes)[2].start));
    assert_eq!(proof(&disk, "calls").bad, None);
    let mut known = known();
    known.elsewhere = Some(carried.clone());
    let proofs = verify(&mut disk.clone(), &known);
    assert_eq!(bad(&proofs).len(), 2, "{proofs:?}");
    assert!(matches!(
        proofs[1].bad.as_ref().unwrap().fault,
        Fault::Truncated(53)
    ));
    // Another folder's copy fits nowhere.
    let other = written(50, true);
    assert!(!bad(&verify(&mut other.clone(), &known)).is_empty());
}

#[test]
fn a_copy_of_the_checkpoints_agrees_with_the_folder() {
    let disk = written(50, true);
    let carried = lines(&mut disk.clone(), CHECKPOINTS).split_off(1);
    for from in 0..3 {
        let mut known = known();
        known.elsewhere = Some(carried[from..].join("\n"));
        assert_eq!(bad(&verify(&mut disk.clone(), &known)), [""; 0]);
    }
    let mut known = known();
    known.elsewhere = Some(carried[0].replace("\"calls\"", "\"callz\""));
    assert_eq!(bad(&verify(&mut disk.clone(), &known)).len(), 1);
}

/// A gateway that stopped, or is writing, in the middle of its last line.
#[test]
fn a_tail_torn_at_any_byte_is_no_damage_and_is_recovered() {
    let disk = written(10, false);
    let path = "calls/00000001.jsonl";
    let bytes = disk.clone().read(path).unwrap();
    for end in 0..bytes.len() {
        let mut copy = disk.copy();
        copy.edit(path, |bytes| bytes.truncate(end));
        let whole = bytes[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
        let before = proof(&copy, "calls");
        assert_eq!((before.bad, before.lines), (None, whole), "{end}");
        let torn = end as u64
            - places(&bytes)[..whole as usize]
                .last()
                .map_or(0, |place| place.end as u64);
        assert_eq!(before.unfinished, torn);
        drop(writer(copy.clone(), Settings::default(), Moment::now()).unwrap());
        let after = proof(&copy, "calls");
        assert_eq!((after.bad, after.unfinished), (None, 0), "{end}");
        let told: Vec<_> = lines(&mut copy, "calls")
            .into_iter()
            .filter(|line| line.contains("\"kind\":\"recovered\""))
            .collect();
        assert_eq!(told.len(), usize::from(torn > 0), "{end}");
        if torn > 0 {
            assert!(
                told[0].contains(&format!("\"bytes\":{torn},")),
                "{}",
                told[0]
            );
            let kept = copy.read("calls/00000001.torn-1").unwrap();
            assert_eq!(kept, bytes[end - torn as usize..end]);
        }
    }
}

#[test]
fn sealed_records_that_are_missing_at_a_start_are_told() {
    let disk = written(50, true);
    disk.clone().remove("calls/00000003.jsonl").unwrap();
    let last = proof(&disk, "calls").last;
    drop(writer(disk.clone(), Settings::default(), Moment::now()).unwrap());
    let told = lines(&mut disk.clone(), "calls").pop().unwrap();
    let wanted = format!(
        "\"kind\":\"recovered\",\"missing_from\":{},\"expected\":53,",
        last + 1
    );
    assert!(told.contains(&wanted), "{told}");
    assert!(
        proof(&disk, "calls").bad.is_some(),
        "the proof says it ever after"
    );
}

//! What the process takes of the machine, as Linux tells it in `/proc`; elsewhere nothing is said.

use super::reading::{Kind, Point, Reading, Unit, Value};
use std::fs;

/// Linux counts CPU time for programs in hundredths of a second, whatever its own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory, CPU time and open files.
pub(super) fn read() -> Vec<Reading> {
    let alone = |value: Option<Value>| value.map(Point::alone).unwrap_or_default();
    let memory = fs::read_to_string("/proc/self/status").ok();
    let memory = memory.and_then(|status| resident(&status));
    let time = fs::read_to_string("/proc/self/stat").ok();
    let time = time.and_then(|stat| cpu(&stat));
    let files = fs::read_dir("/proc/self/fd").ok();
    // The listing itself holds one of them open.
    let files = files.map(|files| files.count().saturating_sub(1));
    vec![
        Reading::new(
            "process.memory.usage",
            (Kind::Gauge, Unit::Bytes),
            "Resident memory of the process.",
            alone(memory.map(Value::Whole)),
        ),
        Reading::new(
            "process.cpu.time",
            (Kind::Counter, Unit::Seconds),
            "CPU time the process has used.",
            alone(time.map(Value::Real)),
        ),
        Reading::new(
            "process.unix.file_descriptor.count",
            (Kind::Gauge, Unit::None),
            "Open files and connections of the process.",
            alone(files.and_then(|files| Some(Value::Whole(i64::try_from(files).ok()?)))),
        ),
    ]
}

fn resident(status: &str) -> Option<i64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// User and system time: the 14th and 15th field, of which the second may hold spaces.
fn cpu(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_understood() {
        assert_eq!(
            resident("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t3\n"),
            Some(1234 * 1024)
        );
        let stat = "42 (a b) c) S 1 1 1 0 -1 4194560 500 0 0 0 150 50 0 0 20 0 9 0 100 1 2 3";
        assert_eq!(cpu(stat), Some(2.0));
        assert_eq!((resident(""), cpu("")), (None, None));
    }
}

//! The machine: which core is whose, and the kernel's own account of a process.

use std::process::{Command, exit};
use std::time::Duration;

/// The proxy's core, and everybody else's.
#[derive(Debug)]
pub(crate) struct Cores {
    pub(crate) proxy: String,
    pub(crate) rest: String,
    pub(crate) count: usize,
}

// === impl Cores ===

impl Cores {
    pub(crate) fn of_this_machine() -> Self {
        let text = std::fs::read_to_string("/proc/cpuinfo").expect("cpuinfo");
        let count = text
            .lines()
            .filter(|line| line.starts_with("processor"))
            .count()
            .max(1);
        let rest = if count == 1 {
            "0".to_owned()
        } else {
            format!("1-{}", count - 1)
        };
        Self {
            proxy: "0".to_owned(),
            rest,
            count,
        }
    }

    /// Runs this program again on the cores that are not the proxy's.
    pub(crate) fn again_pinned(&self, arguments: &[String]) {
        let own = std::env::current_exe().expect("own path");
        let command = format!(
            "ulimit -n $(ulimit -Hn); exec taskset -c {} \"$0\" \"$@\" --pinned",
            self.rest
        );
        let status = Command::new("sh")
            .args(["-c", &command])
            .arg(own)
            .args(arguments)
            .status();
        exit(status.expect("sh").code().unwrap_or(1));
    }
}

/// CPU time of all threads of a process so far.
pub(crate) fn cpu(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .expect("tasks")
        .flatten();
    let nanos = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Resident memory in bytes.
pub(crate) fn rss(pid: u32) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<usize>()
        .expect("number")
        * 1024
}

/// How many files a process holds open.
pub(crate) fn files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("fd")
        .count()
}

/// How many files a process may hold open.
pub(crate) fn open_files() -> usize {
    let text = std::fs::read_to_string("/proc/self/limits").expect("limits");
    let line = text
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .expect("a limit");
    line.split_whitespace()
        .nth(3)
        .and_then(|soft| soft.parse().ok())
        .unwrap_or(usize::MAX)
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Processor, cores and kernel, in one line.
pub(crate) fn about(cores: &Cores) -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown processor");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!("{model}, {} cores, Linux {}", cores.count, kernel.trim())
}

/// What was measured: the commit, and whether the tree had changes.
pub(crate) fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed = git(&["status", "--porcelain", "--", ".", ":!docs/performance.md"]).is_some();
    format!("{hash}{}", if changed { " with changes" } else { "" })
}

//! Keeps what is in memory there: no core dump, and no other process of the same user that reads along.

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Closes the memory of this process, as far as the system lets it.
pub(super) fn close() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(why) = setrlimit(Resource::Core, none) {
        tracing::warn!("a crash may write memory to disk: {why}");
    }
    #[cfg(target_os = "linux")]
    if let Err(why) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!("other processes of this user may read memory: {why}");
    }
}

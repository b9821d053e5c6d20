//! What a process has cost so far.

use std::fs;
use std::io;
use std::time::Duration;

/// Time that all living threads of a process were on a processor, in user and in kernel mode:
/// the first field of `schedstat` (Linux, Documentation/scheduler/sched-stats).
///
/// # Errors
/// When there is no such process, or the kernel keeps no such figures.
pub(crate) fn spent(pid: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_ascii_whitespace().next().unwrap_or_default();
        nanoseconds += first.parse::<u64>().map_err(io::Error::other)?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

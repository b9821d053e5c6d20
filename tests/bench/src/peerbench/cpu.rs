//! What a process has cost so far, and how much of the machine others had.

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

/// Time of all processors since the machine began, in ticks (proc_stat(5)).
pub(crate) struct Machine {
    all: u64,
    /// They had work to do, and the host gave them to somebody else.
    stolen: u64,
}

impl Machine {
    /// Place of the stolen time in the line of all processors; guests' time after it is in the
    /// first two already.
    const STOLEN: usize = 7;

    /// As of now.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub(crate) fn read() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().unwrap_or_default();
        let ticks = line.split_ascii_whitespace().skip(1).take(Self::STOLEN + 1);
        let ticks: Result<Vec<u64>, _> = ticks.map(str::parse).collect();
        let ticks = ticks.map_err(io::Error::other)?;
        Ok(Self {
            all: ticks.iter().sum(),
            stolen: ticks.get(Self::STOLEN).copied().unwrap_or_default(),
        })
    }

    /// Percent of the time since then that was stolen.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn stolen_since(&self) -> io::Result<f64> {
        let now = Self::read()?;
        let all = now.all.saturating_sub(self.all).max(1);
        Ok(100.0 * now.stolen.saturating_sub(self.stolen) as f64 / all as f64)
    }
}

//! The clock that measurements are taken with.

use std::time::Duration;

/// What is counted as time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// The time that the calling thread was running.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    ThreadCpu,
    /// Elapsed time.
    Wall,
}

impl Clock {
    /// The clock that says most: alone, a thread's own time does not depend on what else the machine does. Of several
    /// threads the throughput is asked for, and there waiting for each other counts.
    pub(super) fn for_threads(threads: usize) -> Self {
        match threads {
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            1 => Self::ThreadCpu,
            _ => Self::Wall,
        }
    }

    /// The time since some moment in the past that stays the same for a thread.
    pub(super) fn now(self) -> Duration {
        match self {
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            Self::ThreadCpu => {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
            }
            Self::Wall => {
                static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
                START.get_or_init(std::time::Instant::now).elapsed()
            }
        }
    }

    /// The clock's name in the JSON document.
    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            Self::ThreadCpu => "thread_cpu",
            Self::Wall => "wall",
        }
    }

    /// The clock in words.
    pub(super) fn describe(self) -> &'static str {
        match self {
            #[cfg(any(target_os = "linux", target_os = "macos"))]
            Self::ThreadCpu => "CPU time",
            Self::Wall => "elapsed time",
        }
    }
}

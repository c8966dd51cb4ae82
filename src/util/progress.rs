//! How long work tells of its advance, and how it is asked to stop.

use std::sync::atomic::{AtomicBool, Ordering};

/// Receives the advance of long work. Calls come from any thread.
pub trait Progress: Sync {
    /// A phase begins: what it does, and how many bytes it will handle (0 = unknown).
    fn begin(&self, phase: &'static str, total_bytes: u64);
    /// A phase begins that tells its advance in percent: what it does.
    fn begin_percent(&self, phase: &'static str) {
        self.begin(phase, 100);
    }
    /// So many more bytes of the phase, or percent, are done.
    fn advance(&self, bytes: u64);
    /// For one of several works that go on at the same time, with phases of its own: what it is called.
    fn part<'a>(&'a self, _name: &str) -> Box<dyn Progress + 'a> {
        Box::new(NoProgress)
    }
}

/// Progress that nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _phase: &'static str, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
}

/// What every long operation is given: somebody to tell, and a flag that asks it to stop.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Receives the advance.
    pub progress: &'a dyn Progress,
    /// Set to true (by Ctrl-C, say) to stop the work at the next batch of chunks.
    pub interrupt: &'a AtomicBool,
}

impl Control<'static> {
    /// Nobody watches, nobody interrupts.
    pub fn silent() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { progress: &NoProgress, interrupt: &NEVER }
    }
}

impl Control<'_> {
    /// Whether the work was asked to stop.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("interrupted", &self.interrupted()).finish_non_exhaustive()
    }
}

//! Progress bars on standard error: bytes, rate, time left. Only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;
use wimkit::util::progress::Progress;

/// A bar for each phase of a long work, one after the other. Whatever is shown vanishes when it is dropped.
pub(crate) struct Bars {
    shown: bool,
    bar: Mutex<ProgressBar>,
}

impl Bars {
    /// Bars that are seen if standard error is a terminal and nobody asked for quiet.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { shown: !quiet && std::io::stderr().is_terminal(), bar: Mutex::new(ProgressBar::hidden()) }
    }

    /// Takes the bar off the screen, so that something can be printed.
    pub(crate) fn clear(&self) {
        self.bar().finish_and_clear();
    }

    fn show(&self, phase: &'static str, next: ProgressBar) {
        if !self.shown {
            return;
        }
        let mut bar = self.bar();
        bar.finish_and_clear();
        *bar = next.with_message(phase);
        bar.enable_steady_tick(Duration::from_millis(200));
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, ProgressBar> {
        self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Progress for Bars {
    fn begin(&self, phase: &'static str, total_bytes: u64) {
        self.show(phase, if total_bytes == 0 {
            ProgressBar::new_spinner().with_style(style("{spinner} {msg}  {binary_bytes}  {binary_bytes_per_sec}"))
        } else {
            ProgressBar::new(total_bytes).with_style(style(
                "{msg} [{wide_bar}] {percent:>3}%  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left",
            ))
        });
    }

    fn begin_percent(&self, phase: &'static str) {
        self.show(phase, ProgressBar::new(100).with_style(style("{msg} [{wide_bar}] {percent:>3}%  {elapsed}")));
    }

    fn advance(&self, bytes: u64) {
        if self.shown {
            self.bar().inc(bytes);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed").progress_chars("=> ")
}

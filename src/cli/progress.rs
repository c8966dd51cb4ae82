//! Progress bars on standard error: bytes, rate, time left. Only on a terminal.

use super::printer::talk;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use wimkit::util::progress::{NoProgress, Progress};

/// How often a bar is drawn though nothing is told.
const TICK: Duration = Duration::from_millis(200);

/// A bar for each phase of a long work, one after the other; where several works go on at the same time, one for each. Whatever is
/// shown vanishes when it is dropped.
pub(crate) struct Bars {
    shown: bool,
    bar: Mutex<ProgressBar>,
    /// Where the bars of works that go on at the same time are drawn, one below the other.
    parts: MultiProgress,
    /// Their names and bars, in the order in which they are drawn.
    parts_shown: Mutex<Vec<(String, ProgressBar)>>,
}

impl Bars {
    /// Bars that are seen if standard error is a terminal and nobody asked for quiet.
    pub(crate) fn new(quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let bar = Mutex::new(ProgressBar::hidden());
        Self { shown, bar, parts: MultiProgress::new(), parts_shown: Mutex::default() }
    }

    /// Takes the bar off the screen, so that something can be printed.
    pub(crate) fn clear(&self) {
        self.bar().finish_and_clear();
    }

    /// Says lines, also while works go on at the same time, whose bars come below them then. Those of one call stay together.
    pub(crate) fn say(&self, lines: &str) {
        self.clear();
        // A terminal that has gone takes nothing any more, and that is no reason to end the work.
        let has_parts = !self.parts_shown().is_empty() && !self.parts.is_hidden();
        if !has_parts || self.parts.println(lines).is_err() {
            talk(format_args!("{lines}"));
        }
    }

    fn show(&self, phase: &'static str, next: ProgressBar) {
        if !self.shown {
            return;
        }
        let mut bar = self.bar();
        bar.finish_and_clear();
        *bar = next.with_message(phase);
        bar.enable_steady_tick(TICK);
    }

    fn bar(&self) -> MutexGuard<'_, ProgressBar> {
        self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn parts_shown(&self) -> MutexGuard<'_, Vec<(String, ProgressBar)>> {
        self.parts_shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Progress for Bars {
    fn begin(&self, phase: &'static str, total_bytes: u64) {
        self.show(
            phase,
            match total_bytes {
                0 => ProgressBar::new_spinner().with_style(style(UNKNOWN)),
                _ => ProgressBar::new(total_bytes).with_style(style(BYTES)),
            },
        );
    }

    fn begin_percent(&self, phase: &'static str) {
        self.show(phase, ProgressBar::new(100).with_style(style(PERCENT)));
    }

    fn advance(&self, bytes: u64) {
        if self.shown {
            self.bar().inc(bytes);
        }
    }

    fn part<'a>(&'a self, name: &str) -> Box<dyn Progress + 'a> {
        if !self.shown {
            return Box::new(NoProgress);
        }
        // That of what comes before is over.
        self.clear();
        let bar = ProgressBar::new_spinner().with_style(style(UNKNOWN));
        // By name, whichever began first; a number of more digits is larger.
        let mut shown = self.parts_shown();
        let index = shown.partition_point(|(other, _)| (other.len(), other.as_str()) <= (name.len(), name));
        let bar = match shown.get(index) {
            Some((_, next)) => self.parts.insert_before(next, bar),
            None => self.parts.add(bar),
        };
        shown.insert(index, (name.to_owned(), bar.clone()));
        drop(shown);
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(TICK);
        Box::new(Part { name: name.to_owned(), bar, bars: self })
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The bar of one of several works, which keeps its line from its first phase to its last.
struct Part<'a> {
    name: String,
    bar: ProgressBar,
    bars: &'a Bars,
}

impl Part<'_> {
    fn show(&self, phase: &str, length: Option<u64>, template: &str) {
        self.bar.reset();
        match length {
            Some(length) => self.bar.set_length(length),
            None => self.bar.unset_length(),
        }
        self.bar.set_style(style(template));
        self.bar.set_message(format!("{}: {phase}", self.name));
    }
}

impl Progress for Part<'_> {
    fn begin(&self, phase: &'static str, total_bytes: u64) {
        match total_bytes {
            0 => self.show(phase, None, UNKNOWN),
            _ => self.show(phase, Some(total_bytes), BYTES),
        }
    }

    fn begin_percent(&self, phase: &'static str) {
        self.show(phase, Some(100), PERCENT);
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        // Nobody may put a bar in front of one that has been removed.
        let mut shown = self.bars.parts_shown();
        shown.retain(|(name, _)| *name != self.name);
        self.bars.parts.remove(&self.bar);
    }
}

/// Of how much is not known.
const UNKNOWN: &str = "{spinner} {msg}  {binary_bytes}  {binary_bytes_per_sec}";
const BYTES: &str =
    "{msg} [{wide_bar}] {percent:>3}%  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
const PERCENT: &str = "{msg} [{wide_bar}] {percent:>3}%  {elapsed}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed").progress_chars("=> ")
}

//! Ctrl-C: the first asks the work to stop, which removes what it began; the second ends the program at once.

use super::exit::INTERRUPTED;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// The flag that the first Ctrl-C sets.
pub(crate) fn flag() -> &'static AtomicBool {
    &ASKED
}

/// Begins to listen.
pub(crate) fn listen() {
    // Without a handler the system's own serves: the program dies at once, and that is the second-best end.
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            #[allow(clippy::exit, reason = "the work did not react to the first request")]
            std::process::exit(INTERRUPTED.into());
        }
    });
}

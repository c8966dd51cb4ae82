//! Ctrl-C: the first asks the work to stop, which removes what it began; a later one ends the program at once.

use super::exit::INTERRUPTED;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static ASKED: AtomicBool = AtomicBool::new(false);
static FIRST: OnceLock<Instant> = OnceLock::new();

/// Programs such as `timeout` send a signal to the process and to its group: what comes right behind the first is no
/// second request.
const ECHO: Duration = Duration::from_secs(1);

/// The flag that the first Ctrl-C sets.
pub(crate) fn flag() -> &'static AtomicBool {
    &ASKED
}

/// Begins to listen.
pub(crate) fn listen() {
    // Without a handler the system's own serves: the program dies at once, and that is the second-best end.
    let _ = ctrlc::set_handler(|| {
        ASKED.store(true, Ordering::Relaxed);
        if FIRST.get_or_init(Instant::now).elapsed() > ECHO {
            #[allow(clippy::exit, reason = "the work did not react to the first request")]
            std::process::exit(INTERRUPTED.into());
        }
    });
}

//! Work of other crates that may panic on damaged input, where that is an answer and no fault.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Does something; `None` if it panics. What it was working on is not to be used then.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    result.ok()
}

/// Whether a panic of this thread is an answer, which a panic hook need not tell about.
pub fn is_guarded() -> bool {
    IS_GUARDED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        assert_eq!(guarded(is_guarded), Some(true));
        assert_eq!(
            guarded(|| guarded(|| panic!("as expected, and told by the test's hook")).is_none() && is_guarded()),
            Some(true)
        );
        assert!(!is_guarded());
    }
}

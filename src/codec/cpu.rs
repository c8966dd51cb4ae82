//! Which of the processor's optional instructions the kernels may use, asked once per process.
//!
//! Kernels are compiled for the target's baseline and again for these instructions; both variants do the same. With
//! `WIMKIT_CPU=portable` in the environment the baseline's run everywhere: so they can be tested, and measured, on a
//! processor that would never run them, and a result in doubt can be had from the simpler code.

use std::ffi::OsStr;
use std::sync::LazyLock;

/// Whether kernels compiled for `popcnt`, `bmi1` and `bmi2` may run: the processor has all three (one that has the last
/// has the others), and nobody forbade it.
pub(crate) fn bmi2() -> bool {
    static ALLOWED: LazyLock<bool> = LazyLock::new(|| has_bmi2() && may_be_used());
    *ALLOWED
}

/// Whether kernels compiled for `avx2`, `lzcnt` and what [`bmi2`] means may run.
pub(crate) fn avx2() -> bool {
    static ALLOWED: LazyLock<bool> = LazyLock::new(|| has_avx2() && may_be_used());
    *ALLOWED
}

fn has_bmi2() -> bool {
    is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2")
}

fn has_avx2() -> bool {
    has_bmi2() && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("lzcnt")
}

fn may_be_used() -> bool {
    !is_portable(std::env::var_os("WIMKIT_CPU").as_deref())
}

fn is_portable(setting: Option<&OsStr>) -> bool {
    setting.is_some_and(|setting| setting == "portable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_forbids_and_never_permits() {
        assert!(is_portable(Some(OsStr::new("portable"))));
        assert!(!is_portable(Some(OsStr::new("bmi2"))) && !is_portable(None));
        assert_eq!((bmi2(), avx2()), (has_bmi2() && may_be_used(), has_avx2() && may_be_used()));
    }
}

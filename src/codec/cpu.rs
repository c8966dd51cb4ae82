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
    static ALLOWED: LazyLock<bool> = LazyLock::new(|| {
        let detected =
            is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
        detected && !is_portable(std::env::var_os("WIMKIT_CPU").as_deref())
    });
    *ALLOWED
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
        let detected = is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1");
        let detected = detected && is_x86_feature_detected!("bmi2");
        assert_eq!(bmi2(), detected && std::env::var_os("WIMKIT_CPU").is_none_or(|setting| setting != "portable"));
    }
}

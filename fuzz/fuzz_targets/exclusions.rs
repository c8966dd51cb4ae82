//! Seeks panics and endless work in configuration files that say what a capture leaves out, and in fitting paths to them.
//!
//! Input: a path, a NUL, the file.
//!
//!     cargo +nightly fuzz run exclusions
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::wim::capture::Exclusions;

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (path, file) = (String::from_utf8_lossy(&data[..at]), data.get(at + 1..).unwrap_or_default());
    let names: Vec<&str> = path.split('/').collect();
    let Ok(lists) = Exclusions::parse(file) else { return };
    let is_excluded = lists.excludes(&names);
    // More patterns leave out no less, and letter case does not count.
    let mut more = lists.clone();
    more.exclude(&path);
    assert!(more.excludes(&names) || !is_excluded);
    if path.is_ascii() {
        let upper = path.to_ascii_uppercase();
        assert_eq!(lists.excludes(&upper.split('/').collect::<Vec<_>>()), is_excluded);
    }
});

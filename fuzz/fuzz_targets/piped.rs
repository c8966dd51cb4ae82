//! Seeks panics, endless work, runaway memory and files outside the target in applying a WIM that comes through a pipe.
//!
//!     cargo +nightly fuzz run piped
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::fs;
use wimkit::util::progress::Control;
use wimkit::wim::ImageIndex;
use wimkit::wim::extract::Options;
use wimkit::wim::piped::PipedWim;

/// Decoded data that may be in memory at once.
const MEMORY: u64 = 16 << 20;

fuzz_target!(|data: &[u8]| {
    let Ok(wim) = PipedWim::open(data, "input", MEMORY) else { return };
    let parent = std::env::temp_dir().join(format!("wimkit-fuzz-piped-{}", std::process::id()));
    let options = Options { memory: MEMORY, ..Options::default() };
    let _ = wim.apply(ImageIndex::FIRST, &parent.join("target"), &options, Control::silent());
    if let Ok(names) = fs::read_dir(&parent) {
        assert!(names.flatten().all(|entry| entry.file_name() == "target"));
        fs::remove_dir_all(&parent).unwrap();
    }
});

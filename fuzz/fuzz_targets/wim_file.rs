//! Seeks panics, endless work and runaway memory in everything that opens, lists and verifies a file.
//!
//!     cargo +nightly fuzz run wim_file
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use wimkit::util::progress::Control;
use wimkit::wim::metadata::DentryId;
use wimkit::wim::{Wim, verify};

/// Decoded data that may be in memory at once: far below libFuzzer's limit.
const MEMORY: u64 = 64 << 20;

fuzz_target!(|data: &[u8]| {
    let Ok(wim) = Wim::from_source(Box::new(Cursor::new(data.to_vec())), "input") else { return };
    for image in wim.images() {
        let Ok(tree) = wim.metadata(image) else { continue };
        let Ok(()) = tree.walk(DentryId::ROOT, |_, entry| {
            let _ = entry.streams().count();
            Ok::<_, std::convert::Infallible>(())
        });
    }
    let options = verify::Options { memory: MEMORY, ..verify::Options::default() };
    if let Ok(outcome) = verify::verify(&wim, &options, Control::silent()) {
        assert!(outcome.images <= wim.image_count());
    }
});

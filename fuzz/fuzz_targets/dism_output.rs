//! Seeks panics in the parsers of DISM's output, and percentages that are none.
//!
//!     cargo +nightly fuzz run dism_output
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::servicing::mounted::List;
use wimkit::servicing::output::Output;

fuzz_target!(|data: &[u8]| {
    let (mut output, mut list) = (Output::default(), List::default());
    for line in String::from_utf8_lossy(data).split(['\r', '\n']) {
        output.line(line);
        list.line(line);
    }
    assert!(output.percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)));
    let _ = output.code(1);
});

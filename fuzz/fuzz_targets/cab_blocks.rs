//! Seeks panics, over-reads and endless work in the decoders of cabinets' folders, and output that depends on anything but
//! the input.
//!
//!     cargo +nightly fuzz run cab_blocks
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wimkit_fuzz::cab_blocks(data));

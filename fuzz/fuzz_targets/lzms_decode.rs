//! Seeks panics, reads and writes out of bounds, endless loops and state left over between chunks in the LZMS decoder.
//!
//!     cargo +nightly fuzz run lzms_decode
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wimkit_fuzz::decode(wimkit::codec::Format::Lzms, data));

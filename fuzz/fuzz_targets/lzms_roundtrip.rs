//! Seeks contents that the LZMS encoder, at any level and chunk size, turns into something that does not decode to them.
//!
//!     cargo +nightly fuzz run lzms_roundtrip
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wimkit_fuzz::roundtrip(wimkit::codec::Format::Lzms, data));

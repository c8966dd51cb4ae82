//! Seeks panics, endless work and runaway memory in the decoder of PA30 deltas, and targets larger than allowed.
//!
//!     cargo +nightly fuzz run pa30
//!
//! Input: 2 bytes (little endian) for the source's length, then the source, which may be an executable, then the delta.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::codec::delta::pa30::{self, Header};

const LIMIT: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (source, delta) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    // Exact allocations, so that the sanitizer sees an access one byte beside them.
    let (source, delta): (Box<[u8]>, Box<[u8]>) = (source.into(), delta.into());
    let header = Header::read(&delta);
    if let Ok(target) = pa30::apply(&source, &delta, LIMIT) {
        assert_eq!(header.map(|header| header.target_size), Ok(target.len() as u64));
        assert!(target.len() as u64 <= LIMIT);
    }
});

//! Seeks panics, endless work and runaway memory in the decoders of compressed manifests.
//!
//!     cargo +nightly fuzz run dcm
//!
//! Input: 1 byte for the base manifest's length, then that, then the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::codec::delta::dcm;

const LIMIT: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first() else { return };
    let (base, file) = rest.split_at(usize::from(*length).min(rest.len()));
    let (base, file): (Box<[u8]>, Box<[u8]>) = (base.into(), file.into());
    for base in [None, Some(&*base)] {
        if let Ok(made) = dcm::decode(&file, base, LIMIT) {
            assert!(dcm::Kind::of(&file).is_some() && made.len() as u64 <= LIMIT);
        }
    }
});

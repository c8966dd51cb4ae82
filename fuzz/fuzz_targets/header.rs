//! Seeks panics in the header's parser, and headers that writing changes.
//!
//!     cargo +nightly fuzz run header
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::wim::header::{HEADER_SIZE, Header};

fuzz_target!(|data: &[u8]| {
    let Some((bytes, rest)) = data.split_first_chunk::<HEADER_SIZE>() else { return };
    let Ok(header) = Header::decode(bytes) else { return };
    assert_eq!(Header::decode(&header.encode()).as_ref(), Ok(&header), "writing changed the header");
    let file_size = HEADER_SIZE as u64 + rest.len() as u64;
    if header.check_ranges(file_size).is_ok() {
        for resource in [header.blob_table, header.xml] {
            assert!(
                resource.end_in_wim().is_some_and(|end| end <= file_size),
                "{resource:?} passed as inside the file"
            );
        }
    }
});

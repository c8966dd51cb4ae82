//! Seeks panics, endless work and runaway memory in everything that opens a cabinet and reads its folders.
//!
//!     cargo +nightly fuzz run cabinet
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::path::Path;
use wimkit::cab::{Cabinet, OpenOptions};

fuzz_target!(|data: &[u8]| {
    for salvage in [false, true] {
        let options = OpenOptions { salvage, ..OpenOptions::default() };
        let source = Box::new(Cursor::new(data.to_vec()));
        let Ok(cabinet) = Cabinet::from_source(source, Path::new("nowhere/input"), &options) else { continue };
        for folder in 0..cabinet.folder_count() {
            let mut end = 0;
            let _ = cabinet.read_folder(folder, |position, data| {
                assert_eq!(position, end);
                end += data.len() as u64;
                Ok::<_, std::convert::Infallible>(())
            });
        }
    }
});

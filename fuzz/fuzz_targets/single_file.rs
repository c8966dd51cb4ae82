//! Seeks panics, endless work and runaway memory in files that were compressed by themselves (SZDD, KWAJ), and names that lead
//! elsewhere.
//!
//!     cargo +nightly fuzz run single_file
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::path::Path;
use wimkit::cab::single_file::SingleFile;

const MEMORY: u64 = 3 << 20;

fuzz_target!(|data: &[u8]| {
    let source = Cursor::new(data);
    if let Ok(file) = SingleFile::read(&source, Path::new("SETUP.EX_"), MEMORY) {
        assert!(SingleFile::is_one(&source));
        assert!(file.content.len() as u64 <= MEMORY / 3);
        assert!(wimkit::cab::target_path(&file.name).is_ok());
    }
});

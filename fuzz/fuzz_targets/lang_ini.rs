//! Seeks panics in the parser of `lang.ini`, and defaults that are not among the languages.
//!
//!     cargo +nightly fuzz run lang_ini
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::refresh::media::lang_ini::LangIni;

fuzz_target!(|data: &[u8]| {
    let Ok(parsed) = LangIni::parse(data) else { return };
    let threes = parsed.languages.iter().filter(|(_, number)| *number == 3).count();
    assert_eq!(threes, usize::from(parsed.default_language().is_some()));
});

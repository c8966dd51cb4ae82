//! Seeks panics in the parser of `lang.ini`, defaults that are not among the languages, and files that are written otherwise than
//! they are read.
//!
//!     cargo +nightly fuzz run lang_ini
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::refresh::media::lang_ini::{LangIni, Languages};

fuzz_target!(|data: &[u8]| {
    let Ok(parsed) = LangIni::parse(data) else { return };
    let threes = parsed.languages.iter().filter(|(_, number)| *number == 3).count();
    assert_eq!(threes, usize::from(parsed.default_language().is_some()));
    // Half of the languages are in an image, and packs of all lie on the media.
    let tags: Vec<String> = parsed.languages.iter().map(|(tag, _)| tag.clone()).collect();
    let images = vec![tags[..tags.len() / 2].to_vec()];
    let found = Languages { images, packs: tags, default: None, fallbacks: parsed.fallbacks.clone() };
    let renewed = parsed.renewed(&found);
    if !renewed.languages.is_empty() {
        assert_eq!(LangIni::parse(&renewed.to_bytes(data)).as_ref(), Ok(&renewed));
        assert_eq!(renewed.renewed(&found), renewed);
    }
});

//! Seeks panics in the parser of the XML document, and documents that writing changes.
//!
//!     cargo +nightly fuzz run xml
//!
//! Input: 1 byte for the number of images, then the document as text, which the target turns into UTF-16LE; with an odd
//! first byte the bytes are taken as they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::wim::xml::WimXml;

fuzz_target!(|data: &[u8]| {
    let Some((choices, document)) = data.split_first() else { return };
    let image_count = u32::from(choices >> 1);
    let bytes: Vec<u8> = match choices & 1 {
        0 => String::from_utf8_lossy(document).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => document.to_vec(),
    };
    let Ok(xml) = WimXml::parse(&bytes, image_count) else { return };
    assert_eq!(xml.image_count(), image_count);
    for image in xml.images() {
        let _ = (image.name(), image.statistics(), image.windows(), image.creation_time(), image.modification_time());
    }
    let Ok(written) = xml.encode() else { return };
    let again = WimXml::parse(&written, image_count).expect("what was written can be read");
    assert_eq!(again, xml, "writing changed the document");
});

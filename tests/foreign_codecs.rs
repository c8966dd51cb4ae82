//! Chunks that Microsoft's own encoders made.

mod support;

use support::foreign;
use wimkit::codec::Format;

fn decode(format: Format, chunk_size: u32, src: &[u8], size: usize) -> Vec<u8> {
    let mut dst = vec![0; size];
    format.decompressor(chunk_size).unwrap().decompress(src, &mut dst).unwrap();
    dst
}

#[test]
fn buffers_of_the_windows_compression_api_decode() {
    for name in ["english", "pattern"] {
        let Some(packed) = foreign(&format!("wim/lzms-compressapi/{name}.lzms")) else { return };
        let Some(expected) = foreign(&format!("wim/lzms-compressapi/{name}.raw")) else { return };
        let (packed, expected) = (std::fs::read(packed).unwrap(), std::fs::read(expected).unwrap());
        // A header of 24 bytes, then the stored size of the only block.
        assert!(decode(Format::Lzms, 1 << 26, &packed[28..], expected.len()) == expected, "{name}");
    }
}

#[test]
fn a_solid_resource_of_dism_decodes() {
    let Some(path) = foreign("wim/ms-dism-solid-lzms.resource") else { return };
    let resource = std::fs::read(path).unwrap();
    // Uncompressed size, chunk size, compression type, one chunk's stored size.
    let expected = b"The quick brown fox jumps over the lazy dog. ".repeat(4000);
    assert_eq!(resource[..8], (expected.len() as u64).to_le_bytes());
    assert!(decode(Format::Lzms, 1 << 26, &resource[20..], expected.len()) == expected);
}

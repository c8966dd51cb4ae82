//! Seeks panics in the blob table's parser, and blobs that it places outside of their solid resource.
//!
//!     cargo +nightly fuzz run blob_table
//!
//! Input: 1 byte of choices, 8 bytes that all solid resources have for a size, then the table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wimkit::wim::blob_table::{BlobTable, Location};
use wimkit::wim::header::Version;

fuzz_target!(|data: &[u8]| {
    let Some((&[choices, ref size @ ..], table)) = data.split_first_chunk::<9>() else { return };
    let solid_size = u64::from_le_bytes(*size);
    let version = if choices & 1 == 0 { Version::Ordinary } else { Version::Solid };
    let part_number = u16::from(choices >> 1 & 1) + 1;
    let image_count = u32::from(choices >> 2);
    let (table, _) = BlobTable::parse(table, version, part_number, image_count, |_| solid_size);
    assert!(table.metadata.len() <= image_count as usize, "more metadata than images");
    let mut spans = Vec::new();
    for blob in &table.blobs {
        assert!(!blob.sha1.is_zero() && blob.size > 0, "{blob:?} is no blob");
        if let Location::Solid { resource, offset_in_resource } = blob.location {
            assert!(resource < table.solid_resources.len(), "{blob:?} lies in no resource");
            let end = offset_in_resource.checked_add(blob.size);
            assert!(end.is_some_and(|end| end <= solid_size), "{blob:?} lies outside {solid_size} bytes");
            spans.push((resource, offset_in_resource, blob.size));
        }
    }
    spans.sort_unstable();
    for pair in spans.windows(2) {
        let ((resource, offset, size), (other, next, _)) = (pair[0], pair[1]);
        assert!(resource != other || offset + size <= next, "blobs overlap at {next} of {resource}");
    }
});

//! Seeks panics, endless work and runaway memory in everything that opens an ISO image and reads its files.
//!
//!     cargo +nightly fuzz run iso
//!
//! Tags are made good first, or hardly anything would get past them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::path::Path;
use wimkit::iso::read::IsoImage;
use wimkit::util::read_at::bytes_at;

/// What is read of each file.
const MAX_READ: u64 = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let Ok(image) = IsoImage::open(Box::new(Cursor::new(expanded(data))), Path::new("input.iso")) else { return };
    for file in image.files() {
        let contents = image.contents(file);
        let size = contents.size().min(MAX_READ);
        bytes_at(&*contents, contents.size() - size, size as usize).expect("its extents were checked");
        assert!(image.find(&file.path).is_some());
    }
});

/// An image out of a short input: sectors of 512 given bytes, each at the place that two bytes before it tell.
fn expanded(data: &[u8]) -> Vec<u8> {
    const SECTOR: usize = 2048;
    if data.len() > 1 << 16 {
        return data.to_vec();
    }
    let mut image = vec![0; 600 * SECTOR];
    for piece in data.chunks_exact(514) {
        let sector = usize::from(u16::from_le_bytes([piece[0], piece[1]])) % 600;
        let place = &mut image[sector * SECTOR..][..512];
        place.copy_from_slice(&piece[2..]);
        wimkit::iso::make_tag_good(place);
    }
    image
}

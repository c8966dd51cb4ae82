//! Finding a cabinet inside another file: an installer, or a cabinet behind other data.

use std::io;

use super::header::{HEADER_SIZE, SIGNATURE};
use crate::util::read_at::{ReadAt, bytes_at};

/// Bytes that are searched at a time.
const WINDOW: usize = 1 << 20;

/// Where the first cabinet begins whose header is sound; `None` if there is none.
pub(super) fn find_cabinet(source: &dyn ReadAt, from: u64) -> io::Result<Option<u64>> {
    let size = source.size();
    let mut start = from;
    while start + (HEADER_SIZE as u64) <= size {
        // Windows overlap, so that none cuts a header.
        let length = (size - start).min((WINDOW + HEADER_SIZE) as u64) as usize;
        let bytes = bytes_at(source, start, length)?;
        let places = bytes.windows(HEADER_SIZE).enumerate();
        if let Some((at, _)) = places.filter(|(_, bytes)| bytes.starts_with(SIGNATURE)).find(|(at, bytes)| {
            let left = size - start - *at as u64;
            looks_sound(bytes, left)
        }) {
            return Ok(Some(start + at as u64));
        }
        start += (length - HEADER_SIZE + 1) as u64;
    }
    Ok(None)
}

/// Whether a header can be one: its version, and sizes that go together and with the `left` bytes of the file.
fn looks_sound(header: &[u8], left: u64) -> bool {
    let long = |at: usize| u64::from(u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
    let (size, files) = (long(8), long(16));
    let version = (header[25], header[24]);
    version == (1, 3) && size > HEADER_SIZE as u64 && files >= HEADER_SIZE as u64 && files < size && files < left
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn header() -> [u8; HEADER_SIZE] {
        let mut header = [0; HEADER_SIZE];
        header[..4].copy_from_slice(SIGNATURE);
        (header[8], header[16], header[24], header[25]) = (100, 44, 3, 1);
        header
    }

    #[test]
    fn sound_headers_are_found_wherever_they_are() {
        for place in [0, 1, 1000, WINDOW - 10, WINDOW, WINDOW + 1, 3 * WINDOW - 5] {
            let mut file = vec![b'M'; place];
            file.extend(header());
            file.extend([0; 64]);
            assert_eq!(find_cabinet(&Cursor::new(&file), 0).unwrap(), Some(place as u64), "{place}");
            assert_eq!(find_cabinet(&Cursor::new(&file), place as u64 + 1).unwrap(), None);
        }
    }

    #[test]
    fn what_only_begins_like_one_is_passed_over() {
        let mut other = header();
        other[25] = 7;
        let file = [other, header()].concat();
        assert_eq!(find_cabinet(&Cursor::new([file, vec![0; 64]].concat()), 0).unwrap(), Some(36));
        assert_eq!(find_cabinet(&Cursor::new(b"MSCF"), 0).unwrap(), None);
        assert_eq!(find_cabinet(&Cursor::new(b""), 0).unwrap(), None);
    }
}

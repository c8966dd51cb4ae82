//! LZSS as COMPRESS.EXE wrote it: SZDD files, and one method of KWAJ files.
//!
//! A byte of flags, the lowest bit first, announces eight items. A one is a literal. A zero is a match of two bytes: a place in a
//! ring of 4096 bytes, of which the second byte's high half has the high bits, and in its low half the length less 3. The
//! ring is filled with blanks at first, and matches may reach them.

use super::{DecodeError, DecodeErrorKind};

const RING_SIZE: usize = 4096;
const MIN_MATCH: usize = 3;
/// So many bytes at most come of each one that is read: eighteen of the two of a match.
pub const MAX_RATIO: usize = 9;

/// Decodes `src` to its end, or to `size` bytes. `start` is where in the ring output begins.
///
/// [`MAX_RATIO`] bytes at most come of each one that is read.
///
/// # Errors
/// The data ends in the middle of a match, or before there are `size` bytes.
pub fn decompress(src: &[u8], start: usize, size: Option<usize>) -> Result<Vec<u8>, DecodeError> {
    let mut ring = [b' '; RING_SIZE];
    let mut place = start % RING_SIZE;
    let mut output = Vec::new();
    let limit = size.unwrap_or(usize::MAX);
    let mut at = 0;
    let ends = |at, output: &Vec<u8>| DecodeError {
        kind: DecodeErrorKind::Truncated,
        src_offset: at,
        dst_offset: output.len(),
    };
    while let Some(flags) = src.get(at) {
        at += 1;
        for item in 0..8 {
            if output.len() >= limit || at == src.len() {
                break;
            }
            let (from, length) = if flags >> item & 1 == 1 {
                ring[place] = src[at];
                at += 1;
                (place, 1)
            } else {
                let Some(high) = src.get(at + 1) else { return Err(ends(at, &output)) };
                let from = usize::from(src[at]) | usize::from(high & 0xF0) << 4;
                at += 2;
                (from, usize::from(high & 0xF) + MIN_MATCH)
            };
            for step in 0..length.min(limit - output.len()) {
                let byte = ring[(from + step) % RING_SIZE];
                ring[place] = byte;
                place = (place + 1) % RING_SIZE;
                output.push(byte);
            }
        }
        if output.len() >= limit {
            break;
        }
    }
    match size {
        Some(size) if output.len() < size => Err(ends(at, &output)),
        _ => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::test_data::damaged;

    /// "aaaaaaaa" behind blanks of the ring, then a literal: 0b0000_1011 is literal, literal, match, literal.
    const STREAM: [u8; 6] = [0b1011, b'x', b'a', 0xF1, 0xF3, b'!'];

    #[test]
    fn literals_and_overlapping_matches() {
        assert_eq!(decompress(&STREAM, 0xFF0, None).unwrap(), b"xaaaaaaa!");
        assert_eq!(decompress(&STREAM, 0xFF0, Some(4)).unwrap(), b"xaaa");
        // A match into what nothing was written to.
        assert_eq!(decompress(&[0, 0, 0x0F], 0xFF0, None).unwrap(), [b' '; 18]);
    }

    #[test]
    fn ends() {
        for (size, src) in [(None, &STREAM[..4]), (Some(10), &STREAM[..]), (Some(1), &[])] {
            assert_eq!(decompress(src, 0xFF0, size).unwrap_err().kind, DecodeErrorKind::Truncated);
        }
        assert_eq!(decompress(&[], 0, None).unwrap(), b"");
        for src in damaged(&STREAM) {
            if let Ok(output) = decompress(&src, 0xFEE, None) {
                assert!(output.len() <= MAX_RATIO * src.len());
            }
        }
    }
}

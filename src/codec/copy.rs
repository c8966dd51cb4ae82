//! Copying matches.

/// How much room behind a match allows it to be copied in whole words.
const SLACK: usize = 16;

/// Copies `length` bytes from `offset` bytes back to `pos`, byte after byte: where they overlap, the bytes repeat.
///
/// `dst[pos + length..]`, which the decoder has yet to fill, may be overwritten.
///
/// # Panics
/// If `offset` is 0 or exceeds `pos`, or if `dst` ends before the match.
#[inline(always)]
pub(crate) fn copy_match(dst: &mut [u8], pos: usize, offset: usize, length: usize) {
    let start = pos - offset;
    let end = pos + length;
    if end + SLACK > dst.len() || offset < 8 {
        return copy_bytes(dst, pos, offset, length);
    }
    if offset >= 16 {
        dst.copy_within(start..start + 16, pos);
        let mut done = 16;
        while done < length {
            dst.copy_within(start + done..start + done + 16, pos + done);
            done += 16;
        }
    } else {
        let mut done = 0;
        while done < length {
            dst.copy_within(start + done..start + done + 8, pos + done);
            done += 8;
        }
    }
}

#[inline(never)]
fn copy_bytes(dst: &mut [u8], pos: usize, offset: usize, length: usize) {
    if offset == 1 {
        let byte = dst[pos - 1];
        dst[pos..pos + length].fill(byte);
        return;
    }
    for i in pos..pos + length {
        dst[i] = dst[i - offset];
    }
}

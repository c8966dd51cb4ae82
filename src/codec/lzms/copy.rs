//! Copies of literals and matches that write a little more than asked where there is room for it.
#![allow(unsafe_code)]

/// Bytes copied at once. There must be as many behind the end of a copy, or it goes byte by byte.
pub(super) const WIDE: usize = 32;
/// The same for matches of smaller offsets.
const NARROW: usize = 16;

/// Copies `length` bytes of `src` from `from` on to `dst` at `pos`. The bytes behind them become unspecified.
///
/// # Panics
/// If a range is outside its slice.
#[inline(always)]
pub(super) fn copy_literals(src: &[u8], from: usize, dst: &mut [u8], pos: usize, length: usize) {
    if length <= WIDE && fits(src.len(), from, WIDE) && fits(dst.len(), pos, WIDE) {
        // SAFETY: both slices have `WIDE` bytes from the given positions on, and a shared and a unique slice are apart.
        unsafe { std::ptr::copy_nonoverlapping(src.as_ptr().add(from), dst.as_mut_ptr().add(pos), WIDE) }
    } else {
        dst[pos..pos + length].copy_from_slice(&src[from..from + length]);
    }
}

/// Copies `length` bytes from `offset` bytes back to `dst` at `pos`, as if byte by byte. The bytes behind them become
/// unspecified.
///
/// # Panics
/// If `offset` is 0 or reaches back too far, or the range is outside the slice.
#[inline(always)]
pub(super) fn copy_match(dst: &mut [u8], pos: usize, offset: usize, length: usize) {
    assert!(offset >= 1 && offset <= pos, "the offset was checked when the match was read");
    if !fits(dst.len(), pos, length + WIDE) {
        copy_match_exactly(dst, pos, offset, length);
    } else if offset >= NARROW {
        // SAFETY: there are `length + WIDE` bytes from `pos` on, `offset` is at most `pos` and at least `NARROW`.
        unsafe { copy_in_steps(dst.as_mut_ptr().add(pos), offset, length) }
    } else {
        copy_pattern(dst, pos, offset, length);
    }
}

/// [`copy_match`] for an `offset` below [`NARROW`], where there is room.
#[inline(always)]
fn copy_pattern(dst: &mut [u8], pos: usize, offset: usize, length: usize) {
    // The bytes to repeat, in all of 16 bytes.
    let mut pattern = 0;
    let (start, end) = (&dst[pos - offset..], &mut [0; NARROW]);
    end.copy_from_slice(&start[..NARROW]);
    pattern |= u128::from_le_bytes(*end) & (u128::MAX >> (8 * (NARROW - offset)));
    let mut bits = 8 * offset as u32;
    while bits < u128::BITS {
        pattern |= pattern << bits;
        bits *= 2;
    }
    dst[pos..pos + NARROW].copy_from_slice(&pattern.to_le_bytes());
    if length > NARROW {
        // Behind those the pattern also repeats at a distance of several offsets.
        let distance = NARROW.next_multiple_of(offset);
        // SAFETY: `copy_match` has seen to `length + WIDE` bytes from `pos` on; this begins `NARROW` bytes further on. The
        // distance is at least `NARROW`, and since it is less than `NARROW + offset` it reaches back no further than
        // `offset` from `pos`, where the caller's offset may reach.
        unsafe { copy_in_steps(dst.as_mut_ptr().add(pos + NARROW), distance, length - NARROW) }
    }
}

/// Whether `count` bytes from `from` on are inside a slice of `len` bytes.
#[inline(always)]
fn fits(len: usize, from: usize, count: usize) -> bool {
    len.checked_sub(from).is_some_and(|rest| rest >= count)
}

/// Copies `length` bytes, and up to `WIDE` more, from `distance` bytes before `to` to `to`.
///
/// Two narrow steps at once serve most matches, whatever their length and offset, without a branch to mispredict.
///
/// # Safety
/// The `distance` bytes before `to` and the `length + WIDE` bytes from it on belong to one slice that is borrowed
/// uniquely, and `distance` is at least `NARROW`.
#[inline(always)]
unsafe fn copy_in_steps(to: *mut u8, distance: usize, length: usize) {
    let mut done = 0;
    loop {
        // SAFETY: `done` is less than `length`, or 0: the steps end within `length + WIDE` bytes, and source and
        // destination of each are at least `NARROW` apart.
        unsafe {
            let to = to.add(done);
            std::ptr::copy_nonoverlapping(to.sub(distance), to, NARROW);
            let to = to.add(NARROW);
            std::ptr::copy_nonoverlapping(to.sub(distance), to, NARROW);
        }
        done += WIDE;
        if done >= length {
            break;
        }
    }
}

#[cold]
fn copy_match_exactly(dst: &mut [u8], pos: usize, offset: usize, length: usize) {
    for q in pos..pos + length {
        dst[q] = dst[q - offset];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_copied_as_byte_by_byte() {
        for offset in 1..70 {
            for length in 1..100 {
                for slack in [0, 1, WIDE - 1, WIDE, 100] {
                    let pos = 70;
                    let mut expected: Vec<u8> = (0..pos as u8).collect();
                    expected.resize(pos + length + slack, 0);
                    let mut dst = expected.clone();
                    copy_match_exactly(&mut expected, pos, offset, length);
                    copy_match(&mut dst, pos, offset, length);
                    assert_eq!(dst[..pos + length], expected[..pos + length], "{offset} {length} {slack}");
                }
            }
        }
    }

    #[test]
    fn literals_are_copied() {
        let src: Vec<u8> = (0..100).collect();
        for length in 0..50 {
            for (from, pos) in [(0, 0), (100 - length, 0), (7, 100 - length)] {
                let mut dst = vec![0; 100];
                copy_literals(&src, from, &mut dst, pos, length);
                assert_eq!(dst[pos..pos + length], src[from..from + length]);
            }
        }
    }
}

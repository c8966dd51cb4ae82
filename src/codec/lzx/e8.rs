//! The x86 CALL filter: makes the targets of `E8` instructions absolute before compression, relative again after it.
//!
//! Calls to one function from many places share their absolute target but not their relative one; the filter turns
//! them into repeated bytes. It is applied to every chunk, whatever it holds, with positions relative to the chunk
//! and the range that the cabinet variant stores in its header fixed at [`FILE_SIZE`]. Both directions scan alike:
//! the four operand bytes are never looked at for another `E8`, and for each position the operand mapping is a
//! bijection, hence they are exact inverses.
#![allow(unsafe_code)]

/// The range of translated targets; in WIMs the format's constant, in cabinets the usual value.
pub(super) const FILE_SIZE: i32 = 12_000_000;

/// Opcodes among so many last bytes of a chunk are left alone.
const TAIL: usize = 10;

/// Makes call targets absolute, as the encoder must do before it looks for matches.
pub(super) fn apply(chunk: &mut [u8]) {
    apply_at(0, FILE_SIZE, chunk);
}

/// The same for a frame of a cabinet's folder, which begins `start` bytes into the folder.
///
/// # Panics
/// If the frame does not end before 2^31.
pub(super) fn apply_at(start: i32, file_size: i32, frame: &mut [u8]) {
    for_each_call(frame, |opcode, target| {
        let position = start + opcode;
        if target < -position || target >= file_size {
            target
        } else if target < file_size - position {
            target + position
        } else {
            target - file_size
        }
    });
}

/// Makes call targets relative again: undoes [`apply`] on a decoded chunk.
pub(super) fn undo(chunk: &mut [u8]) {
    undo_at(0, FILE_SIZE, chunk, |_, _| ());
}

/// Makes call targets relative again in a frame of a cabinet's folder, which begins `start` bytes into the folder, for
/// targets in the range that the folder states. `replaced` is told where in the frame an operand is that has changed, and what
/// it was.
///
/// # Panics
/// If the frame does not end before 2^31.
pub(super) fn undo_at(start: i32, file_size: i32, frame: &mut [u8], mut replaced: impl FnMut(usize, i32)) {
    for_each_call(frame, |opcode, target| {
        let position = start + opcode;
        let relative = if (0..file_size).contains(&target) {
            target - position
        } else if (-position..0).contains(&target) {
            // A range may be stated as negative, which is good for nothing, but must not overflow.
            target.wrapping_add(file_size)
        } else {
            return target;
        };
        replaced(opcode as usize + 1, target);
        relative
    });
}

/// Replaces the operand of each `E8` by `translate(position of the opcode, operand)`.
fn for_each_call(chunk: &mut [u8], mut translate: impl FnMut(i32, i32) -> i32) {
    let end = chunk.len().saturating_sub(TAIL);
    // Where the operand of the last call ends.
    let mut start = 0;
    let mut replace = |chunk: &mut [u8], opcode: usize| {
        if opcode >= start {
            let operand: &mut [u8; 4] = (&mut chunk[opcode + 1..opcode + 5]).try_into().expect("four bytes");
            *operand = translate(opcode as i32, i32::from_le_bytes(*operand)).to_le_bytes();
            start = opcode + 5;
        }
    };
    let blocks_end = end - end % BLOCK;
    for block_start in (0..blocks_end).step_by(BLOCK) {
        let block = chunk[block_start..].first_chunk().expect("a whole block");
        let mut opcodes = find_opcodes(block);
        while opcodes != 0 {
            replace(chunk, block_start + opcodes.trailing_zeros() as usize);
            opcodes &= opcodes - 1;
        }
    }
    for position in blocks_end..end {
        if chunk[position] == OPCODE {
            replace(chunk, position);
        }
    }
}

const OPCODE: u8 = 0xE8;

/// Most bytes are no opcode: they are passed over by the block.
const BLOCK: usize = 64;

/// A set bit for each `E8`, the lowest for the first byte.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn find_opcodes(block: &[u8; BLOCK]) -> u64 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};
    let (quarters, _) = block.as_chunks::<16>();
    // SAFETY: SSE2 is part of x86-64, and the loads are of sixteen bytes each.
    unsafe {
        let [a, b, c, d] = [0, 1, 2, 3].map(|quarter| {
            let bytes = _mm_loadu_si128(quarters[quarter].as_ptr().cast::<__m128i>());
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(OPCODE.cast_signed()))
        });
        if _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) == 0 {
            return 0;
        }
        [d, c, b, a].iter().fold(0, |mask, &found| mask << 16 | u64::from(_mm_movemask_epi8(found).cast_unsigned()))
    }
}

#[cfg(not(target_arch = "x86_64"))]
use find_opcodes_plainly as find_opcodes;

/// The same for any processor.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn find_opcodes_plainly(block: &[u8; BLOCK]) -> u64 {
    if !block.contains(&OPCODE) {
        return 0;
    }
    block.iter().rev().fold(0, |mask, &byte| mask << 1 | u64::from(byte == OPCODE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A chunk of `len` no-ops with a call at `position`.
    fn call_at(position: usize, operand: i32, len: usize) -> Vec<u8> {
        let mut chunk = vec![0x90; len];
        chunk[position] = 0xE8;
        chunk[position + 1..position + 5].copy_from_slice(&operand.to_le_bytes());
        chunk
    }

    #[test]
    fn operands_map_as_specified() {
        for (absolute, relative) in [
            (0, -20),
            (19, -1),
            (11_999_999, 11_999_979),
            (12_000_000, 12_000_000),
            (-1, 11_999_999),
            (-20, 11_999_980),
            (-21, -21),
        ] {
            let mut chunk = call_at(20, absolute, 64);
            undo(&mut chunk);
            assert_eq!(chunk, call_at(20, relative, 64));
            apply(&mut chunk);
            assert_eq!(chunk, call_at(20, absolute, 64));
        }
    }

    #[test]
    fn the_last_ten_bytes_hold_no_opcode() {
        for (position, touched) in [(53, true), (54, false), (59, false)] {
            let mut chunk = call_at(position, 1000, 64);
            undo(&mut chunk);
            assert_eq!(chunk != call_at(position, 1000, 64), touched, "opcode at {position}");
        }
        for len in 0..=TAIL {
            let mut chunk = vec![0xE8; len];
            undo(&mut chunk);
            assert_eq!(chunk, vec![0xE8; len]);
        }
    }

    #[test]
    fn operands_are_not_scanned() {
        let mut chunk = vec![0x90; 64];
        chunk[20..26].copy_from_slice(&[0xE8, 0xE8, 0, 0, 0, 0xE8]);
        chunk[26..30].copy_from_slice(&100_i32.to_le_bytes());
        undo(&mut chunk);
        assert_eq!(chunk[20..25], [0xE8, 0xE8 - 20, 0, 0, 0]);
        assert_eq!(chunk[25..30], [0xE8, 75, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn opcodes_are_found_as_plainly(choices in prop::collection::vec(0_u8..9, BLOCK)) {
            let block = std::array::from_fn(|at| [0xE8, 0xE9, 0x68, 0][usize::from(choices[at].min(3))]);
            prop_assert_eq!(find_opcodes(&block), find_opcodes_plainly(&block));
        }

        #[test]
        fn the_directions_are_inverses(
            chunk in prop::collection::vec(prop_oneof![Just(0xE8), Just(0), Just(0xFF), any::<u8>()], 0..400)
        ) {
            let mut there_and_back = chunk.clone();
            apply(&mut there_and_back);
            undo(&mut there_and_back);
            prop_assert_eq!(&there_and_back, &chunk);
            undo(&mut there_and_back);
            apply(&mut there_and_back);
            prop_assert_eq!(&there_and_back, &chunk);
            for start in [1 << 15, 11_993_088, 1 << 29] {
                apply_at(start, FILE_SIZE, &mut there_and_back);
                undo_at(start, FILE_SIZE, &mut there_and_back, |_, _| ());
                prop_assert_eq!(&there_and_back, &chunk);
            }
        }
    }
}

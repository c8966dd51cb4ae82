//! The x86 CALL filter: makes the targets of `E8` instructions absolute before compression, relative again after it.
//!
//! Calls to one function from many places share their absolute target but not their relative one; the filter turns
//! them into repeated bytes. It is applied to every chunk, whatever it holds, with positions relative to the chunk
//! and the range that the Cabinet variant stores in its header fixed at [`FILE_SIZE`]. Both directions scan alike:
//! the four operand bytes are never looked at for another `E8`, and for each position the operand mapping is a
//! bijection, hence they are exact inverses.

/// The range of translated targets; the format's constant.
const FILE_SIZE: i32 = 12_000_000;

/// Opcodes among so many last bytes of a chunk are left alone.
const TAIL: usize = 10;

/// Makes call targets absolute, as the encoder must do before it looks for matches.
pub(super) fn apply(chunk: &mut [u8]) {
    for_each_call(chunk, |position, target| {
        if target < -position || target >= FILE_SIZE {
            target
        } else if target < FILE_SIZE - position {
            target + position
        } else {
            target - FILE_SIZE
        }
    });
}

/// Makes call targets relative again: undoes [`apply`] on a decoded chunk.
pub(super) fn undo(chunk: &mut [u8]) {
    for_each_call(chunk, |position, target| {
        if (0..FILE_SIZE).contains(&target) {
            target - position
        } else if (-position..0).contains(&target) {
            target + FILE_SIZE
        } else {
            target
        }
    });
}

/// Replaces the operand of each `E8` by `translate(position of the opcode, operand)`.
fn for_each_call(chunk: &mut [u8], translate: impl Fn(i32, i32) -> i32) {
    let end = chunk.len().saturating_sub(TAIL);
    let mut start = 0;
    while let Some(distance) = chunk.get(start..end).and_then(find_opcode) {
        let opcode = start + distance;
        let operand: &mut [u8; 4] = (&mut chunk[opcode + 1..opcode + 5]).try_into().expect("four bytes");
        *operand = translate(opcode as i32, i32::from_le_bytes(*operand)).to_le_bytes();
        start = opcode + 5;
    }
}

/// The position of the first `E8`.
///
/// Most bytes are none: blocks without any are passed over by a vector comparison each (the compiler's), and only the
/// block with a hit is searched by words.
#[inline(always)]
fn find_opcode(bytes: &[u8]) -> Option<usize> {
    const OPCODE: u8 = 0xE8;
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (blocks, rest) = bytes.as_chunks::<32>();
    for (index, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |hit, &byte| hit | (byte == OPCODE)) {
            for (word_index, word) in block.as_chunks::<8>().0.iter().enumerate() {
                // The lowest byte with its top bit set is the first zero byte of the difference; those above it may
                // be mistaken for zeros by the borrow.
                let difference = u64::from_le_bytes(*word) ^ (ONES * OPCODE as u64);
                let zeros = difference.wrapping_sub(ONES) & !difference & (ONES << 7);
                if zeros != 0 {
                    return Some(index * 32 + word_index * 8 + zeros.trailing_zeros() as usize / 8);
                }
            }
        }
    }
    rest.iter().position(|&byte| byte == OPCODE).map(|position| blocks.len() * 32 + position)
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
        fn opcodes_are_found(
            bytes in prop::collection::vec(prop_oneof![1 => Just(0xE8), 20 => Just(0xE9), 20 => any::<u8>()], 0..200)
        ) {
            prop_assert_eq!(find_opcode(&bytes), bytes.iter().position(|&byte| byte == 0xE8));
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
        }
    }
}

//! The x86 filter: addresses relative to an instruction become absolute, so that calls of one function look alike.
//!
//! Only operands near the last instruction whose target had lately been seen before are translated; that keeps the
//! filter from spoiling data that is no code. Encoder and decoder follow the same traces, because both know the
//! absolute target of each candidate.

/// What is at least left behind an opcode that is looked at.
const TAIL: usize = 16;
/// The least recent use of a target that still counts.
const MAX_TARGET_AGE: u32 = 65535;
/// Bytes examined at once in search of an opcode.
const BLOCK: usize = 16;
/// Within this many bytes of the last recognised instruction most opcodes are translated.
const MAX_DISTANCE: i32 = 1023;
/// The same for a relative call (E8), which is but one byte and so turns up by accident.
const MAX_CALL_DISTANCE: i32 = 511;

/// The filter's working memory.
#[derive(Debug)]
pub(super) struct X86Filter {
    /// Where each target, modulo 2^16, was last used: `epoch` + position of the operand's last byte.
    last_use: Box<[u32; 65536]>,
    /// Added to positions, so that what earlier chunks left in `last_use` is too old to count.
    epoch: u32,
}

enum Direction {
    Forward,
    Undo,
}

impl X86Filter {
    /// How many bytes a filter occupies.
    pub(super) const MEMORY: u64 = 65536 * size_of::<u32>() as u64;

    pub(super) fn new() -> Self {
        let last_use = vec![0; 65536].into_boxed_slice().try_into().expect("65536 entries were made");
        Self { last_use, epoch: MAX_TARGET_AGE + 1 }
    }

    /// Filters a whole chunk before it is compressed.
    pub(super) fn forward(&mut self, data: &mut [u8]) {
        self.run(data, Direction::Forward);
    }

    /// Takes the filter off a whole chunk.
    pub(super) fn undo(&mut self, data: &mut [u8]) {
        self.run(data, Direction::Undo);
    }

    #[inline(always)]
    fn run(&mut self, data: &mut [u8], direction: Direction) {
        let Some(end) = data.len().checked_sub(TAIL).filter(|&end| end > 1) else { return };
        let age = data.len() as u32 + MAX_TARGET_AGE + 1;
        if self.epoch.checked_add(age).is_none() {
            self.last_use.fill(0);
            self.epoch = MAX_TARGET_AGE + 1;
        }
        let mut last_x86 = -1024i32;
        // Byte 0 is never taken for an opcode.
        let mut i = 1;
        while let Some(found) = find_candidate(&data[..end + 1], i) {
            i = found;
            let (opcode_len, max_distance) = match [data[i], data[i + 1], data[i + 2]] {
                [0xE8, ..] => (1, MAX_CALL_DISTANCE),
                [0xE9, ..] => {
                    i += 5;
                    continue;
                }
                [0xFF, 0x15, _] => (2, MAX_DISTANCE),
                [0xF0, 0x83, 0x05] => (3, MAX_DISTANCE),
                [0x48 | 0x4C, 0x8D, modrm] if modrm & 0x07 == 0x05 => (3, MAX_DISTANCE),
                [0x48, 0x8B, 0x05 | 0x0D] => (3, MAX_DISTANCE),
                _ => {
                    i += 1;
                    continue;
                }
            };
            let operand: &mut [u8; 4] =
                (&mut data[i + opcode_len..i + opcode_len + 4]).try_into().expect("the slice has 4 bytes");
            let value = u32::from_le_bytes(*operand);
            let translate = i as i32 - last_x86 <= max_distance;
            let target = match direction {
                Direction::Forward => {
                    if translate {
                        *operand = value.wrapping_add(i as u32).to_le_bytes();
                    }
                    value.wrapping_add(i as u32)
                }
                Direction::Undo if translate => {
                    *operand = value.wrapping_sub(i as u32).to_le_bytes();
                    value
                }
                Direction::Undo => value.wrapping_add(i as u32),
            };
            let last_byte = i + opcode_len + 3;
            let now = self.epoch + last_byte as u32;
            let last_use = &mut self.last_use[target as usize % 65536];
            if now - *last_use <= MAX_TARGET_AGE {
                last_x86 = last_byte as i32;
            }
            *last_use = now;
            i = last_byte + 1;
        }
        self.epoch += age;
    }
}

/// The first position from `from` that may hold an opcode. The last byte of `data` is only looked at as the second of
/// an opcode.
#[inline(always)]
fn find_candidate(data: &[u8], mut from: usize) -> Option<usize> {
    // Blocks of fixed size, without an early end, become vector instructions.
    while let Some(block) = data.get(from..).and_then(|rest| rest.first_chunk::<{ BLOCK + 1 }>()) {
        let mut found = [0; BLOCK];
        for (k, found) in found.iter_mut().enumerate() {
            *found = if may_be_opcode(block[k], block[k + 1]) { 0xFF } else { 0 };
        }
        let found = u128::from_le_bytes(found);
        if found != 0 {
            return Some(from + (found.trailing_zeros() / 8) as usize);
        }
        from += BLOCK;
    }
    let rest = data.get(from..)?;
    Some(from + rest.array_windows().position(|&[a, b]| may_be_opcode(a, b))?)
}

/// Whether an opcode may begin with these two bytes.
#[inline(always)]
fn may_be_opcode(a: u8, b: u8) -> bool {
    (a & 0xFE == 0xE8)
        | ((a & 0xFB == 0x48) & (b & 0xF9 == 0x89))
        | ((a == 0xFF) & (b == 0x15))
        | ((a == 0xF0) & (b == 0x83))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn undoing_gives_back_what_was(
            pieces in proptest::collection::vec((0..8usize, proptest::num::u32::ANY), 1..400),
            chunks in 1..4usize,
        ) {
            const OPCODES: [&[u8]; 8] = [
                b"\xE8", b"\xE9", b"\xFF\x15", b"\xF0\x83\x05", b"\x48\x8D\x05", b"\x4C\x8D\x35", b"\x48\x8B\x0D", b"\x90",
            ];
            let mut code = Vec::new();
            for (opcode, operand) in pieces {
                code.extend_from_slice(OPCODES[opcode]);
                // Few targets, so that they repeat.
                code.extend_from_slice(&(operand % 4 * 1000).wrapping_sub(code.len() as u32).to_le_bytes());
            }
            let (mut forward, mut undo) = (X86Filter::new(), X86Filter::new());
            // The second chunk comes when positions are about to overflow.
            for chunk in 0..chunks {
                let mut data = code.clone();
                forward.forward(&mut data);
                undo.undo(&mut data);
                proptest::prop_assert_eq!(&data, &code);
                if chunk == 0 {
                    undo.epoch = u32::MAX - 3000;
                }
            }
        }
    }

    #[test]
    fn a_repeated_target_is_translated() {
        let mut code = vec![0x90; 100];
        for at in [20, 40, 60] {
            code[at] = 0xE8;
            code[at + 1..at + 5].copy_from_slice(&(500 - at as u32).to_le_bytes());
        }
        X86Filter::new().forward(&mut code);
        // The first use of a target is not known, the second makes it known.
        assert_eq!(code[21..25], 480u32.to_le_bytes());
        assert_eq!(code[41..45], 460u32.to_le_bytes());
        assert_eq!(code[61..65], 500u32.to_le_bytes());
    }
}

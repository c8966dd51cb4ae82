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
pub(super) const BLOCK: usize = 32;
/// How far behind its first byte an opcode is recognised.
pub(super) const LOOKAHEAD: usize = 2;
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
        self.run(data, Direction::Forward, find_opcodes);
    }

    /// Takes the filter off a whole chunk.
    pub(super) fn undo(&mut self, data: &mut [u8]) {
        self.undo_with(data, find_opcodes);
    }

    /// The same with another way to find opcodes.
    #[inline(always)]
    pub(super) fn undo_with(&mut self, data: &mut [u8], find_opcodes: impl Fn(&[u8; BLOCK + LOOKAHEAD]) -> u32) {
        self.run(data, Direction::Undo, find_opcodes);
    }

    #[inline(always)]
    fn run(&mut self, data: &mut [u8], direction: Direction, find_opcodes: impl Fn(&[u8; BLOCK + LOOKAHEAD]) -> u32) {
        let Some(end) = data.len().checked_sub(TAIL).filter(|&end| end > 1) else { return };
        let age = data.len() as u32 + MAX_TARGET_AGE + 1;
        if self.epoch.checked_add(age).is_none() {
            self.last_use.fill(0);
            self.epoch = MAX_TARGET_AGE + 1;
        }
        let mut last_x86 = -1024i32;
        // Byte 0 is never taken for an opcode.
        let mut i = 1;
        let mut candidates = Candidates::new(i);
        while let Some(found) = candidates.next(data, i, end, &find_opcodes) {
            i = found;
            let opcode_len = usize::from(OPCODE_LENS[usize::from(data[i])]);
            if opcode_len == 0 {
                i += 5;
                continue;
            }
            let operand: &mut [u8; 4] =
                (&mut data[i + opcode_len..i + opcode_len + 4]).try_into().expect("the slice has 4 bytes");
            let value = u32::from_le_bytes(*operand);
            // Whether to translate is hard to foretell: no branch depends on it.
            let max_distance = if opcode_len == 1 { MAX_CALL_DISTANCE } else { MAX_DISTANCE };
            let here = if i as i32 - last_x86 <= max_distance { i as u32 } else { 0 };
            let target = match direction {
                Direction::Forward => {
                    *operand = value.wrapping_add(here).to_le_bytes();
                    value.wrapping_add(i as u32)
                }
                Direction::Undo => {
                    let value = value.wrapping_sub(here);
                    *operand = value.to_le_bytes();
                    value.wrapping_add(i as u32)
                }
            };
            let last_byte = i + opcode_len + 3;
            let now = self.epoch + last_byte as u32;
            let last_use = &mut self.last_use[target as usize % 65536];
            last_x86 = if now - *last_use <= MAX_TARGET_AGE { last_byte as i32 } else { last_x86 };
            *last_use = now;
            i = last_byte + 1;
        }
        self.epoch += age;
    }
}

/// The length of the opcode that begins with a byte; 0 for the one that is skipped with its operand.
static OPCODE_LENS: [u8; 256] = {
    let mut lens = [3; 256];
    lens[0xE8] = 1;
    lens[0xE9] = 0;
    lens[0xFF] = 2;
    lens
};

/// Finds opcodes a block at a time.
struct Candidates {
    /// Where the block begins that was examined last.
    block_start: usize,
    /// The bytes of it where an opcode begins, the first lowest.
    found: u32,
}

impl Candidates {
    /// Before the first block, which begins at `start`.
    fn new(start: usize) -> Self {
        Self { block_start: start.wrapping_sub(BLOCK), found: 0 }
    }

    /// The first opcode from `from` on and before `end`, behind which `data` has [`TAIL`] bytes. It must be behind what was
    /// found before; the data may have been changed up to `from`.
    #[inline(always)]
    fn next(
        &mut self,
        data: &[u8],
        from: usize,
        end: usize,
        find_opcodes: impl Fn(&[u8; BLOCK + LOOKAHEAD]) -> u32,
    ) -> Option<usize> {
        // What is inside the last instruction no longer counts.
        let passed = from.wrapping_sub(self.block_start);
        self.found &= if passed < BLOCK { u32::MAX << passed } else { 0 };
        while self.found == 0 {
            self.block_start = from.max(self.block_start.wrapping_add(BLOCK));
            if self.block_start >= end {
                return None;
            }
            let rest = &data[self.block_start..];
            self.found = match rest.first_chunk() {
                Some(block) => find_opcodes(block),
                None => find_opcodes(&padded(rest)),
            };
        }
        Some(self.block_start + self.found.trailing_zeros() as usize).filter(|&found| found < end)
    }
}

/// The end of the data, with zeros behind it.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK + LOOKAHEAD] {
    let mut block = [0; BLOCK + LOOKAHEAD];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// Where in a block an opcode begins: a bit for each byte, the first lowest.
#[inline(always)]
pub(super) fn find_opcodes(block: &[u8; BLOCK + LOOKAHEAD]) -> u32 {
    let mut found = [0; BLOCK];
    for (k, found) in found.iter_mut().enumerate() {
        *found = u8::from(is_opcode(block[k], block[k + 1], block[k + 2]));
    }
    // The product of a word has in its highest byte the lowest bit of each byte.
    let bits = |word: &[u8; 8]| (u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
    let (words, _) = found.as_chunks();
    words.iter().rev().fold(0, |all, word| all << 8 | bits(word))
}

/// Whether an opcode begins with these bytes.
#[inline(always)]
fn is_opcode(a: u8, b: u8, c: u8) -> bool {
    (a & 0xFE == 0xE8)
        | ((a & 0xFB == 0x48) & (b == 0x8D) & (c & 0x07 == 0x05))
        | ((a == 0x48) & (b == 0x8B) & (c & 0xF7 == 0x05))
        | ((a == 0xFF) & (b == 0x15))
        | ((a == 0xF0) & (b == 0x83) & (c == 0x05))
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

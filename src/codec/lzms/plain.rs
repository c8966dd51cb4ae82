//! A decoder written straight from the description of the format, one bit at a time: the strict decoder, and the
//! yardstick of the fast one.

use super::format::{
    LENGTH_SLOTS, LENGTH_SYMBOLS, LITERAL_SYMBOLS, LONG_REBUILD_INTERVAL, OFFSET_SLOTS, POWER_SYMBOLS, QUEUE_LEN,
    SHORT_REBUILD_INTERVAL, Slot, num_offset_symbols,
};
use crate::codec::huffman::plain::PlainCode;
use crate::codec::strict::Rules;
use crate::codec::{DecodeError, DecodeErrorKind, Oddity};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Decodes one chunk into `dst`, as [`LzmsDecompressor`](super::LzmsDecompressor) does.
///
/// # Errors
/// Malformed data.
#[cfg(test)]
pub(crate) fn decompress(src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
    decode(Rules::TOLERANT, src, dst)
}

/// Decodes one chunk into `dst`.
///
/// # Errors
/// What the rules refuse.
pub(crate) fn decode(rules: Rules, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
    if src.len() < 4 || !src.len().is_multiple_of(2) {
        return Err(DecodeError { kind: DecodeErrorKind::BadSize, src_offset: src.len(), dst_offset: 0 });
    }
    let mut decoder = Decoder::new(rules, src, dst);
    decoder.run().map_err(|kind| DecodeError {
        kind,
        src_offset: decoder.range.position.min(src.len()),
        dst_offset: decoder.pos,
    })?;
    undo_x86(dst);
    Ok(())
}

struct Decoder<'a> {
    rules: Rules,
    range: Range<'a>,
    bits: Bits<'a>,
    main: Class,
    match_kind: Class,
    lz: [Class; 3],
    delta: [Class; 3],
    literals: Code,
    lz_offsets: Code,
    lengths: Code,
    delta_offsets: Code,
    powers: Code,
    lz_queue: Queue,
    delta_queue: Queue,
    dst: &'a mut [u8],
    pos: usize,
}

impl<'a> Decoder<'a> {
    fn new(rules: Rules, src: &'a [u8], dst: &'a mut [u8]) -> Self {
        let mut range = Range { src, position: 0, range: u32::MAX, code: 0 };
        range.next_unit();
        range.next_unit();
        let offset_symbols = num_offset_symbols(dst.len());
        let repeats = || [Class::new(6), Class::new(6), Class::new(6)];
        Self {
            rules,
            range,
            bits: Bits { src, position: src.len(), unit: 0, left: 0 },
            main: Class::new(4),
            match_kind: Class::new(5),
            lz: repeats(),
            delta: repeats(),
            literals: Code::new(LITERAL_SYMBOLS, LONG_REBUILD_INTERVAL),
            lz_offsets: Code::new(offset_symbols, LONG_REBUILD_INTERVAL),
            lengths: Code::new(LENGTH_SYMBOLS, SHORT_REBUILD_INTERVAL),
            delta_offsets: Code::new(offset_symbols, LONG_REBUILD_INTERVAL),
            powers: Code::new(POWER_SYMBOLS, SHORT_REBUILD_INTERVAL),
            lz_queue: Queue::new(),
            delta_queue: Queue::new(),
            dst,
            pos: 0,
        }
    }

    fn run(&mut self) -> Result<(), DecodeErrorKind> {
        while self.pos < self.dst.len() {
            self.item()?;
            self.refuse_overlap()?;
        }
        self.range.normalise();
        self.refuse_overlap()?;
        self.rules.refuse(self.range.code != 0, Oddity::FinalCode(self.range.code))?;
        let padding = (0..self.bits.left).fold(0, |padding, _| padding | self.bits.bit());
        self.rules.refuse(padding != 0, Oddity::Padding)
    }

    /// Units beyond either end count as overlapping: to get there, a cursor has passed the other one.
    fn refuse_overlap(&self) -> Result<(), DecodeErrorKind> {
        self.rules.refuse(self.range.position > self.bits.position, Oddity::Overlap)
    }

    fn item(&mut self) -> Result<(), DecodeErrorKind> {
        let pos = self.pos;
        if !self.main.decode(&mut self.range) {
            self.dst[pos] = self.literals.decode(&mut self.bits) as u8;
            self.pos += 1;
            self.lz_queue.update();
            self.delta_queue.update();
            return Ok(());
        }
        let is_delta = self.match_kind.decode(&mut self.range);
        let (decisions, offsets, queue) = if is_delta {
            (&mut self.delta, &mut self.delta_offsets, &mut self.delta_queue)
        } else {
            (&mut self.lz, &mut self.lz_offsets, &mut self.lz_queue)
        };
        let (power, raw_offset) = if decisions[0].decode(&mut self.range) {
            let mut index = 0;
            while index < 2 && decisions[index + 1].decode(&mut self.range) {
                index += 1;
            }
            queue.entries.remove(index)
        } else {
            let power = if is_delta { self.powers.decode(&mut self.bits) as u32 } else { 0 };
            let slot = OFFSET_SLOTS[offsets.decode(&mut self.bits)];
            (power, self.bits.value(slot))
        };
        self.lz_queue.update();
        self.delta_queue.update();
        if is_delta { &mut self.delta_queue } else { &mut self.lz_queue }.pending = Some((power, raw_offset));

        let slot = LENGTH_SLOTS[self.lengths.decode(&mut self.bits)];
        let length = self.bits.value(slot) as usize;
        let span = 1u64 << power;
        let offset = u64::from(raw_offset) * span;
        let reach = if is_delta { offset + span } else { offset };
        if reach > pos as u64 {
            return Err(DecodeErrorKind::BadOffset { offset: reach });
        }
        if length > self.dst.len() - pos {
            return Err(DecodeErrorKind::BadLength { length: length as u64 });
        }
        let (dst, offset, span) = (&mut *self.dst, offset as usize, span as usize);
        for q in pos..pos + length {
            dst[q] = if is_delta {
                dst[q - offset].wrapping_add(dst[q - span]).wrapping_sub(dst[q - offset - span])
            } else {
                dst[q - offset]
            };
        }
        self.pos += length;
        Ok(())
    }
}

struct Range<'a> {
    src: &'a [u8],
    position: usize,
    range: u32,
    code: u32,
}

impl Range<'_> {
    fn next_unit(&mut self) {
        let byte = |at| u32::from(*self.src.get(at).unwrap_or(&0));
        self.code = self.code << 16 | byte(self.position + 1) << 8 | byte(self.position);
        self.position += 2;
    }

    fn normalise(&mut self) {
        if self.range <= 0xFFFF {
            self.range <<= 16;
            self.next_unit();
        }
    }
}

struct Class {
    entries: Vec<u64>,
    state: usize,
}

impl Class {
    fn new(bits: u32) -> Self {
        Self { entries: vec![0x5555_5555; 1 << bits], state: 0 }
    }

    fn decode(&mut self, range: &mut Range<'_>) -> bool {
        range.normalise();
        let history = &mut self.entries[self.state];
        let bound = (range.range >> 6) * history.count_zeros().clamp(1, 63);
        let bit = range.code >= bound;
        if bit {
            range.range -= bound;
            range.code -= bound;
        } else {
            range.range = bound;
        }
        *history = *history << 1 | u64::from(bit);
        self.state = (self.state << 1 | usize::from(bit)) % self.entries.len();
        bit
    }
}

struct Bits<'a> {
    src: &'a [u8],
    position: usize,
    unit: u16,
    left: u32,
}

impl Bits<'_> {
    fn bit(&mut self) -> u32 {
        if self.left == 0 {
            self.unit = 0;
            if self.position >= 2 {
                self.position -= 2;
                self.unit = u16::from_le_bytes([self.src[self.position], self.src[self.position + 1]]);
            }
            self.left = 16;
        }
        self.left -= 1;
        u32::from(self.unit >> self.left & 1)
    }

    fn value(&mut self, slot: Slot) -> u32 {
        slot.base + (0..slot.extra_bits).fold(0, |value, _| value << 1 | self.bit())
    }
}

struct Queue {
    entries: Vec<(u32, u32)>,
    pending: Option<(u32, u32)>,
}

impl Queue {
    fn new() -> Self {
        Self { entries: vec![(0, 1), (0, 2), (0, 3), (0, 4)], pending: None }
    }

    fn update(&mut self) {
        if let Some(entry) = self.pending.take() {
            self.entries.insert(0, entry);
            self.entries.truncate(QUEUE_LEN);
        }
    }
}

struct Code {
    frequencies: Vec<u32>,
    interval: u32,
    until_rebuild: u32,
    code: PlainCode,
}

impl Code {
    fn new(num_symbols: usize, interval: u32) -> Self {
        let frequencies = vec![1; num_symbols];
        let code = huffman_code(&frequencies);
        Self { frequencies, interval, until_rebuild: interval, code }
    }

    fn decode(&mut self, bits: &mut Bits<'_>) -> usize {
        let symbol = usize::from(self.code.decode(|| bits.bit()));
        self.frequencies[symbol] += 1;
        self.until_rebuild -= 1;
        if self.until_rebuild == 0 {
            self.code = huffman_code(&self.frequencies);
            for frequency in &mut self.frequencies {
                *frequency = *frequency / 2 + 1;
            }
            self.until_rebuild = self.interval;
        }
        symbol
    }
}

/// The code of these frequencies, of which there are at least two.
fn huffman_code(frequencies: &[u32]) -> PlainCode {
    // The order of the heap is that of the format: frequency, leaves first, then symbol or time of creation.
    let mut heap = BinaryHeap::new();
    for (symbol, &frequency) in frequencies.iter().enumerate() {
        heap.push(Reverse((frequency, 0, symbol, vec![symbol])));
    }
    let mut depths = vec![0; frequencies.len()];
    for created in 0..frequencies.len() - 1 {
        let Reverse((a, _, _, mut leaves)) = heap.pop().expect("two nodes are left");
        let Reverse((b, _, _, more)) = heap.pop().expect("two nodes are left");
        leaves.extend(more);
        for &leaf in &leaves {
            depths[leaf] += 1;
        }
        heap.push(Reverse((a + b, 1, created, leaves)));
    }
    // A codeword of 17 bits takes a sum of frequencies of at least 4181, the 19th Fibonacci number. A sum that is
    // halved every 1024 symbols, and then has 799 ones added, stays below 2 * (1024 + 799).
    PlainCode::new(&depths).expect("a Huffman code is complete, and no codeword is longer than 16 bits")
}

fn undo_x86(data: &mut [u8]) {
    let mut last_x86 = -1024i64;
    let mut last_use = vec![-65536i64; 65536];
    let mut i = 1;
    while i + 16 < data.len() {
        let (opcode_len, max_distance) = match data[i..] {
            [0xE8, ..] => (1, 511),
            [0xE9, ..] => {
                i += 5;
                continue;
            }
            [0xFF, 0x15, ..] => (2, 1023),
            [0xF0, 0x83, 0x05, ..] => (3, 1023),
            [0x48 | 0x4C, 0x8D, x, ..] if x & 7 == 5 => (3, 1023),
            [0x48, 0x8B, x, ..] if x & 7 == 5 && x & 0xF0 == 0 => (3, 1023),
            _ => {
                i += 1;
                continue;
            }
        };
        let at = i + opcode_len;
        let mut value = u32::from_le_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        if i as i64 - last_x86 <= max_distance {
            value = value.wrapping_sub(i as u32);
            data[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        let target = value.wrapping_add(i as u32) as usize % 65536;
        let e = (at + 3) as i64;
        if e - last_use[target] <= 65535 {
            last_x86 = e;
        }
        last_use[target] = e;
        i = at + 4;
    }
}

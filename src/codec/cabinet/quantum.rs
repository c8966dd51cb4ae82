//! Quantum: LZ77 whose symbols an adaptive arithmetic coder gives, one run of the coder for each block.
//!
//! It is old and rare: this decoder is straightforward, not fast. The models' counts are cumulative from the end, so
//! that the first one is the total, and a symbol's range lies between its count and the next.

mod bits;
#[cfg(test)]
mod encode;
mod model;

use self::bits::BitReader;
use self::model::Model;
use super::folder::{BlockDecoder, Folder};
use crate::codec::copy::copy_match;
use crate::codec::{DecodeError, DecodeErrorKind};

/// A decoder for one folder.
pub(super) fn decompressor(window_order: u32) -> Folder<Quantum> {
    Folder::new(Quantum { models: Models::new(window_order).into() }, 1 << window_order)
}

/// What stays from block to block, but for the history.
#[derive(Debug)]
pub(super) struct Quantum {
    models: Box<Models>,
}

/// Literals are divided into so many ranges of values, each with its model.
const LITERAL_MODELS: usize = 4;
const LITERALS_PER_MODEL: usize = 256 / LITERAL_MODELS;
/// A selector for each literal model, and one each for matches of 3 bytes, of 4, and of more.
const SELECTORS: usize = LITERAL_MODELS + 3;
/// Matches of more than 4 bytes have a slot for their length.
const LENGTH_SLOTS: usize = 27;
/// Slots of the largest window.
const MAX_OFFSET_SLOTS: usize = 42;

#[derive(Debug)]
struct Models {
    selector: Model,
    literals: [Model; LITERAL_MODELS],
    length: Model,
    /// Of the offset slots, for matches of 3 bytes, of 4, and of more.
    offsets: [Model; 3],
}

impl Models {
    fn new(window_order: u32) -> Self {
        // As many slots as have offsets inside the window.
        let slots = 2 * window_order as usize;
        Self {
            selector: Model::new(0, SELECTORS),
            literals: std::array::from_fn(|index| Model::new((index * LITERALS_PER_MODEL) as u8, LITERALS_PER_MODEL)),
            length: Model::new(0, LENGTH_SLOTS),
            offsets: [24, 36, MAX_OFFSET_SLOTS].map(|most| Model::new(0, slots.min(most))),
        }
    }
}

/// A range of lengths or offsets: the first, and how many bits choose among them.
#[derive(Clone, Copy)]
struct Slot {
    base: u32,
    extra_bits: u32,
}

/// Slots without extra bits at first; from the third on, the extra bits grow by one every `per_bits` slots.
const fn slots<const N: usize>(first: u32, per_bits: usize) -> [Slot; N] {
    let mut slots = [Slot { base: first, extra_bits: 0 }; N];
    let mut index = 1;
    while index < N {
        let before = slots[index - 1];
        let extra_bits = (index.saturating_sub(2) / per_bits) as u32;
        slots[index] = Slot { base: before.base + (1 << before.extra_bits), extra_bits };
        index += 1;
    }
    slots
}

static OFFSETS: [Slot; MAX_OFFSET_SLOTS] = slots(1, 2);
static LENGTHS: [Slot; LENGTH_SLOTS] = {
    let mut lengths = slots(5, 4);
    // The longest match stands alone.
    lengths[LENGTH_SLOTS - 1].extra_bits = 0;
    lengths
};

impl BlockDecoder for Quantum {
    fn decode(&mut self, src: &[u8], buffer: &mut [u8], start: usize) -> Result<(), DecodeError> {
        let mut bits = BitReader::new(src);
        let mut pos = start;
        Coder::new(&mut bits)
            .and_then(|mut coder| decode_items(&mut coder, &mut self.models, buffer, &mut pos))
            .map_err(|kind| DecodeError { kind, src_offset: bits.position().div_ceil(8), dst_offset: pos - start })
    }
}

fn decode_items(
    coder: &mut Coder<'_, '_>,
    models: &mut Models,
    buffer: &mut [u8],
    pos: &mut usize,
) -> Result<(), DecodeErrorKind> {
    while *pos < buffer.len() {
        let selector = usize::from(coder.symbol(&mut models.selector)?);
        if let Some(literals) = models.literals.get_mut(selector) {
            buffer[*pos] = coder.symbol(literals)?;
            *pos += 1;
            continue;
        }
        let kind = selector - LITERAL_MODELS;
        let length = match kind {
            0 => 3,
            1 => 4,
            _ => coder.value(&mut models.length, &LENGTHS)?,
        } as usize;
        let offset = coder.value(&mut models.offsets[kind], &OFFSETS)? as usize;
        if length > buffer.len() - *pos {
            return Err(DecodeErrorKind::BadLength { length: length as u64 });
        }
        // Slots end where the window does: all that can be wrong is the beginning of the folder.
        if offset > *pos {
            return Err(DecodeErrorKind::BadOffset { offset: offset as u64 });
        }
        copy_match(buffer, *pos, offset, length);
        *pos += length;
    }
    Ok(())
}

/// The arithmetic coder. All three registers have 16 bits, and `low <= code <= high`, whatever the input: a symbol is
/// chosen so that this holds again.
struct Coder<'a, 'b> {
    low: u32,
    high: u32,
    code: u32,
    bits: &'b mut BitReader<'a>,
}

impl<'a, 'b> Coder<'a, 'b> {
    fn new(bits: &'b mut BitReader<'a>) -> Result<Self, DecodeErrorKind> {
        Ok(Self { low: 0, high: 0xFFFF, code: bits.bits(16)?, bits })
    }

    fn symbol(&mut self, model: &mut Model) -> Result<u8, DecodeErrorKind> {
        // At least 2^14, more than a total: each symbol has a part of it.
        let range = self.high - self.low + 1;
        let total = model.total();
        let (symbol, counts) = model.find(((self.code - self.low + 1) * total - 1) / range);
        self.high = self.low + counts.end * range / total - 1;
        self.low += counts.start * range / total;
        loop {
            if (self.low ^ self.high) & 0x8000 != 0 {
                if self.low & 0x4000 == 0 || self.high & 0x4000 != 0 {
                    break;
                }
                // They are close about the middle, the highest bits 01 and 10: the second one is dropped.
                self.code ^= 0x4000;
                self.low &= 0x3FFF;
                self.high |= 0x4000;
            }
            self.low = self.low << 1 & 0xFFFF;
            self.high = (self.high << 1 | 1) & 0xFFFF;
            self.code = (self.code << 1 | self.bits.bits(1)?) & 0xFFFF;
        }
        Ok(symbol)
    }

    /// Reads a slot and its extra bits.
    fn value(&mut self, model: &mut Model, slots: &[Slot]) -> Result<u32, DecodeErrorKind> {
        let slot = slots[usize::from(self.symbol(model)?)];
        Ok(slot.base + self.bits.bits(slot.extra_bits)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::encode::{Encoder, Item};
    use super::*;
    use crate::codec::cabinet::{BlockDecompressor, MAX_BLOCK_SIZE};
    use crate::codec::test_data::{damaged, unhex};

    const EXAMPLE: &str = "d161627e1a5f292240dbb4fc2000";

    fn example() -> Vec<u8> {
        unhex(EXAMPLE)
    }

    #[test]
    fn example_of_the_format_description() {
        assert_eq!(decompressor(15).decompress_block(&example(), 24).expect("valid"), b"Quantum quantum quantum!");
    }

    #[test]
    fn slots_match_the_published_tables() {
        assert_eq!([0, 1, 2, 3, 4, 5, 13, 41].map(|slot| OFFSETS[slot].base - 1), [0, 1, 2, 3, 4, 6, 96, 1_572_864]);
        assert_eq!(OFFSETS[41].extra_bits, 19);
        assert_eq!([5, 6, 7, 25, 26].map(|slot| LENGTHS[slot].base - 5), [5, 6, 8, 222, 254]);
        assert_eq!([5, 6, 25, 26].map(|slot| LENGTHS[slot].extra_bits), [0, 1, 5, 0]);
        for window_order in 10..21 {
            assert_eq!(OFFSETS[2 * window_order].base, (1 << window_order) + 1, "all before it is inside the window");
        }
    }

    #[test]
    fn malformed_blocks() {
        let kind = |src: &[u8], size| match decompressor(15).decompress_block(src, size) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.kind),
        };
        assert_eq!(kind(&[0], 1), Err(DecodeErrorKind::Truncated));
        assert_eq!(kind(&example(), 25), Err(DecodeErrorKind::Truncated));
        assert_eq!(kind(&example(), 20), Err(DecodeErrorKind::BadLength { length: 14 }));
        assert_eq!(kind(&example(), 0), Err(DecodeErrorKind::BadBlockSize(0)));
        assert_eq!(kind(&example(), MAX_BLOCK_SIZE + 1), Err(DecodeErrorKind::BadBlockSize(32769)));
        // A match of three bytes at the very beginning.
        let mut models = Models::new(15);
        let block = Encoder::encode(&mut models, &[Item::Match { length: 3, offset: 1 }]);
        assert_eq!(kind(&block, 3), Err(DecodeErrorKind::BadOffset { offset: 1 }));
    }

    #[test]
    fn damaged_examples() {
        for src in damaged(&example()) {
            let mut decoder = decompressor(15);
            if let Ok(output) = decoder.decompress_block(&src, 24) {
                assert_eq!(output.len(), 24);
            }
        }
    }

    /// Literals and matches, the latter as parts of what is allowed.
    fn items() -> impl Strategy<Value = Vec<(u8, u32, prop::sample::Index)>> {
        prop::collection::vec((any::<u8>(), 2_u32..260, any::<prop::sample::Index>()), 1..4000)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn what_is_encoded_is_decoded(window_order in 10_u32..=21, blocks in prop::collection::vec(items(), 1..6)) {
            let mut models = Models::new(window_order);
            let mut decoder = decompressor(window_order);
            let mut output: Vec<u8> = Vec::new();
            for choices in blocks {
                let start = output.len();
                let mut items = Vec::new();
                for (byte, length, index) in choices {
                    let room = MAX_BLOCK_SIZE - (output.len() - start);
                    if length < 3 || output.is_empty() || length as usize > room {
                        if room == 0 {
                            break;
                        }
                        // Few values, and some more often: models sort themselves.
                        let byte = byte & (byte >> 3);
                        items.push(Item::Literal(byte));
                        output.push(byte);
                    } else {
                        // Short matches have fewer slots.
                        let most = match length {
                            3 => OFFSETS[23],
                            4 => OFFSETS[35],
                            _ => OFFSETS[41],
                        };
                        let most = (most.base + (1 << most.extra_bits) - 1).min(1 << window_order) as usize;
                        let offset = index.index(output.len().min(most)) + 1;
                        items.push(Item::Match { length, offset: offset as u32 });
                        (0..length).for_each(|_| output.push(output[output.len() - offset]));
                    }
                }
                let block = Encoder::encode(&mut models, &items);
                let decoded = decoder.decompress_block(&block, output.len() - start);
                prop_assert!(decoded == Ok(&output[start..]));
            }
        }
    }
}

//! LZX encoding.
//!
//! The chunk is copied, its x86 calls are made absolute, and it is parsed segment by segment into literals and matches.
//! A parser also decides where blocks end; the block writer makes their codes, chooses between verbatim and aligned
//! offsets by exact cost, and writes them.
//!
//! Levels 1 to 3 parse lazily. Levels 4 to 9 look up all matches once and search for the cheapest way through them,
//! several times, with the prices that the previous parse suggests. In chunks of up to 64 KiB matches are found by handing
//! them on from position to position; in larger ones they come from hash chains, or from a binary tree.

mod bits;
mod block;
pub(in crate::codec) mod cabinet;
mod candidate;
mod code;
mod lazy;
mod lengths;
mod optimal;
mod precode;
mod prices;
mod search;
mod sequence;
mod split;

use std::ops::Range;

use self::bits::BitWriter;
use self::block::{BlockWriter, Lengths, Variant};
use self::sequence::{RecentOffsets, Segment};
use super::e8;
use crate::codec::hopeless::is_hopeless;
use crate::codec::matchfinder::common::PADDING;
use crate::codec::{Compressor, Level};

/// Bytes parsed at a time: bounds what is kept per position, whatever the chunk size.
const SEGMENT_SIZE: usize = 1 << 16;

/// What the header of a block with nearly all literals takes at least, in bytes.
const LEAST_HEADER: usize = 110;

/// Divides data into literals, matches and blocks.
trait Parser: Send + std::fmt::Debug {
    /// Forgets the previous chunk.
    fn reset(&mut self);

    /// Parses the bytes `range` of the chunk in `buffer`, which is padded. All before `range` was parsed before.
    fn parse(&mut self, buffer: &[u8], range: Range<usize>, recent: &mut RecentOffsets, segment: &mut Segment);

    /// Goes over the bytes `range` without parsing them: what follows may match there.
    fn skip(&mut self, buffer: &[u8], range: Range<usize>);
}

/// Encodes LZX chunks.
#[derive(Debug)]
pub struct LzxCompressor {
    window_order: u32,
    level: Level,
    /// The filtered chunk, with the padding that match finders need.
    buffer: Vec<u8>,
    parser: Box<dyn Parser>,
    segment: Segment,
    /// The bits of the stream.
    bits: Box<[u8]>,
}

impl LzxCompressor {
    /// An encoder for chunks of at most `2^window_order` bytes; the order is from 15 to 21.
    pub fn new(window_order: u32, level: Level) -> Self {
        let max_size = 1 << window_order;
        let parser: Box<dyn Parser> = match (level.get(), window_order) {
            (1..=3, 17..) => Box::new(lazy::LazyParser::<u32>::new(max_size, level)),
            _ => Box::new(optimal::OptimalParser::new(max_size, level)),
        };
        Self {
            window_order,
            level,
            buffer: Vec::with_capacity(max_size + PADDING),
            parser,
            segment: Segment::new(max_size.min(SEGMENT_SIZE)),
            bits: vec![0; max_size + bits::SLACK].into_boxed_slice(),
        }
    }

    /// About how many bytes a context occupies.
    pub fn memory(window_order: u32, level: Level) -> u64 {
        let max_size = 1 << window_order;
        let parser = match (level.get(), window_order) {
            (1..=3, 17..) => lazy::LazyParser::<u32>::memory(max_size),
            _ => optimal::OptimalParser::memory(max_size, level),
        };
        (size_of::<Self>()
            + 2 * max_size
            + PADDING
            + bits::SLACK
            + Segment::memory(max_size.min(SEGMENT_SIZE))
            + parser) as u64
    }
}

impl Compressor for LzxCompressor {
    fn compress(&mut self, src: &[u8], dst: &mut [u8]) -> Option<usize> {
        let max_size = 1 << self.window_order;
        assert!(src.len() <= max_size, "a chunk of {} bytes in a context for {max_size}", src.len());
        let most = src.len().checked_sub(1)?.min(dst.len());
        if is_hopeless(src, LEAST_HEADER) {
            return None;
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(src);
        e8::apply(&mut self.buffer);
        self.buffer.resize(src.len() + PADDING, 0);

        self.parser.reset();
        let bits = BitWriter::new(&mut self.bits, &mut dst[..most]);
        let mut writer = BlockWriter::new(Variant::Wim, self.window_order, self.level, Lengths::INITIAL, bits);
        let mut recent = RecentOffsets::INITIAL;
        for begin in (0..src.len()).step_by(SEGMENT_SIZE) {
            let range = begin..src.len().min(begin + SEGMENT_SIZE);
            self.segment.clear();
            self.parser.parse(&self.buffer, range.clone(), &mut recent, &mut self.segment);
            writer.write_segment(&self.buffer[range], &self.segment)?;
        }
        Some(writer.finish().0)
    }
}

//! LZX encoding, cabinet variant: frame after frame of 32 KiB, whose matches reach back through the whole window.
//!
//! A buffer of the window's size holds what was encoded. When it is full its newer half moves to the front and the match
//! finder goes over it once more: offsets reach back half a window at least. Blocks and matches end with their frames. A
//! frame that does not shrink becomes a block of raw bytes.

use super::bits::{BitWriter, SLACK};
use super::block::{BlockWriter, Lengths, Variant};
use super::sequence::{RecentOffsets, Segment};
use super::{Parser, lazy, optimal};
use crate::codec::Level;
use crate::codec::cabinet::{BlockCompressor, MAX_BLOCK_SIZE};
use crate::codec::lzx::e8;
use crate::codec::lzx::format::{RECENT_OFFSETS, block_type};
use crate::codec::matchfinder::common::PADDING;

/// What a frame of raw bytes needs besides them: the stream's header, the block's, the recent offsets and a pad byte.
const RAW_OVERHEAD: usize = 8 + 4 * RECENT_OFFSETS + 1;
/// Frames from there on have no calls translated.
const CALLS_END: u64 = 1 << 30;

/// Encodes the frames of a folder.
#[derive(Debug)]
pub(in crate::codec) struct CabinetLzxCompressor {
    window_order: u32,
    parser: Box<dyn Parser>,
    segment: Segment,
    /// What was encoded, calls translated, with room for the frame at hand and the match finder's padding.
    buffer: Box<[u8]>,
    /// Bytes of it that are filled.
    filled: usize,
    bits: Box<[u8]>,
    lengths: Lengths,
    recent: RecentOffsets,
    /// Where in the folder the next frame begins.
    position: u64,
}

impl CabinetLzxCompressor {
    /// An encoder for one folder; the order is from 17 to 21: smaller windows have no room for two frames and their history.
    pub(in crate::codec) fn new(window_order: u32, level: Level) -> Self {
        let window_size = 1 << window_order;
        let parser: Box<dyn Parser> = match level.get() {
            1..=3 => Box::new(lazy::LazyParser::<u32>::new(window_size, level)),
            _ => Box::new(optimal::OptimalParser::new(window_size, level)),
        };
        let mut encoder = Self {
            window_order,
            parser,
            segment: Segment::new(MAX_BLOCK_SIZE),
            buffer: vec![0; window_size + PADDING].into_boxed_slice(),
            filled: 0,
            bits: vec![0; MAX_BLOCK_SIZE + RAW_OVERHEAD + SLACK].into_boxed_slice(),
            lengths: Lengths::INITIAL,
            recent: RecentOffsets::INITIAL,
            position: 0,
        };
        encoder.parser.reset();
        encoder
    }

    /// Makes room for the next frame: the newer half of the window stays.
    fn slide(&mut self) {
        let half = self.filled / 2;
        self.buffer.copy_within(half..self.filled, 0);
        self.filled = half;
        self.buffer[half..half + PADDING].fill(0);
        self.parser.reset();
        self.parser.skip(&self.buffer, 0..half);
    }

    /// Writes the frame that was parsed, unless it is larger than raw.
    fn write_parsed(&mut self, frame: &[u8], scratch: &mut [u8], dst: &mut [u8]) -> Option<usize> {
        let bits = begin_frame(self.position, BitWriter::new(scratch, dst));
        let mut writer = BlockWriter::new(Variant::Cabinet, self.window_order, self.lengths.clone(), bits);
        writer.write_segment(frame, &self.segment)?;
        let (size, lengths) = writer.finish();
        self.lengths = lengths;
        Some(size)
    }

    fn write_raw(&self, frame: &[u8], scratch: &mut [u8], dst: &mut [u8]) -> usize {
        let bits = begin_frame(self.position, BitWriter::new(scratch, dst));
        let mut writer = BlockWriter::new(Variant::Cabinet, self.window_order, self.lengths.clone(), bits);
        writer.write_prefix(block_type::UNCOMPRESSED, frame.len());
        let (mut size, _) = writer.finish();
        let mut append = |bytes: &[u8]| {
            dst[size..size + bytes.len()].copy_from_slice(bytes);
            size += bytes.len();
        };
        (0..RECENT_OFFSETS).for_each(|index| append(&(self.recent.get(index) as u32).to_le_bytes()));
        append(frame);
        if frame.len() % 2 == 1 {
            append(&[0]);
        }
        size
    }
}

/// Writes the folder's first bits, if this is its first frame: that calls are translated, and the range of their targets.
fn begin_frame(position: u64, mut bits: BitWriter<'_>) -> BitWriter<'_> {
    if position == 0 {
        let range = e8::FILE_SIZE as u32;
        bits.put(1, 1);
        bits.put(range >> 16, 16);
        bits.put(range & 0xFFFF, 16);
        bits.flush();
    }
    bits
}

impl BlockCompressor for CabinetLzxCompressor {
    fn compress_block(&mut self, src: &[u8], dst: &mut Vec<u8>) {
        assert!(src.len() <= MAX_BLOCK_SIZE, "a block of {} bytes", src.len());
        if self.filled + src.len() > 1 << self.window_order {
            self.slide();
        }
        let frame = self.filled..self.filled + src.len();
        self.buffer[frame.clone()].copy_from_slice(src);
        if self.position < CALLS_END {
            e8::apply_at(self.position as i32, e8::FILE_SIZE, &mut self.buffer[frame.clone()]);
        }
        self.segment.clear();
        let mut recent = self.recent;
        self.parser.parse(&self.buffer, frame.clone(), &mut recent, &mut self.segment);

        dst.resize(src.len() + RAW_OVERHEAD, 0);
        let (buffer, mut scratch) = (std::mem::take(&mut self.buffer), std::mem::take(&mut self.bits));
        let size = match self.write_parsed(&buffer[frame.clone()], &mut scratch, dst) {
            Some(size) => {
                self.recent = recent;
                size
            }
            None => self.write_raw(&buffer[frame.clone()], &mut scratch, dst),
        };
        (self.buffer, self.bits) = (buffer, scratch);
        dst.truncate(size);
        self.filled = frame.end;
        self.position += src.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::cabinet::Method;
    use crate::codec::test_data;

    /// Encodes a folder and decodes it again; returns how many bytes its blocks have.
    fn round_trip(data: &[u8], window_order: u32, level: u8) -> usize {
        let method = Method::Lzx { window_order };
        let mut compressor = method.compressor(Level::new(level).unwrap()).unwrap();
        let mut decompressor = method.decompressor().unwrap();
        let mut block = Vec::new();
        let mut size = 0;
        for frame in data.chunks(MAX_BLOCK_SIZE) {
            compressor.compress_block(frame, &mut block);
            assert!(block.len() <= crate::codec::cabinet::MAX_PAYLOAD_SIZE);
            size += block.len();
            assert!(decompressor.decompress_block(&block, frame.len()).expect("valid") == frame);
        }
        size
    }

    #[test]
    fn folders_survive() {
        for data in [vec![], vec![7], vec![0; 70_000], vec![0xE8; 70_001], test_data::noise(100_001)] {
            for level in [1, 5, 9] {
                let size = round_trip(&data, 17, level);
                assert!(size <= data.len() + (data.len() / MAX_BLOCK_SIZE + 1) * RAW_OVERHEAD);
            }
        }
    }

    #[test]
    fn matches_reach_back_into_earlier_frames_and_over_a_slide() {
        let piece = test_data::noise(60_000);
        let data = piece.repeat(7);
        for (window_order, level) in [(17, 2), (17, 5), (18, 9), (21, 3)] {
            let size = round_trip(&data, window_order, level);
            assert!(size < 70_000, "{window_order} {level}: {size}");
        }
    }

    #[test]
    fn raw_frames_between_others() {
        let noise = test_data::noise(2 * MAX_BLOCK_SIZE);
        let text = b"some text that repeats itself, ".repeat(3000);
        let data = [&text[..MAX_BLOCK_SIZE], &noise, &text[..MAX_BLOCK_SIZE], &noise[..5001]].concat();
        for level in [1, 5] {
            round_trip(&data, 17, level);
        }
    }
}

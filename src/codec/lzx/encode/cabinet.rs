//! LZX encoding, cabinet variant: frame after frame of 32 KiB, whose matches reach back through the whole window.
//!
//! The folder goes through a buffer of the window's size, half a window at a time: the half before moves to the front, and the
//! match finder goes over it once more, so that offsets reach back half a window at least. The finder compares what lies
//! ahead, too: all that it is to see is there before it begins. Blocks and matches end with their frames. A frame that does
//! not shrink becomes a block of raw bytes.

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
    level: Level,
    parser: Box<dyn Parser>,
    segment: Segment,
    /// The bytes at hand behind those before them, calls translated, with the match finder's padding.
    buffer: Vec<u8>,
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
        Self {
            window_order,
            level,
            parser,
            segment: Segment::new(MAX_BLOCK_SIZE),
            buffer: Vec::with_capacity(window_size + PADDING),
            bits: vec![0; MAX_BLOCK_SIZE + RAW_OVERHEAD + SLACK].into_boxed_slice(),
            lengths: Lengths::INITIAL,
            recent: RecentOffsets::INITIAL,
            position: 0,
        }
    }

    /// About how many bytes an encoder occupies.
    pub(in crate::codec) fn memory(window_order: u32, level: Level) -> u64 {
        let window_size = 1 << window_order;
        let parser = match level.get() {
            1..=3 => lazy::LazyParser::<u32>::memory(window_size),
            _ => optimal::OptimalParser::memory(window_size, level),
        };
        (size_of::<Self>() + window_size + PADDING + Segment::memory(MAX_BLOCK_SIZE) + 2 * MAX_BLOCK_SIZE + parser)
            as u64
    }

    /// Takes in the next bytes, half a window at most. Returns where they begin in the buffer.
    fn take(&mut self, src: &[u8]) -> usize {
        let half = 1 << (self.window_order - 1);
        let old = self.buffer.len().saturating_sub(PADDING);
        self.buffer.copy_within(old.saturating_sub(half)..old, 0);
        let start = old.min(half);
        self.buffer.truncate(start);
        self.buffer.extend_from_slice(src);
        for (index, frame) in self.buffer[start..].chunks_mut(MAX_BLOCK_SIZE).enumerate() {
            let position = self.position + (index * MAX_BLOCK_SIZE) as u64;
            if position < CALLS_END {
                e8::apply_at(position as i32, e8::FILE_SIZE, frame);
            }
        }
        self.buffer.resize(start + src.len() + PADDING, 0);
        self.parser.reset();
        self.parser.skip(&self.buffer, 0..start);
        start
    }

    /// Writes the frame that was parsed, unless it is larger than raw.
    fn write_parsed(&mut self, frame: &[u8], scratch: &mut [u8], dst: &mut [u8]) -> Option<usize> {
        let bits = begin_frame(self.position, BitWriter::new(scratch, dst));
        let mut writer = BlockWriter::new(Variant::Cabinet, self.window_order, self.level, self.lengths.clone(), bits);
        writer.write_segment(frame, &self.segment)?;
        let (size, lengths) = writer.finish();
        self.lengths = lengths;
        Some(size)
    }

    fn write_raw(&self, frame: &[u8], scratch: &mut [u8], dst: &mut [u8]) -> usize {
        let bits = begin_frame(self.position, BitWriter::new(scratch, dst));
        let mut writer = BlockWriter::new(Variant::Cabinet, self.window_order, self.level, self.lengths.clone(), bits);
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
    fn compress_blocks(&mut self, src: &[u8], receive: &mut dyn FnMut(&[u8], usize)) {
        let mut payload = vec![0; MAX_BLOCK_SIZE + RAW_OVERHEAD];
        for piece in src.chunks(1 << (self.window_order - 1)) {
            let start = self.take(piece);
            let (buffer, mut scratch) = (std::mem::take(&mut self.buffer), std::mem::take(&mut self.bits));
            for begin in (start..start + piece.len()).step_by(MAX_BLOCK_SIZE) {
                let range = begin..(start + piece.len()).min(begin + MAX_BLOCK_SIZE);
                let frame = &buffer[range.clone()];
                self.segment.clear();
                let mut recent = self.recent;
                self.parser.parse(&buffer, range, &mut recent, &mut self.segment);
                let most = frame.len() + RAW_OVERHEAD;
                let size = match self.write_parsed(frame, &mut scratch, &mut payload[..most]) {
                    Some(size) => {
                        self.recent = recent;
                        size
                    }
                    None => self.write_raw(frame, &mut scratch, &mut payload[..most]),
                };
                receive(&payload[..size], frame.len());
                self.position += frame.len() as u64;
            }
            (self.buffer, self.bits) = (buffer, scratch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::cabinet::Method;
    use crate::codec::test_data;

    /// Encodes a folder and decodes it again; returns how many bytes its blocks have.
    fn round_trip(data: &[u8], window_order: u32, level: u8, batch: usize) -> usize {
        let method = Method::Lzx { window_order };
        let mut compressor = method.compressor(Level::new(level).unwrap()).unwrap();
        let mut decompressor = method.decompressor().unwrap();
        let (mut size, mut decoded) = (0, Vec::new());
        for src in data.chunks(batch) {
            compressor.compress_blocks(src, &mut |payload, block_size| {
                assert!(payload.len() <= crate::codec::cabinet::MAX_PAYLOAD_SIZE);
                size += payload.len();
                decoded.extend_from_slice(decompressor.decompress_block(payload, block_size).expect("valid"));
            });
        }
        assert!(decoded == data, "level {level}, window order {window_order}, {batch} bytes at a time");
        size
    }

    #[test]
    fn folders_survive() {
        for data in [vec![], vec![7], vec![0; 70_000], vec![0xE8; 70_001], test_data::noise(100_001)] {
            for level in [1, 5, 9] {
                let size = round_trip(&data, 17, level, 1 << 20);
                assert!(size <= data.len() + (data.len() / MAX_BLOCK_SIZE + 1) * RAW_OVERHEAD);
            }
        }
    }

    #[test]
    fn matches_reach_back_into_earlier_frames_and_over_a_slide() {
        let piece = test_data::noise(60_000);
        let data = piece.repeat(7);
        for (window_order, level) in [(17, 2), (17, 5), (18, 9), (21, 3)] {
            let size = round_trip(&data, window_order, level, 1 << 18);
            assert!(size < 70_000, "{window_order} {level}: {size}");
        }
    }

    #[test]
    fn raw_frames_between_others() {
        let noise = test_data::noise(2 * MAX_BLOCK_SIZE);
        let text = b"some text that repeats itself, ".repeat(3000);
        let data = [&text[..MAX_BLOCK_SIZE], &noise, &text[..MAX_BLOCK_SIZE], &noise[..5001]].concat();
        for level in [1, 5] {
            round_trip(&data, 17, level, MAX_BLOCK_SIZE);
        }
    }

    /// What the match finder has seen of bytes that had not come yet must not matter.
    #[test]
    fn any_number_of_blocks_at_a_time() {
        // Lines that share long beginnings, and calls: many matches of many lengths, across the ends of frames.
        let line = |i: u32| {
            format!("{:08x} {} call \u{1}", i / 7 * 0x1357, "the same again and again ".repeat(i as usize % 5))
        };
        let text: Vec<u8> = (0..12_000).flat_map(|i| line(i).into_bytes()).collect();
        let data: Vec<u8> = text.iter().map(|byte| if *byte == b'c' { 0xE8 } else { *byte }).collect();
        for level in [2, 5, 8] {
            for blocks in [1, 3, 100] {
                round_trip(&data, 17, level, blocks * MAX_BLOCK_SIZE);
            }
        }
    }

    /// An offset that is recent at the end of a half reaches before the buffer at the beginning of the next one. That must not
    /// hide other matches.
    #[test]
    fn recent_offsets_from_before_the_buffer() {
        const HALF: usize = 1 << 16;
        let (unit, fresh) = (test_data::noise(1000), test_data::noise(1000 + 8 * 10_000));
        let mut data = Vec::new();
        let mut before = &unit.repeat(10)[..];
        for new in fresh[1000..].chunks(10_000) {
            let (begin, middle) = (unit.repeat(40), unit.repeat(5));
            // What came so far back in the half before: more than half a window.
            let end = HALF - begin.len() - new.len() - before.len();
            data.extend([&begin, new, &middle.repeat(2)[..end], before].concat());
            before = new;
        }
        for level in [1, 5] {
            let size = round_trip(&data, 17, level, 1 << 18);
            assert!(size < 8 * 13_000, "level {level}: {size}");
        }
    }
}

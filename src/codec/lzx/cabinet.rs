//! LZX decoding, cabinet variant.
//!
//! A folder is one stream, cut into frames of 32 KiB: one for each of its blocks (which are not LZX's blocks; those may
//! reach from one frame into the next). What differs from the WIM variant:
//!
//! - The history, the recent offsets, the codeword lengths and an LZX block that has begun go on from frame to frame.
//! - Each frame's bits begin with a new unit. Raw bytes go on with the first byte of the next frame, and if so, what
//!   follows them may begin at an odd one.
//! - The stream begins with the range of the CALL filter, which is undone for each frame by itself. Matches refer to
//!   what is still translated: when the output has been looked at, the translation is put back, which is less work than to
//!   copy the output.
//! - Block sizes always have 24 bits.
//! - Bits beyond the end are an error. In a chunk of a WIM they are zeros, whose harm its SHA-1 shows; a cabinet has none.

use super::bits::BitReader;
use super::decode::{Chunk, Tables};
use super::e8;
use super::format::{RECENT_OFFSETS, block_type, num_main_symbols};
use crate::codec::cabinet::folder::{BlockDecoder, Folder};
use crate::codec::{DecodeError, DecodeErrorKind};

/// So many bits give a block's size.
const BLOCK_SIZE_BITS: u32 = 24;
/// Frames from there on have no calls translated.
const CALLS_END: u64 = 1 << 30;

/// A decoder for one folder.
pub(in crate::codec) fn decompressor(window_order: u32) -> Folder<CabinetLzx> {
    let decoder = CabinetLzx {
        window_order,
        input: Vec::new(),
        tables: Box::new(Tables::new()),
        recent: [1; RECENT_OFFSETS],
        stream: Stream::default(),
        may_hold_calls: false,
        position: 0,
        frames: Vec::new(),
        replaced: Vec::new(),
    };
    Folder::new(decoder, 1 << window_order)
}

/// Decodes the frames of a folder.
#[derive(Debug)]
pub(in crate::codec) struct CabinetLzx {
    window_order: u32,
    /// [`BitReader`]'s.
    input: Vec<u8>,
    tables: Box<Tables>,
    recent: [u32; RECENT_OFFSETS],
    stream: Stream,
    /// Whether a byte 0xE8 may have been decoded; matches may have carried it anywhere since.
    may_hold_calls: bool,
    /// Where in the folder's output the first of `frames` begins.
    position: u64,
    /// The sizes of frames that are decoded, with their calls still translated.
    frames: Vec<usize>,
    /// Targets of calls as they were, and where, in the frames that were finished last.
    replaced: Vec<(usize, i32)>,
}

impl BlockDecoder for CabinetLzx {
    fn decode(&mut self, src: &[u8], buffer: &mut [u8], start: usize) -> Result<(), DecodeError> {
        let mut pos = start;
        let error = |kind, src_offset, pos| DecodeError { kind, src_offset, dst_offset: pos - start };
        let skipped = self.stream.resume_raw(src, buffer, &mut pos).map_err(|kind| error(kind, 0, pos))?;
        let src = src.get(skipped..).unwrap_or_default();
        let mut chunk = Chunk {
            src,
            reader: BitReader::new(src, &mut self.input),
            tables: &mut self.tables,
            num_main_symbols: num_main_symbols(self.window_order),
            block_size_bits: BLOCK_SIZE_BITS,
            dst: buffer,
            dst_pos: pos,
            recent: self.recent,
            may_hold_calls: self.may_hold_calls,
            notes: (),
        };
        self.stream
            .decode(&mut chunk, max_offset(self.window_order))
            .map_err(|kind| error(kind, skipped + chunk.reader.position().div_ceil(8).min(src.len()), chunk.dst_pos))?;
        self.recent = chunk.recent;
        self.may_hold_calls = chunk.may_hold_calls;
        self.frames.push(buffer.len() - start);
        Ok(())
    }

    fn finish(&mut self, blocks: &mut [u8]) {
        let mut start = 0;
        for size in self.frames.drain(..) {
            let position = self.position;
            self.position += size as u64;
            if let Some(range) = self.stream.calls_range
                && self.may_hold_calls
                && position < CALLS_END
            {
                let frame = &mut blocks[start..start + size];
                e8::undo_at(position as i32, range, frame, |at, target| self.replaced.push((start + at, target)));
            }
            start += size;
        }
    }

    fn resume(&mut self, blocks: &mut [u8]) {
        for (at, target) in self.replaced.drain(..) {
            blocks[at..at + size_of_val(&target)].copy_from_slice(&target.to_le_bytes());
        }
    }
}

/// The largest offset that the last slot of a window gives.
fn max_offset(window_order: u32) -> u32 {
    (1 << window_order) - 3
}

/// Where in the stream a frame begins or ends.
#[derive(Debug, Default)]
struct Stream {
    /// Whether the header has been read.
    begun: bool,
    /// The range of the CALL filter's targets, if it was applied.
    calls_range: Option<i32>,
    block: Block,
    /// How many bytes the block still lacks.
    left: usize,
    /// The byte that pads a block of raw bytes is still to come.
    pad_pending: bool,
}

/// What is being decoded.
#[derive(Debug, Default)]
enum Block {
    #[default]
    Verbatim,
    Aligned,
    Uncompressed {
        odd: bool,
    },
}

impl Stream {
    /// Decodes to the end of the frame.
    fn decode(&mut self, chunk: &mut Chunk<'_, ()>, max_offset: u32) -> Result<(), DecodeErrorKind> {
        if !self.begun {
            self.begun = true;
            if chunk.reader.bits(1) == 1 {
                let range = chunk.reader.bits(16) << 16 | chunk.reader.bits(16);
                self.calls_range = Some(range.cast_signed());
            }
        }
        while chunk.dst_pos < chunk.dst.len() {
            if self.left == 0 {
                self.begin_block(chunk, max_offset)?;
            }
            let size = self.left.min(chunk.dst.len() - chunk.dst_pos);
            let end = chunk.dst_pos + size;
            let decoded = match self.block {
                Block::Verbatim => chunk.items::<false>(end),
                Block::Aligned => chunk.items::<true>(end),
                Block::Uncompressed { .. } => {
                    let begin = chunk.reader.position() / 8;
                    let raw_end = self.copy_raw(chunk.src, begin, chunk.dst, &mut chunk.dst_pos)?;
                    chunk.reader.seek(raw_end);
                    continue;
                }
            };
            // What the zeros beyond the end stand for may be malformed, too.
            check_bits(chunk)?;
            decoded?;
            self.left -= size;
        }
        Ok(())
    }

    /// Reads a block's header.
    fn begin_block(&mut self, chunk: &mut Chunk<'_, ()>, max_offset: u32) -> Result<(), DecodeErrorKind> {
        let block_type = chunk.reader.bits(3);
        let size = chunk.reader.bits(BLOCK_SIZE_BITS);
        if size == 0 {
            return Err(DecodeErrorKind::BadBlockSize(size));
        }
        self.left = size as usize;
        self.block = match block_type {
            block_type::VERBATIM => {
                chunk.verbatim_codes()?;
                Block::Verbatim
            }
            block_type::ALIGNED => {
                chunk.aligned_codes()?;
                Block::Aligned
            }
            block_type::UNCOMPRESSED => {
                // A reader on a boundary skips a whole unit.
                let header = (chunk.reader.position() / 16 + 1) * 2;
                let offsets =
                    chunk.src.get(header..).and_then(<[u8]>::first_chunk).ok_or(DecodeErrorKind::Truncated)?;
                chunk.set_recent(offsets)?;
                for offset in &mut chunk.recent {
                    // The buffer may reach back beyond the window. So it never does for an offset that is not allowed.
                    if *offset > max_offset {
                        *offset = u32::MAX;
                    }
                }
                chunk.may_hold_calls = true;
                chunk.reader.seek(header + offsets.len());
                Block::Uncompressed { odd: size % 2 == 1 }
            }
            other => return Err(DecodeErrorKind::BadBlockType(other as u8)),
        };
        check_bits(chunk)
    }

    /// Goes on with raw bytes at the beginning of a frame, if that is where the last one ended; says how many bytes of the
    /// frame are done with.
    fn resume_raw(&mut self, src: &[u8], dst: &mut [u8], dst_pos: &mut usize) -> Result<usize, DecodeErrorKind> {
        if std::mem::take(&mut self.pad_pending) {
            return Ok(1);
        }
        match self.block {
            Block::Uncompressed { .. } if self.left > 0 => self.copy_raw(src, 0, dst, dst_pos),
            _ => Ok(0),
        }
    }

    /// Copies what the frame has of a block's raw bytes, which begin at `begin`; says where their padding ends.
    fn copy_raw(
        &mut self,
        src: &[u8],
        begin: usize,
        dst: &mut [u8],
        dst_pos: &mut usize,
    ) -> Result<usize, DecodeErrorKind> {
        let size = self.left.min(dst.len() - *dst_pos);
        let rest = src.get(begin..).unwrap_or_default();
        let (raw, rest) = rest.split_at_checked(size).ok_or(DecodeErrorKind::Truncated)?;
        dst[*dst_pos..][..size].copy_from_slice(raw);
        *dst_pos += size;
        self.left -= size;
        if self.left > 0 || !matches!(self.block, Block::Uncompressed { odd: true }) {
            return Ok(begin + size);
        }
        // At the end of a frame, encoders have put the padding on either side.
        self.pad_pending = *dst_pos == dst.len() && rest.len() != 1;
        Ok(begin + size + usize::from(!self.pad_pending))
    }
}

/// Refuses bits beyond the last whole unit.
fn check_bits(chunk: &Chunk<'_, ()>) -> Result<(), DecodeErrorKind> {
    if chunk.reader.position() > chunk.src.len() / 2 * 16 { Err(DecodeErrorKind::Truncated) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::cabinet::BlockDecompressor;
    use crate::codec::test_data::{damaged, noise, unhex};
    use crate::codec::{Format, Level};

    const EXAMPLE: &str = "5b80808d0010a20100000000000000220e33ebca25ab1f9effff00fd00000000\
                           000000201f447fe0ffff005800000000000091003702fffff0ff8b898fd800e0";

    #[test]
    fn example_of_the_format_description() {
        let mut decoder = decompressor(15);
        assert_eq!(decoder.decompress_block(&unhex(EXAMPLE), 26).expect("valid"), b"CAB LZX! CAB LZX! CAB LZX!");
    }

    #[test]
    fn damaged_examples() {
        for src in damaged(&unhex(EXAMPLE)) {
            let mut decoder = decompressor(15);
            if let Ok(output) = decoder.decompress_block(&src, 26) {
                assert_eq!(output.len(), 26);
            }
        }
    }

    /// The units of bits, the most significant first, with zeros behind the last.
    fn units(bits: &str) -> Vec<u8> {
        let unit = |bits: &[u8]| {
            (0..16).fold(0, |unit: u16, at| unit << 1 | u16::from(bits.get(at).is_some_and(|&bit| bit == b'1')))
        };
        bits.as_bytes().chunks(16).flat_map(|bits| unit(bits).to_le_bytes()).collect()
    }

    /// What is in front of a block's raw bytes, itself behind some other bits.
    fn raw_header(before: &str, size: usize) -> Vec<u8> {
        let mut header = units(&format!("{before}011{size:024b}"));
        header.extend([1_u32, 1, 1].map(u32::to_le_bytes).as_flattened());
        header
    }

    /// Nothing about calls.
    const NO_CALLS: &str = "0";

    fn decode(frames: &[(&[u8], usize)]) -> Result<Vec<u8>, DecodeErrorKind> {
        let mut decoder = decompressor(15);
        let mut output = Vec::new();
        for (src, size) in frames {
            output.extend(decoder.decompress_block(src, *size).map_err(|error| error.kind)?);
        }
        Ok(output)
    }

    #[test]
    fn raw_bytes_go_on_in_the_next_frame() {
        let data = noise(32768 + 5 + 100);
        let first = [&raw_header(NO_CALLS, 32773)[..], &data[..32768]].concat();
        let second = [&data[32768..32773], &[0], &raw_header("", 100), &data[32773..]].concat();
        assert!(decode(&[(&first, 32768), (&second, 105)]) == Ok(data));
    }

    #[test]
    fn what_follows_raw_bytes_may_begin_at_an_odd_byte() {
        // After a block of one byte, 32767 of 40000 are in the first frame.
        let data = noise(40_011);
        let first = [&raw_header(NO_CALLS, 1)[..], &data[..1], &[0], &raw_header("", 40_000), &data[1..32768]].concat();
        let second = [&data[32768..40_001], &raw_header("", 10), &data[40_001..]].concat();
        assert!(decode(&[(&first, 32768), (&second, 40_011 - 32768)]) == Ok(data));
    }

    #[test]
    fn padding_at_the_end_of_a_frame_or_the_beginning_of_the_next() {
        let data = noise(32768 + 100);
        let first = [&raw_header(NO_CALLS, 1)[..], &data[..1], &[0], &raw_header("", 32767), &data[1..32768]].concat();
        let second = [&raw_header("", 100), &data[32768..]].concat();
        let padded_first = [&first[..], &[0]].concat();
        let padded_second = [&[0], &second[..]].concat();
        assert!(decode(&[(&padded_first, 32768), (&second, 100)]).as_ref() == Ok(&data));
        assert!(decode(&[(&first, 32768), (&padded_second, 100)]).as_ref() == Ok(&data));
        // It may be missing at the end of the folder.
        assert!(decode(&[(&first, 32768)]).as_deref() == Ok(&data[..32768]));
        assert_eq!(decode(&[(&first, 32768), (&[], 100)]), Err(DecodeErrorKind::BadBlockSize(0)));
    }

    #[test]
    fn malformed_raw_blocks() {
        let frame = [&raw_header(NO_CALLS, 8)[..], &noise(8)].concat();
        assert_eq!(decode(&[(&frame[..23], 8)]), Err(DecodeErrorKind::Truncated));
        assert_eq!(decode(&[(&frame[..15], 8)]), Err(DecodeErrorKind::Truncated));
        assert_eq!(decode(&[(&frame, 9)]), Err(DecodeErrorKind::BadBlockSize(0)));
        assert_eq!(decode(&[(&raw_header(NO_CALLS, 0), 8)]), Err(DecodeErrorKind::BadBlockSize(0)));
        let mut zero = frame.clone();
        zero[4..8].fill(0);
        assert_eq!(decode(&[(&zero, 8)]), Err(DecodeErrorKind::ZeroRecentOffset));
        assert_eq!(decode(&[(&frame, 0)]), Err(DecodeErrorKind::BadBlockSize(0)));
        assert_eq!(decode(&[(&units("0000"), 8)]), Err(DecodeErrorKind::BadBlockSize(0)));
        let unknown = units(&format!("0101{:024b}", 8));
        assert_eq!(decode(&[(&unknown, 8)]), Err(DecodeErrorKind::BadBlockType(5)));
    }

    #[test]
    fn calls_are_relative_to_the_folder() {
        let mut data = vec![0x90; 32768 + 24];
        for opcode in [20, 32768 + 4] {
            data[opcode..opcode + 5].copy_from_slice(&[0xE8, 0, 0x10, 0x20, 0]);
        }
        let calls = format!("1{:032b}", 12_000_000);
        let first = [&raw_header(&calls, data.len())[..], &data[..32768]].concat();
        let mut expected = data.clone();
        for opcode in [20, 32768 + 4] {
            expected[opcode + 1..opcode + 5].copy_from_slice(&(0x20_1000 - opcode as i32).to_le_bytes());
        }
        let frames: [(&[u8], usize); 2] = [(&first, 32768), (&data[32768..], 24)];
        assert!(decode(&frames) == Ok(expected));
        // A range that excludes the target, and one that is negative.
        for range in [0x20_1000_u32, 0x8000_0000] {
            let calls = format!("1{range:032b}");
            let first = [&raw_header(&calls, data.len())[..], &data[..32768]].concat();
            assert!(decode(&[(&first, 32768), (&data[32768..], 24)]).as_ref() == Ok(&data));
        }
    }

    #[test]
    fn calls_are_not_translated_from_one_gibibyte_on() {
        let mut folder = decompressor(15);
        let block = [0xE8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let src = [&raw_header(&format!("1{:032b}", 12_000_000), 36)[..], &block, &block, &block].concat();
        folder.decompress_block(&src[..src.len() - 24], 12).expect("valid");
        let decoder = &mut folder.decoder;
        for (position, translated) in [(CALLS_END - 32768, true), (CALLS_END, false)] {
            decoder.position = position;
            decoder.frames.push(block.len());
            let mut frame = block;
            decoder.finish(&mut frame);
            assert_eq!(frame != block, translated);
            decoder.resume(&mut frame);
            assert_eq!(frame, block);
        }
    }

    #[test]
    fn a_chunk_behind_another_header_is_a_folder() {
        // Text with calls: of one block, whose bits are the same in both variants.
        let mut data = b"mov eax, ebx; call \xE8\x10\x20\0\0 ret; ".repeat(200);
        (0..data.len()).step_by(37).for_each(|i| data[i] = i as u8);
        let mut packed = vec![0; data.len()];
        let mut compressor = Format::Lzx.compressor(1 << 15, Level::new(2).expect("a level")).expect("a chunk size");
        let size = compressor.compress(&data, &mut packed).expect("it shrinks");
        let bits: String =
            packed[..size].as_chunks().0.iter().map(|unit| format!("{:016b}", u16::from_le_bytes(*unit))).collect();
        assert_eq!(&bits[3..20], format!("0{:016b}", data.len()), "there is one block");
        let (block_type, rest) = (&bits[..3], &bits[20..]);
        let src = units(&format!("1{:032b}{block_type}{:024b}{rest}", 12_000_000, data.len()));
        assert!(decode(&[(&src, data.len())]).as_ref() == Ok(&data));
        // The block goes on; where it would, the bits are missing.
        let src = units(&format!("1{:032b}{block_type}{:024b}{rest}", 12_000_000, data.len() + 1000));
        assert!(decode(&[(&src, data.len())]).as_ref() == Ok(&data));
        assert_eq!(decode(&[(&src, data.len()), (&[], 1000)]), Err(DecodeErrorKind::Truncated));
        for len in 0..src.len() - 2 {
            assert!(decode(&[(&src[..len], data.len())]).is_err());
        }
    }
}

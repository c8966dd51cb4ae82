//! LZX decoding, cabinet variant.
//!
//! A folder is one stream, cut into frames of 32 KiB: one for each of its blocks (which are not LZX's blocks; those may
//! reach from one frame into the next). What differs from the WIM variant:
//!
//! - The history, the recent offsets, the codeword lengths and an LZX block that has begun go on from frame to frame.
//! - Each frame's bits begin with a new unit. Raw bytes go on with the first byte of the next frame, and if so, what
//!   follows them may begin at an odd one.
//! - The stream begins with the range of the CALL filter, which is undone for each frame by itself. Matches refer to
//!   what is still translated, so the output is a copy.
//! - Block sizes always have 24 bits.
//! - Bits beyond the end are an error. In a chunk of a WIM they are zeros, whose harm its SHA-1 shows; a cabinet has none.

use super::bits::BitReader;
use super::decode::{Chunk, Tables};
use super::e8;
use super::format::{RECENT_OFFSETS, block_type, num_main_symbols};
use crate::codec::boxed::boxed_array;
use crate::codec::cabinet::MAX_BLOCK_SIZE;
use crate::codec::cabinet::folder::{BlockDecoder, Folder};
use crate::codec::{DecodeError, DecodeErrorKind, word};

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
        output: boxed_array(0),
    };
    Folder::new(decoder, 1 << window_order)
}

/// Decodes the frames of a folder.
#[derive(Debug)]
pub(in crate::codec) struct CabinetLzx {
    window_order: u32,
    /// The frame with the bytes of its units swapped, and [`BitReader::PADDING`] zeros.
    input: Vec<u8>,
    tables: Box<Tables>,
    recent: [u32; RECENT_OFFSETS],
    stream: Stream,
    /// Whether a byte 0xE8 may have been decoded; matches may have carried it anywhere since.
    may_hold_calls: bool,
    /// Where in the folder's output the next frame begins.
    position: u64,
    /// The frame with its calls translated back.
    output: Box<[u8; MAX_BLOCK_SIZE]>,
}

impl BlockDecoder for CabinetLzx {
    fn decode(&mut self, src: &[u8], buffer: &mut [u8], start: usize) -> Result<(), DecodeError> {
        let mut pos = start;
        let error = |kind, src_offset, pos| DecodeError { kind, src_offset, dst_offset: pos - start };
        let skipped = self.stream.resume_raw(src, buffer, &mut pos).map_err(|kind| error(kind, 0, pos))?;
        let src = src.get(skipped..).unwrap_or_default();
        self.input.clear();
        word::extend_swapped(&mut self.input, src);
        self.input.extend([0; BitReader::PADDING]);
        let mut chunk = Chunk {
            src,
            reader: BitReader::new(&self.input),
            tables: &mut self.tables,
            num_main_symbols: num_main_symbols(self.window_order),
            block_size_bits: BLOCK_SIZE_BITS,
            dst: buffer,
            dst_pos: pos,
            recent: self.recent,
            may_hold_calls: self.may_hold_calls,
        };
        self.stream
            .decode(&mut chunk, max_offset(self.window_order))
            .map_err(|kind| error(kind, skipped + chunk.reader.position().div_ceil(8).min(src.len()), chunk.dst_pos))?;
        self.recent = chunk.recent;
        self.may_hold_calls = chunk.may_hold_calls;
        Ok(())
    }

    fn output<'a>(&'a mut self, block: &'a [u8]) -> &'a [u8] {
        let position = self.position;
        self.position += block.len() as u64;
        match self.stream.calls_range {
            Some(range) if self.may_hold_calls && position < CALLS_END => {
                let output = &mut self.output[..block.len()];
                output.copy_from_slice(block);
                e8::undo_at(position as i32, range, output);
                output
            }
            _ => block,
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
    fn decode(&mut self, chunk: &mut Chunk<'_>, max_offset: u32) -> Result<(), DecodeErrorKind> {
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
            match self.block {
                Block::Verbatim => chunk.items::<false>(end)?,
                Block::Aligned => chunk.items::<true>(end)?,
                Block::Uncompressed { .. } => {
                    let begin = chunk.reader.position() / 8;
                    let raw_end = self.copy_raw(chunk.src, begin, chunk.dst, &mut chunk.dst_pos)?;
                    chunk.reader.seek(raw_end);
                    continue;
                }
            }
            check_bits(chunk)?;
            self.left -= size;
        }
        Ok(())
    }

    /// Reads a block's header.
    fn begin_block(&mut self, chunk: &mut Chunk<'_>, max_offset: u32) -> Result<(), DecodeErrorKind> {
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
fn check_bits(chunk: &Chunk<'_>) -> Result<(), DecodeErrorKind> {
    if chunk.reader.position() > chunk.src.len() / 2 * 16 { Err(DecodeErrorKind::Truncated) } else { Ok(()) }
}

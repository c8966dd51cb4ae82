//! How the folders of cabinets are compressed: MSZIP, Quantum, and the cabinet variant of LZX.
//!
//! A folder is a list of blocks, each of which becomes 32 KiB, the last one perhaps less. Unlike the chunks of a WIM
//! they do not stand alone: matches reach into earlier blocks, and Quantum and LZX go on with the models or codes that
//! the block before has left. So there is a decompressor for each folder, and it is given block after block.
//!
//! ```
//! use wimkit::codec::cabinet::Method;
//!
//! // One block of "CK" and a DEFLATE stream with the letters of "hello".
//! let block = [0x43, 0x4B, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
//! let mut folder = Method::Mszip.decompressor()?;
//! assert_eq!(folder.decompress_block(&block, 5)?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(super) mod folder;
mod history;
mod mszip;
mod quantum;

use super::{DecodeError, Level, lzx};

/// The most bytes that a block becomes. All blocks of a folder but the last become as many.
pub const MAX_BLOCK_SIZE: usize = 1 << 15;
/// The most bytes that a block may occupy in the cabinet.
pub const MAX_PAYLOAD_SIZE: usize = MAX_BLOCK_SIZE + 6144;

/// How the blocks of a cabinet's folder are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// DEFLATE, one stream for each block.
    Mszip,
    /// LZ77 with an adaptive arithmetic coder.
    Quantum {
        /// The window is of `1 << window_order` bytes: 10 to 21.
        window_order: u32,
    },
    /// LZX, one stream for the whole folder.
    Lzx {
        /// The window is of `1 << window_order` bytes: 15 to 21.
        window_order: u32,
    },
}

/// A window order that the method does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method:?} is not a method of cabinets: Quantum has window orders of 10 to 21, LZX of 15 to 21")]
pub struct UnsupportedWindow {
    /// The refused method.
    pub method: Method,
}

/// So many blocks may be decoded before their output is taken.
pub const MAX_PENDING_BLOCKS: usize = 4;

/// Decodes the blocks of a folder, one after the other; they share a history.
pub trait BlockDecompressor: Send {
    /// Decodes the next block: `src` is its payload, `size` its uncompressed size, 1 to [`MAX_BLOCK_SIZE`]. The output is
    /// [taken](Self::take_output) later, of several blocks at once: nothing is copied for that.
    ///
    /// # Errors
    /// Malformed data, or a size that no block has. The folder cannot be continued then: later calls are errors, too. The
    /// output of earlier blocks can still be taken.
    ///
    /// # Panics
    /// If [`MAX_PENDING_BLOCKS`] have not been taken.
    fn add_block(&mut self, src: &[u8], size: usize) -> Result<(), DecodeError>;

    /// The output of all blocks since the last call.
    fn take_output(&mut self) -> &[u8];

    /// Decodes a block as [`Self::add_block`] does, and takes its output, with that of blocks which have not been taken.
    ///
    /// # Errors
    /// As [`Self::add_block`].
    fn decompress_block(&mut self, src: &[u8], size: usize) -> Result<&[u8], DecodeError> {
        self.add_block(src, size)?;
        Ok(self.take_output())
    }
}

/// Encodes the blocks of a folder.
pub trait BlockCompressor: Send {
    /// Encodes the next bytes of the folder, any number of whole blocks; the folder's last one may be shorter. `receive` is given
    /// each block's payload, of at most [`MAX_PAYLOAD_SIZE`] bytes, and how many bytes it stands for.
    ///
    /// The more bytes there are at a time the better: a mebibyte or two is enough.
    fn compress_blocks(&mut self, src: &[u8], receive: &mut dyn FnMut(&[u8], usize));
}

impl Method {
    /// Checks the window order.
    ///
    /// # Errors
    /// A window order that the method does not allow.
    pub const fn check(self) -> Result<(), UnsupportedWindow> {
        match self {
            Self::Mszip | Self::Quantum { window_order: 10..=21 } | Self::Lzx { window_order: 15..=21 } => Ok(()),
            Self::Quantum { .. } | Self::Lzx { .. } => Err(UnsupportedWindow { method: self }),
        }
    }

    /// A decompressor for one folder.
    ///
    /// # Errors
    /// A window order that the method does not allow.
    pub fn decompressor(self) -> Result<Box<dyn BlockDecompressor>, UnsupportedWindow> {
        self.check()?;
        Ok(match self {
            Self::Mszip => Box::new(mszip::decompressor()),
            Self::Quantum { window_order } => Box::new(quantum::decompressor(window_order)),
            Self::Lzx { window_order } => Box::new(lzx::cabinet::decompressor(window_order)),
        })
    }
    /// A compressor for one folder. For Quantum there is none, nor for LZX with a window of less than 2^17 bytes.
    ///
    /// # Errors
    /// A method or window order that there is no compressor for.
    pub fn compressor(self, level: Level) -> Result<Box<dyn BlockCompressor>, UnsupportedWindow> {
        match self {
            Self::Mszip => Ok(Box::new(mszip::MszipCompressor::new(level, &[]))),
            Self::Lzx { window_order: window_order @ 17..=21 } => {
                Ok(Box::new(lzx::encode::cabinet::CabinetLzxCompressor::new(window_order, level)))
            }
            Self::Quantum { .. } | Self::Lzx { .. } => Err(UnsupportedWindow { method: self }),
        }
    }

    /// A compressor for the blocks of a folder behind the block `before`, or for the whole of it if that is empty. Only MSZIP
    /// can begin anywhere: its blocks are the same then as if all before had been encoded, too.
    ///
    /// # Errors
    /// As [`Self::compressor`].
    ///
    /// # Panics
    /// If there is a block before, and the method is not MSZIP.
    pub fn compressor_behind(self, before: &[u8], level: Level) -> Result<Box<dyn BlockCompressor>, UnsupportedWindow> {
        match self {
            Self::Mszip => Ok(Box::new(mszip::MszipCompressor::new(level, before))),
            Self::Quantum { .. } | Self::Lzx { .. } => {
                assert!(before.is_empty(), "{self:?} begins with the folder");
                self.compressor(level)
            }
        }
    }

    /// About how many bytes a compressor occupies.
    pub fn compressor_memory(self, level: Level) -> u64 {
        match self {
            Self::Mszip => mszip::COMPRESSOR_MEMORY,
            Self::Lzx { window_order } => lzx::encode::cabinet::CabinetLzxCompressor::memory(window_order, level),
            Self::Quantum { .. } => 0,
        }
    }
}

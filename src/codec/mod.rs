//! The chunk codecs of the WIM format, XPRESS, LZX and LZMS, in [`cabinet`] those of cabinets, and in [`delta`] the deltas of packages.
//!
//! A codec works on one chunk at a time: `&[u8]` in, `&mut [u8]` out. It knows nothing of files. Contexts are
//! reusable: make one per thread and feed it chunk after chunk; no state carries over from one chunk to the next.
//!
//! ```
//! use wimkit::codec::{Format, Level};
//!
//! let text = b"the quick brown fox jumps over the lazy dog. ".repeat(100);
//! let mut packed = vec![0; text.len()];
//! let mut compressor = Format::Lzx.compressor(32768, Level::DEFAULT)?;
//! let size = compressor.compress(&text, &mut packed).expect("repetitive text shrinks");
//!
//! let mut unpacked = vec![0; text.len()];
//! Format::Lzx.decompressor(32768)?.decompress(&packed[..size], &mut unpacked)?;
//! assert_eq!(unpacked, text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boxed;
pub mod cabinet;
mod copy;
#[cfg(target_arch = "x86_64")]
mod cpu;
pub mod delta;
mod error;
mod hopeless;
pub mod huffman;
mod known_match;
pub mod lzh;
pub mod lzms;
pub mod lzss;
pub mod lzx;
mod matchfinder;
mod price;
mod processor;
#[cfg(test)]
mod round_trip;
mod strict;
#[cfg(test)]
mod test_data;
mod word;
pub mod xpress;

/// Plain reference decoders, for the fuzz targets and benches to compare the fast ones with.
#[cfg(any(test, feature = "__internal-testing"))]
pub mod plain {
    use super::strict::{Rules, decode_plainly};
    use super::{DecodeError, Format};

    /// Decodes one chunk of `format` with nominally `chunk_size` bytes, straight after the format's description.
    ///
    /// # Errors
    /// Malformed data, of the same kinds as the fast decoders' errors.
    pub fn decompress(format: Format, chunk_size: u32, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError> {
        decode_plainly(Rules::TOLERANT, format, chunk_size, src, dst)
    }
}

pub use error::{DecodeError, DecodeErrorKind, Oddity, UnsupportedChunkSize};
pub use known_match::KnownMatch;

/// A compression format of the WIM container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// XPRESS Huffman; chunks of 2^12 to 2^16 bytes.
    Xpress,
    /// LZX, WIM variant; chunks of 2^15 to 2^21 bytes.
    Lzx,
    /// LZMS; chunks of 2^15 to 2^30 bytes.
    Lzms,
}

/// How hard a compressor tries: 1 (quick) to 9 (strong). Each level is at least as small and as slow as the one below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// Level 5.
    pub const DEFAULT: Self = Self(5);

    /// A level from 1 to 9; `None` for any other number.
    pub const fn new(level: u8) -> Option<Self> {
        if level >= 1 && level <= 9 { Some(Self(level)) } else { None }
    }

    /// The number, 1 to 9.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Decodes chunks of one format and one nominal chunk size.
pub trait Decompressor: Send {
    /// Decodes one chunk. `dst` has exactly the chunk's uncompressed length, which the container knows.
    ///
    /// `src` is the chunk as stored; a chunk stored raw (same stored and uncompressed size) is not for the codec.
    /// What both established readers tolerate is accepted: trailing bytes, non-zero padding, a missing end symbol,
    /// bits beyond the end (read as zero). Damage which that lets through shows in the blob's SHA-1. A
    /// [strict](Format::strict_decompressor) decoder refuses all that.
    ///
    /// # Errors
    /// Malformed data. `dst` then holds unspecified bytes, and the context stays usable.
    fn decompress(&mut self, src: &[u8], dst: &mut [u8]) -> Result<(), DecodeError>;

    /// As [`Decompressor::decompress`]; `matches` become those that the chunk consists of, in the order of their positions, for
    /// [`Compressor::compress_with_matches`]. None where the format, or a chunk of more than 65536 bytes, does not tell:
    /// that is so for all but LZX.
    ///
    /// # Errors
    /// The same.
    fn decompress_with_matches(
        &mut self,
        src: &[u8],
        dst: &mut [u8],
        matches: &mut Vec<KnownMatch>,
    ) -> Result<(), DecodeError> {
        matches.clear();
        self.decompress(src, dst)
    }
}

/// Encodes chunks of one format, one nominal chunk size, one level.
pub trait Compressor: Send {
    /// Encodes one chunk of at most the nominal chunk size into `dst` and returns the stored length. Behind that, `dst`
    /// may hold anything.
    ///
    /// `None`: the result would not be smaller than both `src` and `dst`: store the chunk raw. The same input
    /// gives the same bytes whatever the context saw before.
    ///
    /// # Panics
    /// If `src` is longer than the chunk size the context was made for.
    fn compress(&mut self, src: &[u8], dst: &mut [u8]) -> Option<usize>;

    /// As [`Compressor::compress`], with the matches of the stream that `src` was decoded from: if there are any, they may take
    /// the place of a search. The result depends on them; how good it is, too. They need not be true.
    ///
    /// # Panics
    /// In the same case.
    fn compress_with_matches(&mut self, src: &[u8], matches: &[KnownMatch], dst: &mut [u8]) -> Option<usize> {
        let _ = matches;
        self.compress(src, dst)
    }
}

impl Format {
    /// The smallest and largest chunk size that the format allows, in bytes.
    pub const fn chunk_size_range(self) -> (u32, u32) {
        match self {
            Self::Xpress => (1 << 12, 1 << 16),
            Self::Lzx => (1 << 15, 1 << 21),
            Self::Lzms => (1 << 15, 1 << 30),
        }
    }

    /// Checks that `chunk_size` is a power of two inside the format's range.
    ///
    /// # Errors
    /// [`UnsupportedChunkSize`], naming the format and the range.
    pub const fn check_chunk_size(self, chunk_size: u32) -> Result<(), UnsupportedChunkSize> {
        let (min, max) = self.chunk_size_range();
        if chunk_size.is_power_of_two() && chunk_size >= min && chunk_size <= max {
            Ok(())
        } else {
            Err(UnsupportedChunkSize { format: self, chunk_size })
        }
    }

    /// A decompressor for chunks of nominally `chunk_size` bytes.
    ///
    /// # Errors
    /// A chunk size that the format does not allow.
    pub fn decompressor(self, chunk_size: u32) -> Result<Box<dyn Decompressor>, UnsupportedChunkSize> {
        self.check_chunk_size(chunk_size)?;
        Ok(match self {
            Self::Xpress => Box::new(xpress::XpressDecompressor::new()),
            Self::Lzx => Box::new(lzx::LzxDecompressor::new(chunk_size.ilog2())),
            Self::Lzms => Box::new(lzms::LzmsDecompressor::new()),
        })
    }

    /// A decompressor that also refuses what only some readers accept, as [`DecodeErrorKind::Odd`].
    ///
    /// It is for judging an encoder's output, not for reading files: a reference decoder that takes single bits
    /// straight after the format's description, several times slower than [`Format::decompressor`].
    ///
    /// # Errors
    /// A chunk size that the format does not allow.
    pub fn strict_decompressor(self, chunk_size: u32) -> Result<Box<dyn Decompressor>, UnsupportedChunkSize> {
        self.check_chunk_size(chunk_size)?;
        Ok(Box::new(strict::StrictDecompressor::new(self, chunk_size)))
    }

    /// A compressor for chunks of nominally `chunk_size` bytes.
    ///
    /// # Errors
    /// A chunk size that the format does not allow.
    pub fn compressor(self, chunk_size: u32, level: Level) -> Result<Box<dyn Compressor>, UnsupportedChunkSize> {
        self.check_chunk_size(chunk_size)?;
        Ok(match self {
            Self::Xpress => Box::new(xpress::XpressCompressor::new(chunk_size as usize, level)),
            Self::Lzx => Box::new(lzx::LzxCompressor::new(chunk_size.ilog2(), level)),
            Self::Lzms => Box::new(lzms::LzmsCompressor::new(chunk_size as usize, level)),
        })
    }

    /// Whether a compressor of this level makes use of what [`Compressor::compress_with_matches`] is told.
    pub const fn uses_matches(self, level: Level) -> bool {
        matches!(self, Self::Xpress) && level.get() <= xpress::LAST_LAZY_LEVEL
    }

    /// Roughly how many bytes a compressor context for `chunk_size` occupies, not counting input and output.
    pub fn compressor_memory(self, chunk_size: u32, level: Level) -> u64 {
        match self {
            Self::Xpress => xpress::XpressCompressor::memory(chunk_size as usize, level),
            Self::Lzx => lzx::LzxCompressor::memory(chunk_size.ilog2(), level),
            Self::Lzms => lzms::LzmsCompressor::memory(chunk_size as usize, level),
        }
    }

    /// The format's name in lower case: `xpress`, `lzx`, `lzms`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xpress => "xpress",
            Self::Lzx => "lzx",
            Self::Lzms => "lzms",
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

//! What can be wrong with a compressed chunk.

use super::Format;

/// A chunk that cannot be decoded: what was wrong, and where in the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (compressed byte {src_offset}, output byte {dst_offset} of the chunk)")]
pub struct DecodeError {
    /// What was wrong.
    pub kind: DecodeErrorKind,
    /// About how many bytes of the compressed chunk had been read.
    pub src_offset: usize,
    /// How many bytes of output had been produced.
    pub dst_offset: usize,
}

/// The ways in which a chunk can be malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends before something that cannot be taken as zeros.
    #[error("the compressed data ends too early")]
    Truncated,
    /// The stored size is one the format cannot have (LZMS: odd, or below 4).
    #[error("the compressed size is impossible for this format")]
    BadSize,
    /// A set of codeword lengths that is over-subscribed or incomplete.
    #[error("the {0} has impossible codeword lengths")]
    BadCode(&'static str),
    /// A run of codeword lengths passes the end of its vector, or has an impossible operand.
    #[error("a run of codeword lengths is malformed")]
    BadLengthRun,
    /// An LZX block type other than 1, 2 and 3.
    #[error("unknown block type {0}")]
    BadBlockType(u8),
    /// A block of no bytes, or larger than the rest of the chunk.
    #[error("the block size {0} is impossible here")]
    BadBlockSize(u32),
    /// A match refers to data before the beginning of the chunk.
    #[error("a match reaches {offset} bytes back, before the beginning of the chunk")]
    BadOffset {
        /// The offset, in bytes.
        offset: u64,
    },
    /// A match is longer than what its block or chunk still lacks.
    #[error("a match of {length} bytes runs past the end of its block")]
    BadLength {
        /// The length, in bytes.
        length: u64,
    },
    /// A recent offset of zero in the header of an uncompressed block.
    #[error("a recent offset is zero")]
    ZeroRecentOffset,
    /// A symbol that no codeword of a degenerate code stands for.
    #[error("an impossible symbol")]
    BadSymbol,
    /// A block of an MSZIP folder that does not begin with its signature.
    #[error("the signature \"CK\" is missing")]
    BadSignature,
    /// A block of an MSZIP folder that is not a DEFLATE stream of its size.
    #[error("the DEFLATE stream is malformed")]
    BadDeflate,
    /// Something that only a [strict](Format::strict_decompressor) decoder refuses.
    #[error("{0}; not every reader accepts that")]
    Odd(Oddity),
}

/// What one established reader tolerates and another refuses, so that an encoder must not write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Oddity {
    /// The chunk goes on behind its data.
    #[error("the data is followed by {0} needless bytes")]
    TrailingBytes(usize),
    /// Something is taken as zeros because the input has ended.
    #[error("bits beyond the end of the compressed data are needed")]
    BitsBeyondEnd,
    /// The bits or the byte that fill up the last unit are not zero.
    #[error("the padding is not zero")]
    Padding,
    /// An LZX block of an odd number of raw bytes without the byte behind it.
    #[error("the byte that pads an uncompressed block is missing")]
    MissingPadByte,
    /// The bits before the raw part of an uncompressed LZX block are not zero.
    #[error("the bits before the header of an uncompressed block are not zero")]
    Alignment,
    /// A recent offset in the header of an uncompressed LZX block that no match can have.
    #[error("a recent offset is {0}, more than the window allows")]
    RecentOffset(u32),
    /// A code without codewords is used.
    #[error("the {0} is empty")]
    EmptyCode(&'static str),
    /// In LZX, a run of codeword lengths whose operand is 17.
    #[error("a run of codeword lengths has the operand 17")]
    RunOperand,
    /// XPRESS data without the end symbol.
    #[error("the end symbol is missing")]
    MissingEndSymbol,
    /// An XPRESS match whose length is in the form of much longer ones.
    #[error("a match of {0} bytes has its length in two bytes, which is for 273 and more")]
    LongLength(usize),
    /// Both ends of LZMS data have read the same bytes.
    #[error("the two streams overlap")]
    Overlap,
    /// What is left of the range coder's value at the end of LZMS data.
    #[error("the range coder ends with {0:#x} instead of 0")]
    FinalCode(u32),
}

/// A chunk size that the format does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{format} does not allow a chunk size of {chunk_size}: a power of two from {} to {} is expected", format.chunk_size_range().0, format.chunk_size_range().1)]
pub struct UnsupportedChunkSize {
    /// The format.
    pub format: Format,
    /// The refused chunk size, in bytes.
    pub chunk_size: u32,
}

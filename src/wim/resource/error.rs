//! What can be wrong with a resource.

use crate::codec::{DecodeError, Format, UnsupportedChunkSize};

/// A resource that cannot be read. Offsets count from the start of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// The file cannot be read there.
    #[error("offset {offset:#x}: reading failed: {kind}")]
    Io {
        /// Where.
        offset: u64,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// The resource passes the end of the file.
    #[error("offset {offset:#x}: a resource of {size} bytes lies outside the file of {file_size} bytes")]
    OutsideFile {
        /// Where it would begin.
        offset: u64,
        /// Its size in the file.
        size: u64,
        /// The file's size.
        file_size: u64,
    },
    /// An uncompressed resource with two different sizes.
    #[error("offset {offset:#x}: an uncompressed resource is stored in {stored} bytes but declares {declared}")]
    SizeMismatch {
        /// Where it begins.
        offset: u64,
        /// Bytes in the file.
        stored: u64,
        /// Bytes it should expand to.
        declared: u64,
    },
    /// COMPRESSED in a file whose header announces no compression.
    #[error("offset {offset:#x}: a compressed resource in a file without a compression type")]
    NoFormat {
        /// Where it begins.
        offset: u64,
    },
    /// Both COMPRESSED and SOLID.
    #[error("offset {offset:#x}: a resource is flagged both compressed and solid")]
    FlagClash {
        /// Where it begins.
        offset: u64,
    },
    /// A chunk size that the format does not allow.
    #[error("{0}")]
    ChunkSize(#[from] UnsupportedChunkSize),
    /// The resource is too small to hold the chunks its size calls for.
    #[error("offset {offset:#x}: {stored} stored bytes cannot hold the {chunks} chunks of {declared} bytes")]
    Implausible {
        /// Where it begins.
        offset: u64,
        /// Bytes in the file.
        stored: u64,
        /// Chunks by the declared size.
        chunks: u64,
        /// Bytes it should expand to.
        declared: u64,
    },
    /// A chunk of no bytes, or of more bytes than it expands to, or one outside of its resource.
    #[error("offset {offset:#x}: chunk {chunk} would be stored in {stored} bytes; 1 to {uncompressed} are possible")]
    ChunkBounds {
        /// Where the entry of the chunk table stands.
        offset: u64,
        /// 0-based number of the chunk.
        chunk: u64,
        /// Its stored size by the table (negative when entries run backwards).
        stored: i128,
        /// Its uncompressed size.
        uncompressed: u64,
    },
    /// The header of a solid resource is wrong.
    #[error("offset {offset:#x}: the solid resource's header: {what}: found {found}")]
    SolidHeader {
        /// Where the field stands.
        offset: u64,
        /// Which rule.
        what: &'static str,
        /// The value found.
        found: u64,
    },
    /// More bytes than the reader may hold.
    #[error("offset {offset:#x}: {size} bytes are needed at once, the limit is {limit}")]
    TooLarge {
        /// Where the resource or chunk begins.
        offset: u64,
        /// Bytes needed.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A chunk does not decode.
    #[error("offset {offset:#x}: a chunk of {format} data is malformed: {error}")]
    Decode {
        /// Where the chunk begins.
        offset: u64,
        /// Its format.
        format: Format,
        /// What the codec found.
        error: DecodeError,
    },
}

//! Resources: how their bytes are cut into chunks, and how a chunk is read.

mod chunk_map;
mod decoders;
mod error;

pub(super) use chunk_map::MAX_SOLID_CHUNKS;
pub use chunk_map::{ChunkMap, StoredChunk};
pub use decoders::DecoderPool;
pub use error::ResourceError;

use crate::codec::{DecodeError, Decompressor, Format, KnownMatch};
use crate::util::read_at::{ReadAt, bytes_at};
use rayon::prelude::*;

/// Uncompressed bytes that [`read_all`] decodes side by side.
const READ_ALL_GROUP: u64 = 4 << 20;

/// How the chunks of a resource are compressed: format and nominal chunk size.
pub type Coding = (Format, u32);

/// Reads and decodes one chunk into `dst`, which has the chunk's uncompressed size.
///
/// # Errors
/// The source cannot be read, or the chunk cannot be decoded.
pub fn read_chunk(
    source: &dyn ReadAt,
    chunk: &StoredChunk,
    coding: Option<Coding>,
    decoders: &DecoderPool,
    dst: &mut [u8],
) -> Result<(), ResourceError> {
    read_with(source, chunk, coding, decoders, dst, |decoder, src, dst| decoder.decompress(src, dst))
}

/// As [`read_chunk`]; also gives the [matches](Decompressor::decompress_with_matches) that the chunk consists of, as far as its
/// format tells.
///
/// # Errors
/// The same.
pub fn read_chunk_with_matches(
    source: &dyn ReadAt,
    chunk: &StoredChunk,
    coding: Option<Coding>,
    decoders: &DecoderPool,
    dst: &mut [u8],
) -> Result<Vec<KnownMatch>, ResourceError> {
    let mut matches = Vec::new();
    read_with(source, chunk, coding, decoders, dst, |decoder, src, dst| {
        decoder.decompress_with_matches(src, dst, &mut matches)
    })?;
    Ok(matches)
}

fn read_with(
    source: &dyn ReadAt,
    chunk: &StoredChunk,
    coding: Option<Coding>,
    decoders: &DecoderPool,
    dst: &mut [u8],
    decode: impl FnOnce(&mut dyn Decompressor, &[u8], &mut [u8]) -> Result<(), DecodeError>,
) -> Result<(), ResourceError> {
    debug_assert_eq!(dst.len() as u64, chunk.uncompressed_size);
    let io = |error: std::io::Error| ResourceError::Io { offset: chunk.offset_in_wim, kind: error.kind() };
    let coding = match coding {
        Some(coding) if chunk.stored_size != chunk.uncompressed_size => coding,
        _ => return source.read_exact_at(dst, chunk.offset_in_wim).map_err(io),
    };
    // A chunk table has ensured that the stored size is no larger than the uncompressed one.
    let stored = bytes_at(source, chunk.offset_in_wim, chunk.stored_size as usize).map_err(io)?;
    decode(&mut **decoders.get(coding)?, &stored, dst).map_err(|error| ResourceError::Decode {
        offset: chunk.offset_in_wim,
        format: coding.0,
        error,
    })
}

/// Reads a whole resource into memory, refusing more than `limit` bytes.
///
/// # Errors
/// As [`read_chunk`]; [`ResourceError::TooLarge`] above the limit.
pub fn read_all(
    source: &dyn ReadAt,
    map: &ChunkMap,
    limit: u64,
    decoders: &DecoderPool,
) -> Result<Vec<u8>, ResourceError> {
    let size = map.uncompressed_size();
    if size > limit {
        return Err(ResourceError::TooLarge { offset: map.offset_in_wim(), size, limit });
    }
    let mut bytes = Vec::new();
    let mut chunks = Vec::new();
    let count = map.chunk_count();
    let mut next = 0;
    while next < count {
        // Growing group by group bounds what a lying size can make us allocate by what decodes.
        let group = (count - next).min(READ_ALL_GROUP.div_ceil(map.chunk_size()));
        chunks.clear();
        map.locate(source, next..next + group, &mut chunks)?;
        let start = bytes.len();
        let group_size: u64 = chunks.iter().map(|chunk| chunk.uncompressed_size).sum();
        bytes.resize(start + group_size as usize, 0);
        chunks
            .par_iter()
            .zip(bytes[start..].par_chunks_mut(map.chunk_size() as usize))
            .try_for_each(|(chunk, dst)| read_chunk(source, chunk, map.coding(), decoders, dst))?;
        next += group;
    }
    Ok(bytes)
}

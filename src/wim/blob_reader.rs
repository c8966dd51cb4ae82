//! Random access to the content of a file in an image.

use std::io;
use std::ops::Deref;
use std::sync::Arc;

use super::WimError;
use super::chunk_cache::{CacheShare, ChunkCache, ChunkPlace};
use super::engine::{BlobSource, Request};
use super::reader::{KnownBlob, Wim};
use super::resource::{ChunkMap, ResourceError, read_chunk};
use crate::util::read_at::ReadAt;

/// Decoded bytes that a reader keeps for itself.
const CACHE_BYTES: u64 = 16 << 20;

/// A blob as a source of its own: chunks are decoded when they are read, and the latest ones are kept.
///
/// `W` is what holds the WIM: a reference, or an [`Arc`].
///
/// Hashes cover whole blobs, so what is read is not compared with any: [`super::verify`] does that.
pub struct BlobReader<W = Arc<Wim>> {
    wim: W,
    file: usize,
    map: Arc<ChunkMap>,
    /// Where the blob begins in the uncompressed resource.
    start: u64,
    size: u64,
    cache: CacheShare,
}

impl<W: Deref<Target = Wim>> BlobReader<W> {
    /// A reader of `blob`, which is one of the WIM's. `memory` bounds the bytes of a decoded chunk.
    ///
    /// # Errors
    /// The resource is broken, or its chunks are too large for the memory.
    pub fn new(wim: W, blob: &KnownBlob, memory: u64) -> Result<Self, WimError> {
        Self::with_cache(wim, blob, memory, ChunkCache::new(CACHE_BYTES).share())
    }

    /// A reader of `blob` that keeps its chunks in the WIM's share of a cache.
    ///
    /// # Errors
    /// As [`BlobReader::new`].
    pub fn with_cache(wim: W, blob: &KnownBlob, memory: u64, cache: CacheShare) -> Result<Self, WimError> {
        let request = wim.request(blob)?;
        wim.check_memory(std::slice::from_ref(&request), memory)?;
        let Request { size, file, source, .. } = request;
        let broken = |error| {
            let path = wim.files()[file].path.clone();
            Err(WimError::Resource { path, what: format!("blob {}", blob.sha1), error })
        };
        let (map, start) = match source {
            BlobSource::Resource(map) => (Arc::new(map), 0),
            BlobSource::Solid { resource, offset } => (resource, offset),
            BlobSource::Broken(error) => return broken(error),
        };
        let file_size = map.uncompressed_size();
        if start.checked_add(size).is_none_or(|end| end > file_size) {
            return broken(ResourceError::OutsideFile { offset: start, size, file_size });
        }
        Ok(Self { wim, file, map, start, size, cache })
    }

    fn decode(&self, index: u64) -> Result<Vec<u8>, ResourceError> {
        let source = &*self.wim.files()[self.file].source;
        let mut chunks = Vec::with_capacity(1);
        self.map.locate(source, index..index + 1, &mut chunks)?;
        let mut bytes = vec![0; chunks[0].uncompressed_size as usize];
        read_chunk(source, &chunks[0], self.map.coding(), self.wim.decoders(), &mut bytes)?;
        Ok(bytes)
    }

    /// Reads what is stored as it is: there is nothing to keep.
    fn read_stored(&self, mut buf: &mut [u8], mut position: u64) -> io::Result<()> {
        let source = &*self.wim.files()[self.file].source;
        let mut chunks = Vec::with_capacity(1);
        while !buf.is_empty() {
            let (index, begin) = (position / self.map.chunk_size(), position % self.map.chunk_size());
            chunks.clear();
            self.map.locate(source, index..index + 1, &mut chunks).map_err(invalid_data)?;
            let nbytes = (chunks[0].uncompressed_size - begin).min(buf.len() as u64);
            let (now, later) = buf.split_at_mut(nbytes as usize);
            source.read_exact_at(now, chunks[0].offset_in_wim + begin)?;
            position += nbytes;
            buf = later;
        }
        Ok(())
    }
}

fn invalid_data(error: ResourceError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<W: Deref<Target = Wim> + Send + Sync> ReadAt for BlobReader<W> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, mut buf: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut position = self.start + offset;
        if self.map.coding().is_none() {
            return self.read_stored(buf, position);
        }
        while !buf.is_empty() {
            let (index, begin) = (position / self.map.chunk_size(), position % self.map.chunk_size());
            let place = ChunkPlace { file: self.file, resource: self.map.offset_in_wim(), index };
            let size = self.map.chunk_size().min(self.map.uncompressed_size() - index * self.map.chunk_size());
            let read = self.cache.read(place, size, begin, buf, || self.decode(index));
            let nbytes = read.map_err(invalid_data)?;
            position += nbytes as u64;
            buf = &mut buf[nbytes..];
        }
        Ok(())
    }
}

//! Random access to the content of a file in an image.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::WimError;
use super::engine::{BlobSource, Request};
use super::reader::{KnownBlob, Wim};
use super::resource::{ChunkMap, ResourceError, read_chunk};
use crate::util::read_at::ReadAt;

/// Decoded bytes that are kept, in chunks; at least [`LEAST_CHUNKS`].
const CACHE_BYTES: u64 = 16 << 20;
/// For a reader that goes back and forth between two places.
const LEAST_CHUNKS: u64 = 2;

/// A decoded chunk, or one that some thread is decoding.
type Chunk = Arc<OnceLock<Result<Vec<u8>, ResourceError>>>;

/// A blob as a source of its own: chunks are decoded when they are read, and the latest ones are kept.
///
/// Hashes cover whole blobs, so what is read is not compared with any: [`super::verify`] does that.
pub struct BlobReader {
    wim: Arc<Wim>,
    file: usize,
    map: Arc<ChunkMap>,
    /// Where the blob begins in the uncompressed resource.
    start: u64,
    size: u64,
    /// By number, the one used last at the end.
    cache: Mutex<Vec<(u64, Chunk)>>,
}

impl BlobReader {
    /// A reader of `blob`, which is one of the WIM's. `memory` bounds the bytes of a decoded chunk.
    ///
    /// # Errors
    /// The resource is broken, or its chunks are too large for the memory.
    pub fn new(wim: Arc<Wim>, blob: &KnownBlob, memory: u64) -> Result<Self, WimError> {
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
        Ok(Self { wim, file, map, start, size, cache: Mutex::default() })
    }

    /// Chunk `index`, which only one thread decodes while others that want it wait.
    fn chunk(&self, index: u64) -> Chunk {
        let chunk = {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let known = cache.iter().position(|(known, _)| *known == index).map(|place| cache.remove(place).1);
            let chunk = known.unwrap_or_default();
            let room = (CACHE_BYTES / self.map.chunk_size()).max(LEAST_CHUNKS) as usize;
            if cache.len() >= room {
                cache.remove(0);
            }
            cache.push((index, Arc::clone(&chunk)));
            chunk
        };
        chunk.get_or_init(|| self.decode(index));
        chunk
    }

    fn decode(&self, index: u64) -> Result<Vec<u8>, ResourceError> {
        let source = &*self.wim.files()[self.file].source;
        let mut chunks = Vec::with_capacity(1);
        self.map.locate(source, index..index + 1, &mut chunks)?;
        let mut bytes = vec![0; chunks[0].uncompressed_size as usize];
        read_chunk(source, &chunks[0], self.map.coding(), self.wim.decoders(), &mut bytes)?;
        Ok(bytes)
    }
}

impl ReadAt for BlobReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, mut buf: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut position = self.start + offset;
        while !buf.is_empty() {
            let (index, begin) = (position / self.map.chunk_size(), (position % self.map.chunk_size()) as usize);
            let chunk = self.chunk(index);
            let bytes = match chunk.wait() {
                Ok(bytes) => &bytes[begin..],
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, *error)),
            };
            let (now, later) = buf.split_at_mut(bytes.len().min(buf.len()));
            now.copy_from_slice(&bytes[..now.len()]);
            position += now.len() as u64;
            buf = later;
        }
        Ok(())
    }
}

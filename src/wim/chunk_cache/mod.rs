//! Decoded chunks, kept for whoever reads them next.
//!
//! One cache serves any number of readers of any number of archives. A chunk is decoded by the first thread that wants it,
//! while others that want it, too, wait; none is decoded twice side by side. What was used least recently goes first. A
//! chunk in use is never counted as gone: what is held is the limit, or two chunks if they are larger, and beyond it one chunk
//! for each thread at work. Large chunks go to a file instead, if there is one.

mod scratch;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::resource::ResourceError;
use scratch::Scratch;

/// Chunks that are kept however large they are: for a reader that goes back and forth between two places.
const LEAST_CHUNKS: usize = 2;

/// Chunks from this size on, in bytes, are kept in the file: a tenth of a second's decoding.
const LARGE_CHUNK: u64 = 4 << 20;

/// A decoded chunk, or one that some thread is decoding.
type Chunk = Arc<OnceLock<Result<Vec<u8>, ResourceError>>>;

/// Keeps decoded chunks up to a number of bytes.
#[derive(Debug)]
pub struct ChunkCache {
    limit: u64,
    shares: AtomicU64,
    state: Mutex<State>,
    scratch: Option<Scratch>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<ChunkKey, Slot>,
    /// The key of every slot, by when it was used last.
    by_use: BTreeMap<u64, ChunkKey>,
    bytes: u64,
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    chunk: Chunk,
    size: u64,
    used: u64,
}

/// One archive's share of a cache.
#[derive(Clone, Debug)]
pub struct CacheShare {
    cache: Arc<ChunkCache>,
    archive: u64,
}

/// Which chunk of which resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ChunkKey {
    archive: u64,
    place: ChunkPlace,
}

/// A chunk within an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkPlace {
    /// Which of the archive's files.
    pub file: usize,
    /// Where the resource begins in that file.
    pub resource: u64,
    /// Number of the chunk in the resource, from 0.
    pub index: u64,
}

impl ChunkCache {
    /// A cache that keeps up to `limit` bytes, but at least two chunks.
    pub fn new(limit: u64) -> Arc<Self> {
        Self::with(limit, None)
    }

    /// A cache that keeps chunks of 4 MiB and more in a file without a name in `directory`, while 1 GiB is left free there.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn with_scratch(limit: u64, directory: &Path) -> io::Result<Arc<Self>> {
        Ok(Self::with(limit, Some(Scratch::new(directory)?)))
    }

    fn with(limit: u64, scratch: Option<Scratch>) -> Arc<Self> {
        Arc::new(Self { limit, shares: AtomicU64::new(0), state: Mutex::default(), scratch })
    }

    /// A share for one archive, whose chunks are told from those of all others.
    pub fn share(self: &Arc<Self>) -> CacheShare {
        CacheShare { cache: Arc::clone(self), archive: self.shares.fetch_add(1, Ordering::Relaxed) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheShare {
    /// Fills `buf` from byte `begin` on of the chunk at `place`, which has `size` bytes, and is what `decode` makes unless
    /// it is kept. Answers how much was filled: less only at the end of the chunk.
    ///
    /// # Errors
    /// What `decode` answered, whenever that was.
    pub fn read(
        &self,
        place: ChunkPlace,
        size: u64,
        begin: u64,
        buf: &mut [u8],
        decode: impl FnOnce() -> Result<Vec<u8>, ResourceError>,
    ) -> Result<usize, ResourceError> {
        let key = ChunkKey { archive: self.archive, place };
        // What is left of the chunk fits in memory if the buffer does.
        let nbytes = size.saturating_sub(begin).min(buf.len() as u64) as usize;
        let buf = &mut buf[..nbytes];
        let scratch = self.cache.scratch.as_ref().filter(|_| size >= LARGE_CHUNK);
        if scratch.is_some_and(|scratch| scratch.read(&key, begin, buf)) {
            return Ok(nbytes);
        }
        let chunk = self.cache.state().slot(key, size, self.cache.limit);
        let mut is_new = false;
        let decoded = chunk.get_or_init(|| {
            is_new = true;
            decode()
        });
        let bytes = decoded.as_ref().map_err(|error| *error)?;
        buf.copy_from_slice(&bytes[begin as usize..][..nbytes]);
        if is_new && scratch.is_some_and(|scratch| scratch.keep(key, bytes)) {
            self.cache.state().forget(&key);
        }
        Ok(nbytes)
    }
}

impl State {
    /// The slot of a chunk, as the one used last; makes room if it is a new one.
    fn slot(&mut self, key: ChunkKey, size: u64, limit: u64) -> Chunk {
        self.clock += 1;
        if let Some(slot) = self.slots.get_mut(&key) {
            self.by_use.remove(&slot.used);
            self.by_use.insert(self.clock, key);
            slot.used = self.clock;
            return Arc::clone(&slot.chunk);
        }
        self.make_room(size, limit);
        let chunk = Chunk::default();
        self.by_use.insert(self.clock, key);
        self.slots.insert(key, Slot { chunk: Arc::clone(&chunk), size, used: self.clock });
        self.bytes += size;
        chunk
    }

    fn forget(&mut self, key: &ChunkKey) {
        if let Some(slot) = self.slots.remove(key) {
            self.by_use.remove(&slot.used);
            self.bytes -= slot.size;
        }
    }

    fn make_room(&mut self, size: u64, limit: u64) {
        if self.bytes + size <= limit {
            return;
        }
        let (mut bytes, mut count) = (self.bytes, self.slots.len());
        let mut gone = Vec::new();
        for key in self.by_use.values() {
            if bytes + size <= limit || count < LEAST_CHUNKS {
                break;
            }
            // Forgetting what somebody reads or decodes would free nothing, and have it decoded again.
            let slot = &self.slots[key];
            if Arc::strong_count(&slot.chunk) == 1 {
                gone.push(*key);
                bytes -= slot.size;
                count -= 1;
            }
        }
        gone.iter().for_each(|key| self.forget(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::os::Dir;

    fn place(index: u64) -> ChunkPlace {
        ChunkPlace { file: 0, resource: 208, index }
    }

    /// Reads from a chunk of some bytes; whether it had to be decoded.
    fn is_decoded_of(size: u64, share: &CacheShare, index: u64) -> bool {
        let mut decoded = false;
        let mut buf = [0xFF; 20];
        let nbytes = share.read(place(index), size, size - 10, &mut buf, || {
            decoded = true;
            Ok(vec![index as u8; size as usize])
        });
        assert_eq!((nbytes, &buf[..10], buf[10]), (Ok(10), &[index as u8; 10][..], 0xFF));
        decoded
    }

    fn is_decoded(share: &CacheShare, index: u64) -> bool {
        is_decoded_of(100, share, index)
    }

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let cache = ChunkCache::new(350);
        let share = cache.share();
        for index in 0..3 {
            assert!(is_decoded(&share, index));
        }
        assert!(!is_decoded(&share, 0));
        assert!(is_decoded(&share, 3), "1 makes room");
        assert_eq!([0, 2, 3, 1].map(|index| is_decoded(&share, index)), [false, false, false, true]);
        assert_eq!(cache.state().bytes, 300);
    }

    #[test]
    fn two_chunks_stay_however_large() {
        let share = ChunkCache::new(0).share();
        assert_eq!([0, 1, 0, 1, 2, 1].map(|index| is_decoded(&share, index)), [true, true, false, false, true, false]);
    }

    #[test]
    fn archives_are_told_apart() {
        let cache = ChunkCache::new(1000);
        assert!(is_decoded(&cache.share(), 0) && is_decoded(&cache.share(), 0));
    }

    #[test]
    fn what_is_in_use_stays() {
        let cache = ChunkCache::new(200);
        let share = cache.share();
        is_decoded(&share, 0);
        let held = Arc::clone(&cache.state().slots[&ChunkKey { archive: 0, place: place(0) }].chunk);
        for index in 1..5 {
            is_decoded(&share, index);
        }
        assert!(!is_decoded(&share, 0));
        drop(held);
        for index in 1..5 {
            is_decoded(&share, index);
        }
        assert!(is_decoded(&share, 0));
    }

    #[test]
    fn an_error_is_kept_as_well() {
        let share = ChunkCache::new(1000).share();
        let error = ResourceError::NoFormat { offset: 7 };
        for _ in 0..2 {
            assert_eq!(share.read(place(0), 10, 0, &mut [0; 4], || Err(error)), Err(error));
        }
    }

    #[test]
    fn many_threads_decode_a_chunk_once() {
        use rayon::prelude::*;
        let share = ChunkCache::new(1 << 20).share();
        let decoded = (0..1000_u64).into_par_iter().filter(|index| is_decoded(&share, index % 10)).count();
        assert_eq!(decoded, 10);
    }

    #[test]
    fn large_chunks_are_decoded_once_and_held_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let cache = ChunkCache::with_scratch(0, directory.path()).unwrap();
        let share = cache.share();
        for is_first in [true, false] {
            for index in 0..5 {
                // Where less than 1 GiB is free they are not kept, which is no fault.
                let free = Dir::open(directory.path()).unwrap().free_bytes();
                let is_kept = free.is_none_or(|free| free > 2 << 30);
                assert_eq!(is_decoded_of(LARGE_CHUNK, &share, index), is_first || !is_kept);
            }
        }
        assert_eq!(cache.state().slots.len(), 0);
        let files = || std::fs::read_dir(directory.path()).unwrap().count();
        assert!(cfg!(windows) || files() == 0, "the file has no name");
        drop((cache, share));
        assert_eq!(files(), 0);
    }
}

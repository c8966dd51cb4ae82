//! Large chunks on disk.
//!
//! A chunk of a solid resource may have 64 MiB, of which a reader of small files wants a few thousand bytes, then some of
//! another one. Few such chunks fit in memory, and decoding one takes a second: so each is decoded once, and goes to a file
//! without a name, which the system takes away with the process. What of it is in memory then is the system's business.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::ChunkKey;
use crate::util::os::Dir;
use crate::util::read_at::read_exact_at;
use crate::util::write_at::write_all_at;

/// Room that is left to others on the file system, in bytes.
const LEFT_FREE: u64 = 1 << 30;

#[derive(Debug)]
pub(super) struct Scratch {
    file: File,
    /// Where the file is, to see how much room there is.
    directory: Dir,
    chunks: Mutex<Chunks>,
}

#[derive(Debug, Default)]
struct Chunks {
    offsets: HashMap<ChunkKey, u64>,
    end: u64,
}

impl Scratch {
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(directory)?, directory: Dir::open(directory)?, chunks: Mutex::default() })
    }

    /// Fills `buf` from byte `begin` of a chunk on; answers whether it was there.
    pub(super) fn read(&self, key: &ChunkKey, begin: u64, buf: &mut [u8]) -> bool {
        let offset = self.chunks.lock().unwrap_or_else(PoisonError::into_inner).offsets.get(key).copied();
        offset.is_some_and(|offset| read_exact_at(&self.file, buf, offset + begin).is_ok())
    }

    /// Keeps a chunk; answers whether there was room.
    pub(super) fn keep(&self, key: ChunkKey, bytes: &[u8]) -> bool {
        let nbytes = bytes.len() as u64;
        if self.directory.free_bytes().is_some_and(|free| free < nbytes + LEFT_FREE) {
            return false;
        }
        let offset = {
            let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
            chunks.end += nbytes;
            chunks.end - nbytes
        };
        let is_written = write_all_at(&self.file, bytes, offset).is_ok();
        if is_written {
            self.chunks.lock().unwrap_or_else(PoisonError::into_inner).offsets.insert(key, offset);
        }
        is_written
    }
}

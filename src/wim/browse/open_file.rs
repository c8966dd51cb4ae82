//! Reading the content of a file or stream.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::BrowseError;
use super::hash_check::HashCheck;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use crate::wim::blob_reader::BlobReader;

/// Blobs whose content is known not to be what it should be.
pub(super) type Damaged = Arc<Mutex<HashSet<Sha1>>>;

/// A file that is open. Any number of threads may read it.
pub struct OpenFile {
    path: String,
    size: u64,
    content: Option<Content>,
}

struct Content {
    sha1: Sha1,
    reader: BlobReader,
    check: Mutex<HashCheck>,
    damaged: Damaged,
}

impl OpenFile {
    /// One without any content.
    pub(super) fn empty(path: String) -> Self {
        Self { path, size: 0, content: None }
    }

    pub(super) fn new(path: String, sha1: Sha1, reader: BlobReader, damaged: Damaged) -> Self {
        let size = reader.size();
        Self { path, size, content: Some(Content { sha1, reader, check: Mutex::new(HashCheck::new(size)), damaged }) }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Up to `nbytes` bytes at `offset`, fewer only at its end. What is read from begin to end is compared with its hash.
    ///
    /// # Errors
    /// [`BrowseError::Unreadable`], or [`BrowseError::Hash`], if the content is damaged.
    pub fn read(&self, offset: u64, nbytes: usize) -> Result<Vec<u8>, BrowseError> {
        let left = self.size.saturating_sub(offset);
        let nbytes = usize::try_from(left).map_or(nbytes, |left| left.min(nbytes));
        let Some(content) = self.content.as_ref().filter(|_| nbytes > 0) else { return Ok(Vec::new()) };
        let mut bytes = vec![0; nbytes];
        content.reader.read_exact_at(&mut bytes, offset).map_err(|error| self.unreadable(content.sha1, error))?;
        let hash = content.check.lock().unwrap_or_else(PoisonError::into_inner).feed(offset, &bytes);
        let mut damaged = content.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        match hash.filter(|found| *found != content.sha1) {
            Some(found) => {
                damaged.insert(content.sha1);
                Err(BrowseError::Hash { path: self.path.clone(), expected: content.sha1, found })
            }
            None if damaged.contains(&content.sha1) => {
                let error = io::Error::new(io::ErrorKind::InvalidData, "it was found damaged before");
                Err(self.unreadable(content.sha1, error))
            }
            None => Ok(bytes),
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`OpenFile::read`]; [`BrowseError::TooLarge`] for more than `limit` bytes.
    pub fn read_all(&self, limit: u64) -> Result<Vec<u8>, BrowseError> {
        match usize::try_from(self.size) {
            Ok(nbytes) if self.size <= limit => self.read(0, nbytes),
            _ => Err(BrowseError::TooLarge { path: self.path.clone(), size: self.size, limit }),
        }
    }

    fn unreadable(&self, sha1: Sha1, error: io::Error) -> BrowseError {
        BrowseError::Unreadable { path: self.path.clone(), sha1, error }
    }
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}

//! The numbers that the XML document states about an image.

use super::Metadata;
use crate::util::sha1::Sha1;

/// How much an image holds. A file's size is that of all its streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Names of directories, the root included.
    pub directories: u64,
    /// Names of everything else.
    pub files: u64,
    /// Σ over files of size × number of names, in bytes.
    pub total_bytes: u64,
    /// Σ over files of size × (number of names − 1), in bytes.
    pub hard_link_bytes: u64,
}

impl Metadata {
    /// Counts the tree; `blob_size` tells the uncompressed size of a blob, 0 if it is unknown.
    pub fn statistics(&self, mut blob_size: impl FnMut(&Sha1) -> u64) -> Statistics {
        let mut statistics = Statistics::default();
        for entry in self.entries() {
            // A link to a directory is no directory here: other tools count so.
            if entry.is_directory() && !entry.is_reparse_point() {
                statistics.directories += 1;
            } else {
                statistics.files += 1;
            }
            if entry.first_link() != entry.id() {
                continue;
            }
            let streams = entry.streams().filter(|stream| !stream.is_empty());
            // Sizes come out of a table that may be hostile.
            let size = streams.fold(0u64, |sum, stream| sum.saturating_add(blob_size(&stream.sha1)));
            let links = entry.link_count() as u64;
            statistics.total_bytes = statistics.total_bytes.saturating_add(size.saturating_mul(links));
            statistics.hard_link_bytes = statistics.hard_link_bytes.saturating_add(size.saturating_mul(links - 1));
        }
        statistics
    }
}

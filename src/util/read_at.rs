//! Positioned reading: one face for a file, a mapped file and a slice.

use std::borrow::Cow;
use std::io;

/// Random access to bytes that do not change while they are read.
pub trait ReadAt: Send + Sync {
    /// The length in bytes.
    fn size(&self) -> u64;

    /// Fills `buf` from the bytes at `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the source ends before `buf` is full; any other error of the source.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// All bytes as one slice, where the source is memory or mapped.
    fn as_slice(&self) -> Option<&[u8]> {
        None
    }

    /// The file behind the source and the offset at which the source begins in it, where the bytes are a plain range
    /// of a file: lets a copy stay inside the kernel.
    fn as_file(&self) -> Option<(&std::fs::File, u64)> {
        None
    }
}

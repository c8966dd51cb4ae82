//! Where the contents of named streams wait until their files are there.
//!
//! Blobs come in the order in which they are stored, the one of a stream perhaps before that of its file. Streams are few and
//! small as a rule, but nobody keeps them from being large: what waits is in a temporary file, not in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

/// A piece of what waits, in bytes of the temporary file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    offset: u64,
    nbytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Spool(Mutex<Option<File>>);

impl Spool {
    /// Takes in the pieces of a content, one behind the other.
    pub(super) fn put<'d>(&self, pieces: impl IntoIterator<Item = &'d [u8]>) -> io::Result<Extent> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let offset = file.seek(SeekFrom::End(0))?;
        let mut nbytes = 0;
        for piece in pieces {
            file.write_all(piece)?;
            nbytes += piece.len() as u64;
        }
        Ok(Extent { offset, nbytes })
    }

    /// Copies what waits to `to`.
    pub(super) fn take(&self, extents: &[Extent], to: &mut impl Write) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &mut *file else { return Ok(()) };
        for Extent { offset, nbytes } in extents {
            file.seek(SeekFrom::Start(*offset))?;
            if io::copy(&mut file.take(*nbytes), to)? < *nbytes {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_in_order() {
        let spool = Spool::default();
        let one = spool.put([&b"ab"[..], b"c"]).unwrap();
        let other = spool.put([&b"-"[..]]).unwrap();
        let two = spool.put([&b"def"[..]]).unwrap();
        let take = |extents: &[Extent]| {
            let mut out = Vec::new();
            spool.take(extents, &mut out).unwrap();
            out
        };
        assert_eq!(take(&[one, two]), b"abcdef");
        assert_eq!(take(&[other]), b"-");
        assert_eq!(take(&[]), b"");
    }
}

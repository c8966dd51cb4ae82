//! A file that lies in pieces of an image.

use std::io;
use std::sync::Arc;

use crate::util::read_at::ReadAt;

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where it lies in the image; nowhere if it is all zeros.
    pub(super) offset: Option<u64>,
    pub(super) length: u64,
}

/// Appends a piece; one that goes on where the last ends becomes part of it.
pub(super) fn push(extents: &mut Vec<Extent>, extent: Extent) {
    match (extents.last_mut(), extent.offset) {
        (Some(last), Some(offset)) if last.offset.is_some_and(|begin| begin + last.length == offset) => {
            last.length += extent.length;
        }
        _ if extent.length == 0 => {}
        _ => extents.push(extent),
    }
}

/// Reads a file by position.
pub(super) struct ExtentReader {
    source: Arc<dyn ReadAt>,
    /// Each with where it begins in the file.
    extents: Vec<(u64, Extent)>,
    size: u64,
}

impl ExtentReader {
    /// The first `size` bytes of the extents.
    pub(super) fn new(source: Arc<dyn ReadAt>, extents: &[Extent], size: u64) -> Self {
        let mut begin = 0;
        let with_begin = extents.iter().map(|&extent| {
            let at = begin;
            begin += extent.length;
            (at, extent)
        });
        let extents = with_begin.collect();
        Self { source, extents, size: size.min(begin) }
    }
}

impl ReadAt for ExtentReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut index = self.extents.partition_point(|&(begin, _)| begin <= offset).saturating_sub(1);
        while !buf.is_empty() {
            let (begin, extent) = self.extents[index];
            let inside = offset - begin;
            let count = (extent.length - inside).min(buf.len() as u64) as usize;
            let (now, later) = std::mem::take(&mut buf).split_at_mut(count);
            match extent.offset {
                Some(at) => self.source.read_exact_at(now, at + inside)?,
                None => now.fill(0),
            }
            buf = later;
            offset += count as u64;
            index += 1;
        }
        Ok(())
    }

    fn as_slice(&self) -> Option<&[u8]> {
        match self.extents[..] {
            [] => Some(&[]),
            [(_, Extent { offset: Some(offset), .. })] => {
                self.source.as_slice()?.get(usize::try_from(offset).ok()?..)?.get(..usize::try_from(self.size).ok()?)
            }
            _ => None,
        }
    }
}

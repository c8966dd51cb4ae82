//! Files of a cabinet as sources of their own.
//!
//! A folder can only be decoded from its beginning, so files that are to be read here and there are decoded once and kept
//! together: in memory while they are small, else in one file without a name, which is gone when the last of the sources is.
//! What several files share is kept once: it is never more than the folders have.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use tempfile::SpooledTempFile;

use super::folder::Stopped;
use super::{CabError, Cabinet};
use crate::util::read_at::{self, ReadAt};

/// More than this is kept on disk. Many cabinets may be open at once.
const MAX_IN_MEMORY: usize = 1 << 16;

/// The content of a file, or why it cannot be had.
pub type Opened<'a> = Result<Box<dyn ReadAt>, &'a CabError>;

impl Cabinet {
    /// Opens files, given by their indices, for reading at any place. Each folder is decoded once, and `receive` gets every file
    /// with its index: its content, or why it cannot be had.
    pub fn open_files(&self, files: &[usize], receive: &mut dyn FnMut(usize, Opened<'_>)) {
        let mut by_folder = vec![Vec::new(); self.folders.len()];
        files.iter().for_each(|file| by_folder[self.files[*file].folder].push(*file));
        let mut kept = Kept { file: SpooledTempFile::new(MAX_IN_MEMORY), size: 0, found: Vec::new() };
        for (folder, mut files) in by_folder.into_iter().enumerate().filter(|(_, files)| !files.is_empty()) {
            files.sort_by_key(|file| (self.files[*file].offset, *file));
            if let Err((problem, unfinished)) = self.keep_files(folder, &files, &mut kept) {
                unfinished.into_iter().for_each(|file| receive(file, Err(&problem)));
            }
        }
        let Kept { file, found, .. } = kept;
        match read_at::spooled(file).map(Arc::<dyn ReadAt>::from) {
            Ok(kept) => found.into_iter().for_each(|(file, at)| {
                let (kept, size) = (Arc::clone(&kept), self.files[file].size);
                receive(file, Ok(Box::new(Content { kept, at, size })));
            }),
            Err(source) => {
                let problem = self.io_error(source);
                found.into_iter().for_each(|(file, _)| receive(file, Err(&problem)));
            }
        }
    }

    /// Decodes a folder as far as it is needed for files of it, which are in the order of their beginnings, and keeps those. On an
    /// error tells which are not complete.
    fn keep_files(&self, folder: usize, files: &[usize], kept: &mut Kept) -> Result<(), (CabError, Vec<usize>)> {
        let range = |file: &usize| (self.files[*file].offset, self.files[*file].offset + self.files[*file].size);
        let pieces = pieces(files.iter().map(range), kept.size);
        let end = pieces.last().map_or(0, |piece| piece.end);
        let mut decoded = 0;
        let result = kept.begin().map_err(|source| self.io_error(source)).and_then(|()| {
            if pieces.is_empty() {
                return Ok(());
            }
            let mut next = 0;
            let read = self.read_folder(folder, |position, data| {
                let so_far = position + data.len() as u64;
                while let Some(piece) = pieces.get(next).filter(|piece| piece.start < so_far) {
                    let (from, to) = (piece.start.max(position), piece.end.min(so_far));
                    kept.write(&data[(from - position) as usize..(to - position) as usize]).map_err(Some)?;
                    if piece.end > so_far {
                        break;
                    }
                    next += 1;
                }
                decoded = so_far;
                if decoded < end { Ok(()) } else { Err(None) }
            });
            match read {
                Err(Stopped::Receiver(None)) => Ok(()),
                Err(Stopped::Receiver(Some(source))) => Err(self.io_error(source)),
                Err(Stopped::Damaged(problem)) => Err(problem),
                Ok(()) => {
                    let unfinished = files.iter().find(|file| range(file).1 > decoded);
                    unfinished.map_or(Ok(()), |file| Err(self.folder_ends_early(folder, *file)))
                }
            }
        });
        let is_complete = |file: &usize| self.files[*file].size == 0 || range(file).1 <= decoded;
        let (complete, unfinished) = files.iter().copied().partition::<Vec<usize>, _>(is_complete);
        kept.found.extend(complete.into_iter().map(|file| {
            let offset = self.files[file].offset;
            let piece = pieces.partition_point(|piece| piece.start <= offset).checked_sub(1);
            (file, piece.map_or(0, |piece| pieces[piece].at + offset - pieces[piece].start))
        }));
        result.map_err(|problem| (problem, unfinished))
    }

    fn io_error(&self, source: io::Error) -> CabError {
        CabError::Io { path: self.parts[0].path.clone(), source }
    }
}

/// A piece of a folder that files need, perhaps several of them.
struct Piece {
    start: u64,
    end: u64,
    /// Where it is kept.
    at: u64,
}

/// The pieces that the ranges of files amount to; the ranges are in the order of their beginnings. They are kept from `at` on.
fn pieces(ranges: impl Iterator<Item = (u64, u64)>, mut at: u64) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (start, end) in ranges.filter(|(start, end)| start < end) {
        match pieces.last_mut().filter(|last| start <= last.end) {
            Some(last) => {
                at += end.saturating_sub(last.end);
                last.end = last.end.max(end);
            }
            None => {
                pieces.push(Piece { start, end, at });
                at += end - start;
            }
        }
    }
    pieces
}

/// What is kept of all folders.
struct Kept {
    file: SpooledTempFile,
    /// How many bytes of it count.
    size: u64,
    /// Files that are complete, and where they begin.
    found: Vec<(usize, u64)>,
}

impl Kept {
    /// Goes to the end of what counts: a write that failed may have left something behind it.
    fn begin(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.size)).map(|_| ())
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)?;
        self.size += data.len() as u64;
        Ok(())
    }
}

/// A file in what is kept.
struct Content {
    kept: Arc<dyn ReadAt>,
    at: u64,
    size: u64,
}

impl ReadAt for Content {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.size);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.kept.read_exact_at(buf, self.at + offset)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        self.kept.as_slice()?.get(self.at as usize..)?.get(..self.size as usize)
    }
}

#[cfg(test)]
mod tests;

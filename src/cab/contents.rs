//! Files of a cabinet as sources of their own.
//!
//! A folder can only be decoded from its beginning, so a file that is to be read here and there is decoded once and kept: in
//! memory while it is small, else in a file without a name, which is gone when the source is.

use std::io::Write;
use std::path::Path;

use tempfile::SpooledTempFile;

use super::sink::{Ended, Sink};
use super::{CabError, Cabinet};
use crate::util::read_at::{self, ReadAt};

/// Files beyond this are kept on disk.
const MAX_IN_MEMORY: usize = 1 << 20;

/// The content of a file, or why it cannot be had.
pub type Opened<'a> = Result<Box<dyn ReadAt>, &'a CabError>;

impl Cabinet {
    /// Opens files, given by their indices, for reading at any place. Each folder is decoded once, and `receive` gets every file
    /// with its index: its content, or why it cannot be had.
    pub fn open_files(&self, files: &[usize], receive: &mut dyn FnMut(usize, Opened<'_>)) {
        let mut by_folder = vec![Vec::new(); self.folders.len()];
        files.iter().for_each(|file| by_folder[self.files[*file].folder].push(*file));
        for (folder, files) in by_folder.into_iter().enumerate().filter(|(_, files)| !files.is_empty()) {
            let mut keeper = Keeper { path: &self.parts[0].path, receive };
            if let Err(Ended::Damaged { problem, unfinished }) = self.read_files(folder, files, &mut keeper) {
                unfinished.into_iter().for_each(|file| receive(file, Err(&problem)));
            }
        }
    }
}

/// Keeps what goes by.
struct Keeper<'a> {
    /// The cabinet, for messages.
    path: &'a Path,
    receive: &'a mut dyn FnMut(usize, Opened<'_>),
}

impl Sink for Keeper<'_> {
    type File = SpooledTempFile;
    type Error = std::convert::Infallible;

    fn begin(&mut self, _: usize) -> Result<Option<Self::File>, Self::Error> {
        Ok(Some(SpooledTempFile::new(MAX_IN_MEMORY)))
    }

    fn write(&mut self, file: usize, mut open: Self::File, piece: &[u8]) -> Result<Option<Self::File>, Self::Error> {
        Ok(match open.write_all(piece) {
            Ok(()) => Some(open),
            Err(source) => {
                (self.receive)(file, Err(&CabError::Io { path: self.path.to_owned(), source }));
                None
            }
        })
    }

    fn finish(&mut self, file: usize, open: Self::File) -> Result<(), Self::Error> {
        match read_at::spooled(open) {
            Ok(source) => (self.receive)(file, Ok(source)),
            Err(source) => (self.receive)(file, Err(&CabError::Io { path: self.path.to_owned(), source })),
        }
        Ok(())
    }
}

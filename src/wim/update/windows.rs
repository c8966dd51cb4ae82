//! The Windows of an image that was changed: stated anew where one of the files changed that tell about it.

use super::write::Task;
use crate::util::read_at::ReadAt;
use crate::util::sha1::Sha1;
use crate::wim::blob_reader::BlobReader;
use crate::wim::metadata::{DentryId, Metadata};
use crate::wim::windows::{Description, Files, Windows};
use std::io;

/// The files of an image, which get their contents from `open`.
struct ImageFiles<'a, O> {
    tree: &'a Metadata,
    open: O,
}

impl<'a, O: Fn(Sha1) -> io::Result<Box<dyn ReadAt + 'a>>> Files for ImageFiles<'a, O> {
    type File = DentryId;

    fn directories(&self) -> Vec<(DentryId, String)> {
        let children = self.tree.root().children();
        let directories = children.filter(|entry| entry.is_directory() && !entry.is_reparse_point());
        directories.map(|entry| (entry.id(), entry.name().to_string())).collect()
    }

    fn find(&self, directory: DentryId, path: &[&str]) -> Option<DentryId> {
        let found = self.tree.descend(directory, path.iter().copied())?;
        let is_file = !found.is_directory() && !found.is_reparse_point() && !found.is_encrypted();
        is_file.then(|| found.id())
    }

    fn open(&self, file: DentryId) -> io::Result<Box<dyn ReadAt + '_>> {
        match self.tree.entry(file).data_hash().filter(|sha1| !sha1.is_zero()) {
            Some(sha1) => (self.open)(sha1),
            None => Ok(Box::new(io::Cursor::new([]))),
        }
    }

    fn path(&self, file: DentryId) -> String {
        self.tree.entry(file).path()
    }
}

/// The name of the Windows directory, and the hashes of the files that tell about it.
#[derive(PartialEq, Eq)]
pub(super) struct Signs(String, [Option<Sha1>; 4]);

impl Signs {
    /// Those of an image; `None` if it holds no Windows.
    pub(super) fn of(tree: &Metadata) -> Option<Self> {
        let nothing = |_| -> io::Result<Box<dyn ReadAt>> { Err(io::ErrorKind::Unsupported.into()) };
        let windows = Windows::find(&ImageFiles { tree, open: nothing })?;
        let hash = |file: DentryId| tree.entry(file).data_hash().unwrap_or_default();
        Some(Self(windows.system_root().to_owned(), windows.sources().map(|file| file.map(hash))))
    }
}

impl Task<'_> {
    /// What is to be stated about the Windows in the changed `tree`. `None` if that is what was stated before, or if there is
    /// no Windows.
    pub(super) fn describe(&self, tree: &Metadata, before: Option<&Signs>) -> Option<Description> {
        if Signs::of(tree).as_ref() == before {
            return None;
        }
        let files = ImageFiles { tree, open: |sha1| self.open(sha1) };
        Windows::find(&files).map(|windows| windows.describe(&files))
    }

    /// Opens a blob of the changed file, which may not be in it yet.
    fn open(&self, sha1: Sha1) -> io::Result<Box<dyn ReadAt + '_>> {
        let stored = self.stored.hashes.iter().position(|hash| *hash == Some(sha1));
        if let Some(opened) = stored.and_then(|content| self.gathered.scan.open_content(content as u32)) {
            return opened;
        }
        for wim in &self.transfer.wims {
            if let Some(blob) = wim.contents().map_err(io::Error::other)?.find(&sha1) {
                let reader = BlobReader::new(*wim, blob, self.options.memory).map_err(io::Error::other)?;
                return Ok(Box::new(reader));
            }
        }
        Err(io::Error::other(format!("its content, blob {sha1}, is in no file at hand")))
    }
}

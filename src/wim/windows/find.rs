//! Where in a tree a Windows is.

use crate::util::read_at::ReadAt;
use std::io;

/// A tree of files, on disk or in an image.
pub(in crate::wim) trait Files {
    /// Names a file or directory.
    type File: Copy + Eq;

    /// The directories in the root, and their names.
    fn directories(&self) -> Vec<(Self::File, String)>;

    /// What is at a path below a directory; letter case does not count.
    fn find(&self, directory: Self::File, path: &[&str]) -> Option<Self::File>;

    /// Opens a file to be read.
    fn open(&self, file: Self::File) -> io::Result<Box<dyn ReadAt + '_>>;

    /// What messages call it.
    fn path(&self, file: Self::File) -> String;
}

/// A Windows directory, and the files in it that tell about it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wim) struct Windows<F> {
    system_root: String,
    pub(super) library: Option<F>,
    pub(super) kernel: Option<F>,
    pub(super) software: Option<F>,
    pub(super) system: Option<F>,
}

impl<F: Copy + Eq> Windows<F> {
    /// The Windows in a tree: the directory in its root that has the most of its signs (the library and the two hives); of
    /// several, the one called so.
    pub(in crate::wim) fn find(files: &impl Files<File = F>) -> Option<Self> {
        let candidates = files.directories().into_iter().map(|(directory, name)| {
            let file = |path: &[&str]| files.find(directory, path);
            Self {
                library: file(&["System32", "kernel32.dll"]),
                kernel: file(&["System32", "ntoskrnl.exe"]),
                software: file(&["System32", "config", "SOFTWARE"]),
                system: file(&["System32", "config", "SYSTEM"]),
                system_root: name,
            }
        });
        let rank = |windows: &Self| (windows.signs(), windows.system_root.eq_ignore_ascii_case("windows"));
        candidates.filter(|windows| windows.signs() > 0).max_by_key(rank)
    }

    fn signs(&self) -> usize {
        [self.library, self.software, self.system].iter().flatten().count()
    }

    /// The name of its directory.
    pub(in crate::wim) fn system_root(&self) -> &str {
        &self.system_root
    }

    /// The files that tell about it.
    pub(in crate::wim) fn sources(&self) -> [Option<F>; 4] {
        [self.library, self.kernel, self.software, self.system]
    }
}

//! Reading ISO images: which files they hold, and where in the image each lies.
//!
//! UDF counts if there is one: on Windows' media the ISO 9660 part is a stub. Nothing is copied: a file is a [`ReadAt`] over its
//! extents, so that a WIM of 6 GiB in an image is read where it lies.

mod error;
mod extents;
mod field;
mod iso9660;
mod udf;
mod volume;

#[cfg(test)]
mod tests;

pub use error::{IsoError, Problem};

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use self::extents::{Extent, ExtentReader};
use super::MAX_DEPTH;
use crate::util::filetime::FileTime;
use crate::util::read_at::ReadAt;

/// An image with more files and directories is no installation medium, or made to exhaust its reader.
const MAX_ENTRIES: usize = 1_000_000;
/// Bytes of all directories' lists.
const MAX_LISTS: u64 = 512 << 20;
/// Extents of all files. They may share their descriptions, so that a small image could ask for any number.
const MAX_EXTENTS: usize = 4_000_000;
/// Bytes of a path, as the format allows them.
const MAX_PATH: usize = 1023;

/// A file in an image.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path, with `/` between the parts.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// When it was written last.
    pub time: FileTime,
    extents: Vec<Extent>,
}

/// An image that was opened, with the list of its files.
pub struct IsoImage {
    source: Arc<dyn ReadAt>,
    label: String,
    files: Vec<File>,
    by_name: HashMap<String, usize>,
    warnings: Vec<String>,
}

impl std::fmt::Debug for IsoImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IsoImage").field("label", &self.label).field("files", &self.files.len()).finish_non_exhaustive()
    }
}

/// What a file system's reader has found.
#[derive(Debug, Default)]
struct Found {
    label: String,
    files: Vec<File>,
    warnings: Vec<String>,
}

impl IsoImage {
    /// Whether `source` looks like an image: it announces one of the file systems where that is announced.
    pub fn is_one(source: &dyn ReadAt) -> bool {
        volume::announced(source).is_some()
    }

    /// Opens an image and lists its files; `path` is what messages call it.
    ///
    /// # Errors
    /// [`IsoError`]: neither file system is there, or what describes it is damaged.
    pub fn open(source: Box<dyn ReadAt>, path: &Path) -> Result<Self, IsoError> {
        let source: Arc<dyn ReadAt> = source.into();
        let error = |problem: Problem| IsoError { path: path.to_owned(), problem };
        let announced = volume::announced(&*source).unwrap_or_default();
        // A volume may have lost what announces it.
        let found = match volume::Volume::open(&source) {
            Ok(volume) => udf::list(&source, &volume).map_err(error)?,
            Err(problem) if announced.udf || !announced.iso9660 => return Err(error(problem)),
            Err(_) => iso9660::list(&source).map_err(error)?,
        };
        let Found { label, files, mut warnings } = found;
        let mut by_name = HashMap::with_capacity(files.len());
        let mut found = Vec::with_capacity(files.len());
        for file in files {
            match by_name.entry(file.path.to_lowercase()) {
                Entry::Vacant(place) => {
                    place.insert(found.len());
                    found.push(file);
                }
                Entry::Occupied(_) => {
                    warnings.push(format!("{}: hidden by a file whose name differs in letter case at most", file.path));
                }
            }
        }
        let files = found;
        Ok(Self { source, label, files, by_name, warnings })
    }

    /// Opens the image in a file.
    ///
    /// # Errors
    /// As [`IsoImage::open`], or the file cannot be read.
    pub fn open_file(path: &Path, no_mmap: bool) -> Result<Self, IsoError> {
        let source = crate::util::read_at::open(path, no_mmap);
        let source = source.map_err(|source| IsoError { path: path.to_owned(), problem: source.into() })?;
        Self::open(source, path)
    }

    /// The volume's name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// All files, directory by directory.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// What is odd and does not keep files from being read.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The file at a path, with `/` or `\` between its parts; letter case does not count.
    pub fn find(&self, path: &str) -> Option<&File> {
        let name = path.replace('\\', "/").to_lowercase();
        self.by_name.get(name.trim_matches('/')).map(|&index| &self.files[index])
    }

    /// The bytes of a file of this image.
    pub fn contents(&self, file: &File) -> Box<dyn ReadAt> {
        Box::new(ExtentReader::new(Arc::clone(&self.source), &file.extents, file.size))
    }
}

/// What reading the list of files may cost: an image could describe the same again and again.
#[derive(Debug, Default)]
struct Budget {
    entries: usize,
    extents: usize,
    list_bytes: u64,
}

impl Budget {
    fn entry(&mut self, offset: u64) -> Result<(), Problem> {
        self.entries += 1;
        within(offset, "files and directories", self.entries as u64, MAX_ENTRIES as u64)
    }

    fn extent(&mut self, offset: u64) -> Result<(), Problem> {
        self.extents += 1;
        within(offset, "extents of files", self.extents as u64, MAX_EXTENTS as u64)
    }

    fn list(&mut self, offset: u64, size: u64) -> Result<(), Problem> {
        self.list_bytes = self.list_bytes.saturating_add(size);
        within(offset, "bytes in the lists of directories", self.list_bytes, MAX_LISTS)
    }
}

fn within(offset: u64, what: &'static str, count: u64, limit: u64) -> Result<(), Problem> {
    if count > limit { Err(Problem::TooMany { offset, what, count, limit }) } else { Ok(()) }
}

/// A path below another.
fn below(directory: &str, name: &str, offset: u64) -> Result<String, Problem> {
    let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
    within(offset, "bytes in a path", path.encode_utf16().count() as u64, MAX_PATH as u64)?;
    Ok(path)
}

/// The problem of a name that leads elsewhere, or nowhere.
fn checked_name(name: String, offset: u64) -> Result<String, Problem> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
        return Err(Problem::Name { offset, name });
    }
    Ok(name)
}
